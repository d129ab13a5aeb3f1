// SPDX-License-Identifier: MIT
// An address from nowhere is read directly.
#include "refused.h"

SEC("raw_tp/sched_switch")
int switched(void *ctx)
{
	volatile __u64 *address = (void *)0xffffffff81000000;

	return *address;
}

char LICENSE[] SEC("license") = "GPL";
