// SPDX-License-Identifier: MIT
// The callback of bpf_loop() returns what is neither 0 nor 1.
#include "refused.h"

static int step(__u32 index, void *data)
{
	return 7;
}

SEC("socket")
int loop(struct __sk_buff *skb)
{
	bpf_loop(8, step, NULL, 0);
	return 0;
}

char LICENSE[] SEC("license") = "GPL";
