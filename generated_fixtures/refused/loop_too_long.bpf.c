// SPDX-License-Identifier: MIT
// A bounded loop takes more steps than the verifier follows.
#include "refused.h"

__u64 table[1024];

SEC("socket")
int sums(struct __sk_buff *skb)
{
	volatile __u64 *from = table;
	__u64 sum = 0;

	for (int i = 0; i < 400000; i++)
		if (from[i & 1023] > sum)
			sum += i;
	return sum;
}

char LICENSE[] SEC("license") = "GPL";
