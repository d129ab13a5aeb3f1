// SPDX-License-Identifier: MIT
// A hundred programs that share two maps, a global variable and a subprogram: what each program
// costs when it is loaded.
#include <linux/bpf.h>

#include <bpf/bpf_helpers.h>

struct seen {
	__u64 packets;
	__u64 bytes;
};

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 128);
	__type(key, __u32);
	__type(value, struct seen);
} by_program SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 128);
	__type(key, __u32);
	__type(value, __u64);
} lengths SEC(".maps");

__u64 total;

static __noinline int note(struct __sk_buff *skb, __u32 key)
{
	struct seen *seen = bpf_map_lookup_elem(&by_program, &key);
	__u64 *length = bpf_map_lookup_elem(&lengths, &key);

	if (seen) {
		seen->packets++;
		seen->bytes += skb->len;
	}
	if (length)
		*length = skb->len;
	total++;
	return 0;
}

#define ONE(n)                                       \
	SEC("socket") int program_##n(struct __sk_buff *skb) \
	{                                            \
		return note(skb, 1##n - 100);        \
	}
#define TEN(n)                                                                  \
	ONE(n##0) ONE(n##1) ONE(n##2) ONE(n##3) ONE(n##4) ONE(n##5) ONE(n##6)   \
	ONE(n##7) ONE(n##8) ONE(n##9)

TEN(0) TEN(1) TEN(2) TEN(3) TEN(4) TEN(5) TEN(6) TEN(7) TEN(8) TEN(9)

char LICENSE[] SEC("license") = "Dual MIT/GPL";
