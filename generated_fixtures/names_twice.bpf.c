// SPDX-License-Identifier: MIT
// Two different structs of one name: each is local to its function, BTF holds both.
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, __u64);
} sums SEC(".maps");

SEC("socket")
int first(struct __sk_buff *skb)
{
	static volatile struct local {
		__u32 a;
	} first_value;

	first_value.a += skb->len;
	return first_value.a;
}

SEC("socket")
int second(struct __sk_buff *skb)
{
	static volatile struct local {
		__u64 b;
		char text[8];
	} second_value;

	second_value.b += skb->len;
	second_value.text[0] = 's';
	return second_value.b;
}

char LICENSE[] SEC("license") = "Dual MIT/GPL";
