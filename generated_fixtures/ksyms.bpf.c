// SPDX-License-Identifier: MIT
// Kernel variables with their types, of which those of each CPU are in every kernel's BTF, and
// addresses without.
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

struct rq {
	int cpu;
} __attribute__((preserve_access_index));

extern const struct rq runqueues __ksym;
extern const int bpf_prog_active __ksym __weak; /* not in the BTF of every kernel */
extern const struct rq bpf2py_no_such_variable __ksym __weak;
extern const void schedule __ksym;
extern const void bpf2py_no_such_symbol __ksym __weak;

int cpu = -1, active = -1, never = -1;
__u64 address, nothing = 1;

SEC("raw_tp/sys_enter")
int looks(void *ctx)
{
	const struct rq *rq = bpf_per_cpu_ptr(&runqueues, 0);
	const int *running;

	if (rq)
		cpu = rq->cpu;
	if (&bpf_prog_active) {
		running = bpf_this_cpu_ptr(&bpf_prog_active);
		active = *running;
	}
	if (&bpf2py_no_such_variable) {
		rq = bpf_per_cpu_ptr(&bpf2py_no_such_variable, 0);
		if (rq)
			never = rq->cpu;
	}
	address = (__u64)&schedule;
	nothing = (__u64)&bpf2py_no_such_symbol;
	return 0;
}

char LICENSE[] SEC("license") = "GPL";
