// SPDX-License-Identifier: MIT
// A constant is written through a cast.
#include "refused.h"

const volatile int limit = 10;

SEC("socket")
int raise_it(struct __sk_buff *skb)
{
	*(volatile int *)&limit = skb->len;
	return 0;
}

char LICENSE[] SEC("license") = "GPL";
