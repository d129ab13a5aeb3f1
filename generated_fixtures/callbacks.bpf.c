// SPDX-License-Identifier: MIT
// Functions given to helpers by address: bpf_loop (5.17) and bpf_for_each_map_elem (5.13).
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 8);
	__type(key, __u32);
	__type(value, __u64);
} numbers SEC(".maps");

struct bpf_map;

struct total {
	__u64 sum;
	__u32 seen;
};

static __noinline __u64 square(__u64 x)
{
	return x * x;
}

static int add_square(__u32 index, struct total *total)
{
	total->sum += square(index);
	total->seen++;
	return index == 9; /* stop after ten */
}

static long add_element(struct bpf_map *map, __u32 *key, __u64 *value, struct total *total)
{
	total->sum += square(*value) + *key;
	total->seen++;
	return 0;
}

struct total loop_total, map_total;

SEC("socket")
int loops(struct __sk_buff *skb)
{
	struct total total = {};
	long rounds = bpf_loop(1000, add_square, &total, 0);

	loop_total = total;
	return rounds;
}

SEC("socket")
int walks(struct __sk_buff *skb)
{
	struct total total = {};
	long seen = bpf_for_each_map_elem(&numbers, add_element, &total, 0);

	map_total = total;
	return seen;
}

char LICENSE[] SEC("license") = "Dual MIT/GPL";
