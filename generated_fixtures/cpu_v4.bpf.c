// SPDX-License-Identifier: MIT
// Instructions of -mcpu=v4 (6.6): sign-extending loads and moves, signed division, byte swaps and
// a jump with a 32-bit distance.
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

/* 5; the long jump skips what makes it 1 for packets of more than 1000 bytes. */
SEC("socket")
int jumps(struct __sk_buff *skb)
{
	__u32 length = skb->len;
	int result;

	asm volatile("%[result] = 5\n"
		     "if %[length] > 1000 goto +1\n"
		     "gotol +1\n"
		     "%[result] = 1\n"
		     : [result] "=&r"(result)
		     : [length] "r"(length));
	return result;
}

char LICENSE[] SEC("license") = "Dual MIT/GPL";
