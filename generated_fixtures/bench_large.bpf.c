// SPDX-License-Identifier: MIT
// One program of more than 20,000 instructions, all of them on the way to the exit: what each
// instruction costs on its way to the kernel.
#include <linux/bpf.h>

#include <bpf/bpf_helpers.h>

__u64 state = 1;

#define STEP(n)                                                \
	asm volatile("%0 *= 31\n%0 += %1" : "+r"(x) : "i"(n)); \
	state = x ^ (x >> 7);                                  \
	x = *(volatile __u64 *)&state;
#define STEP8(n)                                                                \
	STEP((n) + 0) STEP((n) + 1) STEP((n) + 2) STEP((n) + 3) STEP((n) + 4)   \
	STEP((n) + 5) STEP((n) + 6) STEP((n) + 7)
#define STEP64(n)                                                                       \
	STEP8((n) + 0) STEP8((n) + 8) STEP8((n) + 16) STEP8((n) + 24) STEP8((n) + 32)   \
	STEP8((n) + 40) STEP8((n) + 48) STEP8((n) + 56)
#define STEP512(n)                                                                       \
	STEP64((n) + 0) STEP64((n) + 64) STEP64((n) + 128) STEP64((n) + 192)             \
	STEP64((n) + 256) STEP64((n) + 320) STEP64((n) + 384) STEP64((n) + 448)

SEC("socket")
int long_way(struct __sk_buff *skb)
{
	__u64 x = state;

	STEP512(0)
	STEP512(512)
	STEP512(1024)
	STEP512(1536)
	STEP512(2048)
	STEP512(2560)
	return x;
}

char LICENSE[] SEC("license") = "Dual MIT/GPL";
