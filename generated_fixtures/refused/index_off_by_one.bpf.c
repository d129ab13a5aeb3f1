// SPDX-License-Identifier: MIT
// An index may be as large as the array is long.
#include "refused.h"

struct table {
	__u64 slots[16];
};

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct table);
} tables SEC(".maps");

SEC("socket")
int count(struct __sk_buff *skb)
{
	__u32 key = 0, index = skb->len;
	struct table *table = bpf_map_lookup_elem(&tables, &key);

	if (table && index <= 16)
		table->slots[index] += 1;
	return 0;
}

char LICENSE[] SEC("license") = "GPL";
