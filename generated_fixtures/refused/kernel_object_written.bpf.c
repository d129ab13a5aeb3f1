// SPDX-License-Identifier: MIT
// A field of a kernel object is written.
#include "refused.h"

struct task_struct {
	int pid;
} __attribute__((preserve_access_index));

SEC("tp_btf/sched_switch")
int BPF_PROG(switched, _Bool preempt, struct task_struct *prev)
{
	prev->pid = 1;
	return 0;
}

char LICENSE[] SEC("license") = "GPL";
