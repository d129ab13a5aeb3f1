// SPDX-License-Identifier: MIT
// Maps of maps: the inner map declared apart and in place; user space fills the slots.
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

struct inner {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 4);
	__type(key, __u32);
	__type(value, __u64);
} inner_one SEC(".maps"), inner_two SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY_OF_MAPS);
	__uint(max_entries, 4);
	__type(key, __u32);
	__array(values, struct inner);
} outer SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_HASH_OF_MAPS);
	__uint(max_entries, 8);
	__type(key, __u64);
	__array(values, struct {
		__uint(type, BPF_MAP_TYPE_ARRAY);
		__uint(max_entries, 2);
		__type(key, __u32);
		__type(value, __u16[2]);
	});
} by_cgroup SEC(".maps");

/* Writes 1000 + slot under key 5 of the inner map in each slot that has one. */
SEC("socket")
int fill(struct __sk_buff *skb)
{
	int filled = 0;

	for (__u32 slot = 0; slot < 4; slot++) {
		__u32 index = slot, key = 5;
		__u64 value = 1000 + slot;
		void *inner = bpf_map_lookup_elem(&outer, &index);

		if (inner && !bpf_map_update_elem(inner, &key, &value, BPF_ANY))
			filled++;
	}
	return filled;
}

char LICENSE[] SEC("license") = "Dual MIT/GPL";
