// SPDX-License-Identifier: MIT
// A program array that is filled in the source.
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

int from_first(struct __sk_buff *skb);
int from_second(struct __sk_buff *skb);

struct {
	__uint(type, BPF_MAP_TYPE_PROG_ARRAY);
	__uint(max_entries, 3);
	__uint(key_size, sizeof(__u32));
	__array(values, int(struct __sk_buff *));
} steps SEC(".maps") = {
	.values = {[0] = (void *)&from_first, [2] = (void *)&from_second},
};

SEC("tc")
int from_first(struct __sk_buff *skb)
{
	return 111;
}

SEC("tc")
int from_second(struct __sk_buff *skb)
{
	return 222;
}

/* Jumps to the step that the mark names. */
SEC("tc")
int entry(struct __sk_buff *skb)
{
	bpf_tail_call(skb, &steps, skb->mark);
	return 333;
}

char LICENSE[] SEC("license") = "GPL";
