// SPDX-License-Identifier: MIT
// Kernel functions: called from a program and from a function of it, in two versions of which one
// is the kernel's, and some that no kernel has.
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

#define exists(symbol) (!!(symbol))

struct bpf_iter_num___mine {
	__u64 opaque[1];
} __attribute__((aligned(8)));

extern int bpf_iter_num_new(struct bpf_iter_num___mine *it, int start, int end) __ksym __weak;
extern int *bpf_iter_num_next(struct bpf_iter_num___mine *it) __ksym;
extern void bpf_iter_num_destroy(struct bpf_iter_num___mine *it) __ksym;
/* The same function as bpf_iter_num_new(), and one that it never was. */
extern int bpf_iter_num_new___3(struct bpf_iter_num___mine *it, int start, int end) __ksym __weak;
extern int bpf_iter_num_new___2(struct bpf_iter_num___mine *it, int end) __ksym __weak;
extern int bpf2py_no_such_function(int) __ksym __weak;

int sum, versions, missing;

static __attribute__((noinline)) int sum_below(int end)
{
	struct bpf_iter_num___mine it;
	int *number, total = 0;

	bpf_iter_num_new___3(&it, 0, end);
	while ((number = bpf_iter_num_next(&it)))
		total += *number;
	bpf_iter_num_destroy(&it);
	return total;
}

SEC("raw_tp/sys_enter")
int counts(void *ctx)
{
	struct bpf_iter_num___mine it;
	int *number;

	versions = exists(bpf_iter_num_new) + 2 * exists(bpf_iter_num_new___2) +
		   4 * exists(bpf_iter_num_new___3);
	bpf_iter_num_new(&it, 0, 5);
	while ((number = bpf_iter_num_next(&it)))
		sum += *number;
	bpf_iter_num_destroy(&it);
	sum += sum_below(4);
	if (exists(bpf2py_no_such_function))
		missing = bpf2py_no_such_function(1);
	else
		missing = -1;
	return 0;
}

SEC("?raw_tp/sys_enter")
int calls_missing(void *ctx)
{
	return bpf2py_no_such_function(1);
}

char LICENSE[] SEC("license") = "GPL";
