// SPDX-License-Identifier: MIT
// The context is read at an offset that is not constant.
#include "refused.h"

SEC("socket")
int some(struct __sk_buff *skb)
{
	volatile __u32 *where = (__u32 *)skb + (skb->len & 3);

	return *where;
}

char LICENSE[] SEC("license") = "GPL";
