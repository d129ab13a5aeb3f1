// SPDX-License-Identifier: MIT
// A program, one that runs when it returns, and one that takes the place of a function of it.
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>

struct sk_buff;

int seen = -1;

__attribute__((noinline)) int length_of(struct __sk_buff *skb)
{
	return skb->len;
}

SEC("tc")
int target(struct __sk_buff *skb)
{
	return length_of(skb) + 1;
}

SEC("?fexit/target")
int BPF_PROG(after, struct sk_buff *skb, int result)
{
	seen = result;
	return 0;
}

SEC("?freplace/length_of")
int replacement(struct __sk_buff *skb)
{
	return 1000;
}

char LICENSE[] SEC("license") = "GPL";
