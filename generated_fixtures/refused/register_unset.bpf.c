// SPDX-License-Identifier: MIT
// A register is read that nobody has set.
#include "refused.h"

SEC("socket")
int unset(struct __sk_buff *skb)
{
	int value;

	asm volatile("%0 = r8" : "=r"(value));
	return value;
}

char LICENSE[] SEC("license") = "GPL";
