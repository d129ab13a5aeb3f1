// SPDX-License-Identifier: MIT
// Values with the newer fields that the kernel owns: list heads (6.2), trees (6.3), reference counts
// (6.4), pointers to memory per CPU (6.7) and work queues (6.10).  The kernel finds them in the BTF of
// the map's value, declaration tags included, or takes the map for one of plain bytes.
#define bpf_list_head older_bpf_list_head
#define bpf_list_node older_bpf_list_node
#define bpf_rb_root older_bpf_rb_root
#define bpf_rb_node older_bpf_rb_node
#define bpf_refcount older_bpf_refcount
#define bpf_wq older_bpf_wq
#include <linux/bpf.h>
#undef bpf_list_head
#undef bpf_list_node
#undef bpf_rb_root
#undef bpf_rb_node
#undef bpf_refcount
#undef bpf_wq
#include <bpf/bpf_helpers.h>

#define __contains(type, node) __attribute__((btf_decl_tag("contains:" #type ":" #node)))
#define __percpu_kptr __attribute__((btf_type_tag("percpu_kptr")))

struct bpf_list_head {
	__u64 opaque[2];
} __attribute__((aligned(8)));

struct bpf_list_node {
	__u64 opaque[3];
} __attribute__((aligned(8)));

struct bpf_rb_root {
	__u64 opaque[2];
} __attribute__((aligned(8)));

struct bpf_rb_node {
	__u64 opaque[4];
} __attribute__((aligned(8)));

struct bpf_refcount {
	__u32 opaque[1];
} __attribute__((aligned(4)));

struct bpf_wq {
	__u64 opaque[2];
} __attribute__((aligned(8)));

struct item {
	__u64 number;
	struct bpf_list_node link;
	struct bpf_refcount references;
};

struct leaf {
	struct bpf_rb_node node;
	__u64 number;
};

struct queue {
	__u32 length;
	struct bpf_spin_lock lock;
	struct bpf_list_head items __contains(item, link);
};

struct tree {
	struct bpf_spin_lock lock;
	struct bpf_rb_root root __contains(leaf, node);
	__u64 height;
};

struct deferred {
	__u32 done;
	struct bpf_wq work;
};

struct counter {
	__u64 total;
};

struct shared {
	struct counter __percpu_kptr *counters;
	__u32 users;
};

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 2);
	__type(key, __u32);
	__type(value, struct queue);
} queues SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 2);
	__type(key, __u32);
	__type(value, struct tree);
} trees SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 2);
	__type(key, __u32);
	__type(value, struct deferred);
} deferrals SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 2);
	__type(key, __u32);
	__type(value, struct shared);
} shares SEC(".maps");

/* Pretended uses: the compiler describes a struct in BTF only if it meets it. */
struct item *an_item;
struct leaf *a_leaf;

/* Counts the length of queue 0 under its lock. */
SEC("tc")
int lengthen(struct __sk_buff *skb)
{
	__u32 key = 0;
	struct queue *queue = bpf_map_lookup_elem(&queues, &key);

	if (!queue)
		return 1;
	bpf_spin_lock(&queue->lock);
	queue->length++;
	bpf_spin_unlock(&queue->lock);
	return 0;
}

char LICENSE[] SEC("license") = "GPL";
