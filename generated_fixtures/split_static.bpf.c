// SPDX-License-Identifier: MIT
// A static struct of which the compiler keeps only one member: BTF says 16 bytes, the symbol 8,
// and the kernel refuses such BTF ("Invalid size").  Old clangs and new ones do this.
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

SEC("socket")
int keeps_one_member(struct __sk_buff *skb)
{
	static struct pair {
		__u64 used;
		char unused[8];
	} pair;

	pair.used += skb->len;
	pair.unused[0] = 's';
	return pair.used;
}

char LICENSE[] SEC("license") = "Dual MIT/GPL";
