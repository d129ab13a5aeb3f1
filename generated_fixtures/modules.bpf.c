// SPDX-License-Identifier: MIT
// What modules of a distribution's kernel have for programs: x_tables (a variable per CPU, types),
// nf_conntrack and nf_nat (functions of both, 6.1; a function to trace).
#include <linux/bpf.h>
#include <linux/in.h>
#include <bpf/bpf_core_read.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>

#ifndef bpf_ksym_exists /* before libbpf 1.2 */
#define bpf_ksym_exists(sym) (!!(sym))
#endif

typedef struct seqcount {
	unsigned int sequence;
} seqcount_t;

extern const seqcount_t xt_recseq __ksym;

/* Both are in x_tables alone; their members are not in this order there. */
struct xt_table {
	int priority;
	unsigned char af;
} __attribute__((preserve_access_index));

struct xt_table___not_so {
	unsigned char no_such_member;
} __attribute__((preserve_access_index));

__u64 address, priority_at, af_at, table_size;
__u32 sequence = -1, exists, not_so = 1;

SEC("tc")
int looks(struct __sk_buff *skb)
{
	const seqcount_t *here = bpf_this_cpu_ptr(&xt_recseq);

	address = (__u64)&xt_recseq;
	sequence = here->sequence;
	return 0;
}

SEC("tc")
int knows(struct __sk_buff *skb)
{
	exists = bpf_core_type_exists(struct xt_table);
	not_so = bpf_core_field_exists(struct xt_table___not_so, no_such_member);
	table_size = bpf_core_type_size(struct xt_table);
	priority_at = bpf_core_field_offset(struct xt_table, priority);
	af_at = bpf_core_field_offset(struct xt_table, af);
	return 0;
}

struct nf_conn {
	unsigned long status;
} __attribute__((preserve_access_index));

struct nf_conn___init {
};

struct bpf_ct_opts___local {
	__s32 netns_id;
	__s32 error;
	__u8 l4proto;
	__u8 dir;
	__u8 reserved[2];
};

union nf_inet_addr {
	__u32 all[4];
};

enum nf_nat_manip_type {
	NF_NAT_MANIP_SRC,
	NF_NAT_MANIP_DST,
};

extern struct nf_conn___init *bpf_skb_ct_alloc(struct __sk_buff *skb, struct bpf_sock_tuple *tuple,
					       __u32 tuple_size, struct bpf_ct_opts___local *options,
					       __u32 options_size) __ksym;
extern struct nf_conn *bpf_ct_insert_entry(struct nf_conn___init *made) __ksym;
extern void bpf_ct_release(struct nf_conn *connection) __ksym;
extern void bpf_ct_set_timeout(struct nf_conn___init *made, __u32 milliseconds) __ksym;
extern int bpf_ct_set_nat_info(struct nf_conn___init *made, union nf_inet_addr *addr, int port,
			       enum nf_nat_manip_type manip) __ksym __weak;
extern void bpf_ct_no_such_function(struct nf_conn___init *made) __ksym __weak;

int set_nat = -1000, alloc_error = -1000;
__u64 status;

SEC("?tc")
int makes(struct __sk_buff *skb)
{
	struct bpf_ct_opts___local options = { .netns_id = -1, .l4proto = IPPROTO_UDP };
	struct bpf_sock_tuple tuple = {
		.ipv4 = { 0x0100007f, 0x0200007f, 0xd204, 0xe110 },
	};
	union nf_inet_addr to = { .all = { 0x0300007f } };
	struct nf_conn___init *made;
	struct nf_conn *inserted;

	made = bpf_skb_ct_alloc(skb, &tuple, sizeof(tuple.ipv4), &options, sizeof(options));
	alloc_error = options.error;
	if (!made)
		return 1;
	if (bpf_ksym_exists(bpf_ct_no_such_function))
		bpf_ct_no_such_function(made);
	if (bpf_ksym_exists(bpf_ct_set_nat_info))
		set_nat = bpf_ct_set_nat_info(made, &to, 5678, NF_NAT_MANIP_DST);
	bpf_ct_set_timeout(made, 1000);
	inserted = bpf_ct_insert_entry(made);
	if (!inserted)
		return 2;
	status = inserted->status;
	bpf_ct_release(inserted);
	return 0;
}

__u64 by_module, by_name;

SEC("?fexit/nf_conntrack:nf_conntrack_find_get")
int BPF_PROG(found_by_module)
{
	__sync_fetch_and_add(&by_module, 1);
	return 0;
}

SEC("?fentry/nf_conntrack_find_get")
int BPF_PROG(found_by_name)
{
	__sync_fetch_and_add(&by_name, 1);
	return 0;
}

SEC("?fentry/nf_nat:nf_conntrack_find_get")
int BPF_PROG(not_in_that_module)
{
	return 0;
}

char LICENSE[] SEC("license") = "GPL";
