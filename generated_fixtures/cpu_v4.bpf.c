// SPDX-License-Identifier: MIT
// Instructions of -mcpu=v4 (6.6): sign-extending loads and moves, signed division, byte swaps,
// and a conditional jump too far for 16 bits is not needed for `gotol` to be understood.
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

__s8 narrow = -2;
__s16 half = -300;
__s32 word = -70000;
__s64 by = -7;
__u64 swapped;

SEC("socket")
int computes(struct __sk_buff *skb)
{
	__s64 sum = (__s64)narrow + half + word; /* -70302 */

	swapped = __builtin_bswap64(0x0102030405060708ULL + skb->len);
	if (!by)
		return 0;
	return sum / by + (int)(sum % by); /* 10043 + -1 */
}

char LICENSE[] SEC("license") = "Dual MIT/GPL";
