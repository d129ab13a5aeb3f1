// SPDX-License-Identifier: MIT
// Kernel symbols that no kernel has, or has otherwise than it is said here: a program for each way.
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

struct rq {
	int cpu;
} __attribute__((preserve_access_index));

extern const struct rq bpf2py_needed_variable __ksym;
extern const void bpf2py_needed_symbol __ksym;
extern int bpf2py_needed_function(int) __ksym;
extern const long runqueues __ksym; /* a struct, in truth */
extern void bpf_rcu_read_lock___wrong(int) __ksym;

__u64 address;

SEC("?raw_tp/sys_enter")
int misses_variable(void *ctx)
{
	return bpf2py_needed_variable.cpu;
}

SEC("?raw_tp/sys_enter")
int misses_symbol(void *ctx)
{
	address = (__u64)&bpf2py_needed_symbol;
	return 0;
}

SEC("?raw_tp/sys_enter")
int misses_function(void *ctx)
{
	return bpf2py_needed_function(1);
}

SEC("?raw_tp/sys_enter")
int mistakes_variable(void *ctx)
{
	const long *state = bpf_this_cpu_ptr(&runqueues);

	return *state;
}

SEC("?raw_tp/sys_enter")
int mistakes_function(void *ctx)
{
	bpf_rcu_read_lock___wrong(1);
	return 0;
}

/* The others do without. */
SEC("raw_tp/sys_enter")
int needs_nothing(void *ctx)
{
	return 0;
}

char LICENSE[] SEC("license") = "GPL";
