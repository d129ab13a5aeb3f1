// SPDX-License-Identifier: MIT
// A helper that no kernel has.
#include "refused.h"

static long (*bpf_do_what_i_mean)(void *) = (void *)9999;

SEC("socket")
int wish(struct __sk_buff *skb)
{
	return bpf_do_what_i_mean(skb);
}

char LICENSE[] SEC("license") = "GPL";
