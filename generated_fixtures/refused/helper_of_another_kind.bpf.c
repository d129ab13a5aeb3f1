// SPDX-License-Identifier: MIT
// A helper that this type of program does not have.
#include "refused.h"

SEC("socket")
int shift(struct __sk_buff *skb)
{
	return bpf_xdp_adjust_head((void *)skb, 4);
}

char LICENSE[] SEC("license") = "GPL";
