// SPDX-License-Identifier: MIT
// CO-RE: the kernel has no such struct.
#include "refused.h"

struct job_control {
	int number;
} __attribute__((preserve_access_index));

SEC("raw_tp/sched_switch")
int switched(struct bpf_raw_tracepoint_args *ctx)
{
	struct job_control *job = (void *)ctx->args[1];

	return BPF_CORE_READ(job, number);
}

char LICENSE[] SEC("license") = "GPL";
