// SPDX-License-Identifier: MIT
// Zero-filled sections with names of their own, beside .bss.  libbpf knows them since 1.6.
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

__u64 usual;
__u64 zeroed SEC(".bss.x");
__u32 more[4] SEC(".bss.x");
struct {
	__u16 a, b;
} other SEC(".bss.other");

SEC("socket")
int set(struct __sk_buff *skb)
{
	usual = 1;
	zeroed = ~0ULL - 1;
	more[3] = 0xffffffff;
	other.b = 513;
	return 0;
}

char LICENSE[] SEC("license") = "Dual MIT/GPL";
