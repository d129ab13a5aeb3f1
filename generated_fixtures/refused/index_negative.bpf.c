// SPDX-License-Identifier: MIT
// An index with a sign is compared with its upper bound only.
#include "refused.h"

__u64 slots[16];
int offset;

SEC("socket")
int count(struct __sk_buff *skb)
{
	volatile int *where = &offset;
	long index = *where;

	if (index < 16)
		slots[index] += 1;
	return 0;
}

char LICENSE[] SEC("license") = "GPL";
