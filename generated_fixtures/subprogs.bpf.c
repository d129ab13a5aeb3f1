// SPDX-License-Identifier: MIT
// Calls: static, global and weak functions in .text, nested, shared by two programs, and
// one that only one program reaches.
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

__u64 calls;

static __noinline int leaf(int x)
{
	__sync_fetch_and_add(&calls, 1);
	return x * 3 + 1;
}

static __noinline int middle(int x)
{
	return leaf(x) + leaf(x + 1);
}

__noinline int shared(int x)
{
	__sync_fetch_and_add(&calls, 100);
	return middle(x) - 2;
}

__weak __noinline int weak_one(int x)
{
	__sync_fetch_and_add(&calls, 10000);
	return x ^ 0x55;
}

/* Reached by one program only. */
static __noinline int lonely(int x)
{
	__sync_fetch_and_add(&calls, 1000000);
	return x - 7;
}

SEC("socket")
int calls_nested(struct __sk_buff *skb)
{
	return shared(skb->len); /* 3n+1 + 3(n+1)+1 - 2 = 6n + 3 */
}

SEC("tc")
int calls_shared_too(struct __sk_buff *skb)
{
	return shared(lonely(skb->len));
}

SEC("tc")
int calls_weak(struct __sk_buff *skb)
{
	return weak_one(skb->len) + leaf(0);
}

SEC("xdp")
int calls_nothing(struct xdp_md *ctx)
{
	return XDP_TX;
}

char LICENSE[] SEC("license") = "GPL";
