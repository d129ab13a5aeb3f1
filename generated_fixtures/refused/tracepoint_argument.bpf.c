// SPDX-License-Identifier: MIT
// A tracepoint has fewer arguments than are read.
#include "refused.h"

SEC("tp_btf/sched_switch")
int switched(__u64 *ctx)
{
	return ctx[9] != 0;
}

char LICENSE[] SEC("license") = "GPL";
