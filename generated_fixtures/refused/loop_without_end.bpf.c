// SPDX-License-Identifier: MIT
// Nothing ends the loop.
#include "refused.h"

__u64 counter;

SEC("socket")
int forever(struct __sk_buff *skb)
{
	volatile __u64 *next = &counter;

	while (*next != 0xffff)
		;
	return 0;
}

char LICENSE[] SEC("license") = "GPL";
