// SPDX-License-Identifier: MIT
// A looked-up value is used without a check for NULL.
#include "refused.h"

MAP(counts, HASH, 1);

SEC("socket")
int count(struct __sk_buff *skb)
{
	__u32 key = 0;
	__u64 *value = bpf_map_lookup_elem(&counts, &key);

	*value += 1;
	return 0;
}

char LICENSE[] SEC("license") = "GPL";
