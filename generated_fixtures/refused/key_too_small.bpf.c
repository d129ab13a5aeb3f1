// SPDX-License-Identifier: MIT
// A key of one byte is given where the map's has four.
#include "refused.h"

MAP(counts, HASH, 1);

SEC("socket")
int count(struct __sk_buff *skb)
{
	__u8 key = 0;

	return bpf_map_lookup_elem(&counts, &key) != NULL;
}

char LICENSE[] SEC("license") = "GPL";
