// SPDX-License-Identifier: MIT
// No license section: loads with an empty one, as the program uses no GPL-only helper.
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

SEC("socket")
int unlicensed(struct __sk_buff *skb)
{
	return skb->len + 1;
}
