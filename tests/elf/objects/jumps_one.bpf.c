// SPDX-License-Identifier: MIT
// Jump tables of two files, with the code before and behind them: see jumps_two.bpf.c.
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>
#include "jumps.h"

static __noinline __u64 first(__u64 number)
{
	SWITCH(number, 100);
}

SEC("syscall")
int one(struct question *ctx)
{
	return first(ctx->number) + both(ctx->number + 1);
}

char _license[] SEC("license") = "GPL";
