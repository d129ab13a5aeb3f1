// SPDX-License-Identifier: MIT
// A program array, filled at run time, declared with sizes and with types.
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

struct {
	__uint(type, BPF_MAP_TYPE_PROG_ARRAY);
	__uint(max_entries, 3);
	__uint(key_size, sizeof(__u32));
	__uint(value_size, sizeof(__u32));
} steps SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_PROG_ARRAY);
	__uint(max_entries, 2);
	__type(key, __u32);
	__type(value, __u32);
} later SEC(".maps");

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
	bpf_tail_call(skb, &later, 0);
	return 333;
}

char LICENSE[] SEC("license") = "GPL";
