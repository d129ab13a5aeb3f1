// SPDX-License-Identifier: MIT
// Half of linked.bpf.o: what another file defines or overrides, and static names used twice.
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 10);
	__type(key, int);
	__type(value, long);
} shared SEC(".maps");

static volatile int n = 1;
int mine;

static __noinline int helper(int x)
{
	return x + n;
}

__weak __noinline int overridden(int x)
{
	return helper(x) + 100;
}

extern int other(int x);
extern int theirs;

SEC("tc")
int one(struct __sk_buff *skb)
{
	int key = 1;

	bpf_map_lookup_elem(&shared, &key);
	mine++;
	return overridden(skb->len) + other(2) + helper(3) + theirs;
}

char LICENSE[] SEC("license") = "GPL";
