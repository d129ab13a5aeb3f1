// SPDX-License-Identifier: MIT
// One program, no maps, no variables.
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

SEC("socket")
int minimal(struct __sk_buff *skb)
{
	return skb->len;
}

char LICENSE[] SEC("license") = "Dual MIT/GPL";
