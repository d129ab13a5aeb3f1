// SPDX-License-Identifier: MIT
// Functions of a module, nf_conntrack, called from a program (5.18).
#include <linux/bpf.h>
#include <linux/in.h>
#include <bpf/bpf_helpers.h>

struct nf_conn {
} __attribute__((preserve_access_index));

struct bpf_ct_opts___local {
	__s32 netns_id;
	__s32 error;
	__u8 l4proto;
	__u8 dir;
	__u8 reserved[2];
};

extern struct nf_conn *bpf_skb_ct_lookup(struct __sk_buff *skb, struct bpf_sock_tuple *tuple,
					 __u32 tuple_size, struct bpf_ct_opts___local *options,
					 __u32 options_size) __ksym;
extern void bpf_ct_release(struct nf_conn *connection) __ksym;

int error = 1;

SEC("tc")
int looks_up(struct __sk_buff *skb)
{
	struct bpf_ct_opts___local options = { .netns_id = -1, .l4proto = IPPROTO_TCP };
	struct bpf_sock_tuple tuple = {};
	struct nf_conn *found;

	found = bpf_skb_ct_lookup(skb, &tuple, sizeof(tuple.ipv4), &options, sizeof(options));
	error = options.error;
	if (found)
		bpf_ct_release(found);
	return 0;
}

char LICENSE[] SEC("license") = "GPL";
