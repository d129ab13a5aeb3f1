// SPDX-License-Identifier: MIT
// struct_ops, functions, a variable and a type of tests/kernel/module (6.9).
#include <linux/bpf.h>
#include <bpf/bpf_core_read.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>

#ifndef bpf_ksym_exists /* before libbpf 1.2 */
#define bpf_ksym_exists(sym) (!!(sym))
#endif

/* The order is not the module's, and it has no member 'later'. */
struct bpf2py_test_ops {
	char name[16];
	int (*not_needed)(int number);
	int (*answer)(int number);
	int (*later)(int number);
	__u32 scale;
};

struct bpf2py_test_ops___short {
	__u32 scale;
	int (*answer)(int number);
};

struct bpf2py_test_only {
	short third;
} __attribute__((preserve_access_index));

extern int bpf2py_test_ask(int number) __ksym;
extern int bpf2py_test_third(struct bpf2py_test_only *only__nullable) __ksym;
extern int bpf2py_test_ask___later(int number, int other) __ksym __weak;
extern const int bpf2py_test_counter __ksym;

int counter, third, third_at, traced;

struct ask {
	int number;
	int answer;
	int later;
};

SEC("syscall")
int asks(struct ask *args)
{
	args->answer = bpf2py_test_ask(args->number);
	args->later = bpf_ksym_exists(bpf2py_test_ask___later)
			      ? bpf2py_test_ask___later(args->number, 1)
			      : -7;
	counter = *(const int *)bpf_this_cpu_ptr(&bpf2py_test_counter);
	third = bpf2py_test_third(0);
	third_at = bpf_core_field_offset(struct bpf2py_test_only, third);
	return 0;
}

SEC("struct_ops/answer")
int BPF_PROG(doubles, int number)
{
	return number * 2;
}

SEC("struct_ops/answer")
int BPF_PROG(negates, int number)
{
	return -number;
}

SEC("struct_ops/later")
int BPF_PROG(later, int number)
{
	return number;
}

SEC(".struct_ops.link")
struct bpf2py_test_ops first = {
	.name = "first",
	.scale = 1,
	.answer = (void *)doubles,
};

SEC(".struct_ops.link")
struct bpf2py_test_ops___short second = {
	.scale = 10,
	.answer = (void *)negates,
};

/* Its program is switched off with it. */
SEC("?.struct_ops.link")
struct bpf2py_test_ops newer = {
	.name = "newer",
	.scale = 1,
	.answer = (void *)doubles,
	.later = (void *)later,
};

SEC("?fentry/bpf2py_test:bpf2py_test_third")
int BPF_PROG(traces)
{
	traced++;
	return 0;
}

char LICENSE[] SEC("license") = "GPL";
