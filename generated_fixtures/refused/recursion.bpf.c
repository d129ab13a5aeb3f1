// SPDX-License-Identifier: MIT
// A function calls itself.
#include "refused.h"

static __attribute__((noinline)) int down(struct __sk_buff *skb, int depth)
{
	volatile int left = depth;

	return left > 0 ? down(skb, left - 1) + 1 : 0;
}

SEC("socket")
int start(struct __sk_buff *skb)
{
	return down(skb, skb->len);
}

char LICENSE[] SEC("license") = "GPL";
