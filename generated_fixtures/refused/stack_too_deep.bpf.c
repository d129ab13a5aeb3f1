// SPDX-License-Identifier: MIT
// Two functions need more than 512 bytes of stack together.
#include "refused.h"

static __attribute__((noinline)) int inner(struct __sk_buff *skb)
{
	volatile char room[300];

	for (int i = 0; i < 300; i++)
		room[i] = skb->len;
	return room[7];
}

SEC("socket")
int outer(struct __sk_buff *skb)
{
	volatile char room[300];

	for (int i = 0; i < 300; i++)
		room[i] = skb->len;
	return inner(skb) + room[8];
}

char LICENSE[] SEC("license") = "GPL";
