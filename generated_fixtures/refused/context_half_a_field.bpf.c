// SPDX-License-Identifier: MIT
// A pointer in the context is read by half.
#include "refused.h"

SEC("sk_lookup")
int half(struct bpf_sk_lookup *ctx)
{
	return *(__u16 *)((char *)ctx + 1);
}

char LICENSE[] SEC("license") = "GPL";
