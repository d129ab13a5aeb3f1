// SPDX-License-Identifier: MIT
// A field of the context that cannot be written.
#include "refused.h"

SEC("socket")
int shorten(struct __sk_buff *skb)
{
	skb->len = 0;
	return 0;
}

char LICENSE[] SEC("license") = "GPL";
