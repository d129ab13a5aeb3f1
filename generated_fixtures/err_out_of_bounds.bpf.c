// SPDX-License-Identifier: MIT
// The verifier must refuse: the index may lie outside the value, in a subprogram.
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

struct table {
	__u32 slots[8];
};

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct table);
} tables SEC(".maps");

static __noinline __u32 slot_at(struct table *table, __u32 index)
{
	return table->slots[index];
}

SEC("socket")
int reads_outside(struct __sk_buff *skb)
{
	__u32 key = 0;
	struct table *table = bpf_map_lookup_elem(&tables, &key);

	return table ? slot_at(table, skb->len) : 0;
}

char LICENSE[] SEC("license") = "GPL";
