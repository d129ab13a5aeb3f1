// SPDX-License-Identifier: MIT
// A helper for GPL programs in one of another license.
#include "refused.h"

SEC("raw_tp/sched_switch")
int switched(void *ctx)
{
	return bpf_get_current_task() != 0;
}

char LICENSE[] SEC("license") = "Proprietary";
