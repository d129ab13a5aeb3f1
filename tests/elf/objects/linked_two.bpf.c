// SPDX-License-Identifier: MIT
// The other half of linked.bpf.o.
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

extern struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 10);
	__type(key, int);
	__type(value, long);
} shared SEC(".maps");

static volatile int n = 2;
int theirs = 5;

static __noinline int helper(int x)
{
	return x * n;
}

__noinline int overridden(int x)
{
	return helper(x) - 5;
}

__hidden __noinline int other(int x)
{
	return helper(x) * 7;
}

__weak __noinline int only_here(int x)
{
	return helper(x) * 9;
}

SEC("tc")
int two(struct __sk_buff *skb)
{
	int key = 1;

	bpf_map_lookup_elem(&shared, &key);
	return overridden(skb->len) + only_here(3) + theirs + "abc"[skb->len & 3];
}
