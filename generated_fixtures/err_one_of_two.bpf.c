// SPDX-License-Identifier: MIT
// The verifier must refuse the second program: the first one and the map go, too.
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, __u32);
} only_map SEC(".maps");

SEC("socket")
int good(struct __sk_buff *skb)
{
	__u32 key = 0, *value = bpf_map_lookup_elem(&only_map, &key);

	return value ? *value : 0;
}

SEC("socket")
int bad(struct __sk_buff *skb)
{
	__u64 uninitialised;

	asm volatile("%0 = r7" : "=r"(uninitialised));
	return uninitialised;
}

char LICENSE[] SEC("license") = "GPL";
