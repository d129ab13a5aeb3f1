// SPDX-License-Identifier: MIT
// A pointer from a raw tracepoint is followed without a helper.
#include "refused.h"

SEC("raw_tp/sys_enter")
int entered(struct bpf_raw_tracepoint_args *ctx)
{
	volatile __u64 *regs = (void *)ctx->args[0];

	return *regs != 0;
}

char LICENSE[] SEC("license") = "GPL";
