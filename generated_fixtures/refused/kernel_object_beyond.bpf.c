// SPDX-License-Identifier: MIT
// What is read lies behind the end of a kernel object.
#include "refused.h"

struct task_struct {
	int pid;
} __attribute__((preserve_access_index));

SEC("tp_btf/sched_switch")
int BPF_PROG(switched, _Bool preempt, struct task_struct *prev)
{
	return *(volatile int *)((char *)prev + 1000000);
}

char LICENSE[] SEC("license") = "GPL";
