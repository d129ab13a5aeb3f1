// SPDX-License-Identifier: MIT
// The verifier must refuse: nothing bounds the loop.
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

volatile __u32 go_on = 1;

SEC("socket")
int never_ends(struct __sk_buff *skb)
{
	__u32 rounds = 0;

	while (go_on)
		rounds++;
	return rounds;
}

char LICENSE[] SEC("license") = "GPL";
