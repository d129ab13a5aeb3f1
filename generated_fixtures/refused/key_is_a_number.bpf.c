// SPDX-License-Identifier: MIT
// A number is given where a helper takes a pointer.
#include "refused.h"

MAP(counts, HASH, 1);

SEC("socket")
int count(struct __sk_buff *skb)
{
	return bpf_map_lookup_elem(&counts, (void *)(long)skb->len) != NULL;
}

char LICENSE[] SEC("license") = "GPL";
