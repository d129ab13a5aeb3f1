// SPDX-License-Identifier: MIT
// A number without bounds is added to a pointer.
#include "refused.h"

__u64 slots[16];
long offset;

SEC("socket")
int far(struct __sk_buff *skb)
{
	volatile long *where = &offset;

	return *(volatile __u64 *)((char *)slots + *where);
}

char LICENSE[] SEC("license") = "GPL";
