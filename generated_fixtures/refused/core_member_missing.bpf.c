// SPDX-License-Identifier: MIT
// CO-RE: the kernel's struct has no such member.
#include "refused.h"

struct task_struct {
	int pid;
	int process_number;
} __attribute__((preserve_access_index));

SEC("raw_tp/sched_switch")
int switched(struct bpf_raw_tracepoint_args *ctx)
{
	struct task_struct *task = (void *)ctx->args[1];

	return BPF_CORE_READ(task, process_number);
}

char LICENSE[] SEC("license") = "GPL";
