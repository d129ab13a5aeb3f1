// SPDX-License-Identifier: MIT
// A field behind the end of the context.
#include "refused.h"

SEC("xdp")
int beyond(struct xdp_md *ctx)
{
	return ((__u32 *)ctx)[40];
}

char LICENSE[] SEC("license") = "GPL";
