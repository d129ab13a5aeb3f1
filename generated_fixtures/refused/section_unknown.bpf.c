// SPDX-License-Identifier: MIT
// The section's name says no type of program.
#include "refused.h"

SEC("frobnicate/this")
int what(void *ctx)
{
	return 0;
}

char LICENSE[] SEC("license") = "GPL";
