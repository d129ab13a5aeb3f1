// SPDX-License-Identifier: MIT
// The tracepoint behind the slash does not exist.
#include "refused.h"

SEC("tp_btf/sched_swotch")
int switched(__u64 *ctx)
{
	return 0;
}

char LICENSE[] SEC("license") = "GPL";
