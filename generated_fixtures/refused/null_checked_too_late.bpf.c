// SPDX-License-Identifier: MIT
// The check for NULL comes after the use.
#include "refused.h"

MAP(counts, HASH, 1);

SEC("socket")
int count(struct __sk_buff *skb)
{
	__u32 key = 0;
	volatile __u64 *value = bpf_map_lookup_elem(&counts, &key);
	__u64 old = *value;

	if (value == NULL)
		return 0;
	*value = old + 1;
	return 0;
}

char LICENSE[] SEC("license") = "GPL";
