// SPDX-License-Identifier: MIT
// Bits of a pointer are moved, and it is used again.
#include "refused.h"

MAP(counts, HASH, 1);

SEC("socket")
int mangle(struct __sk_buff *skb)
{
	__u32 key = 0;
	__u64 *value = bpf_map_lookup_elem(&counts, &key);

	if (!value)
		return 0;
	__u64 address = (__u64)value;
	asm volatile("%0 <<= 1" : "+r"(address));
	return *(volatile __u64 *)address;
}

char LICENSE[] SEC("license") = "GPL";
