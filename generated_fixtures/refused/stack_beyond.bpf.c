// SPDX-License-Identifier: MIT
// An array on the stack is written behind its end.
#include "refused.h"

SEC("socket")
int outside(struct __sk_buff *skb)
{
	volatile __u64 room[4] = {};
	__u32 index = skb->len;

	if (index > 100)
		return 0;
	room[index] = 1;
	return room[0];
}

char LICENSE[] SEC("license") = "GPL";
