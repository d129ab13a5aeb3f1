// SPDX-License-Identifier: MIT
// CO-RE: whether types exist, match, how large they are, and their ids; flavours.
#include <linux/bpf.h>

#include <bpf/bpf_core_read.h>
#include <bpf/bpf_helpers.h>

struct list_head {
	struct list_head *next, *prev;
};

struct callback_head {
	struct callback_head *next;
	void (*func)(struct callback_head *head);
};

// Members that the kernel has, behind pointers only by name: matches.
struct task_struct {
	int pid;
	int tgid;
	struct mm_struct *mm;
};

struct mm_struct {
	int not_looked_at_behind_a_pointer;
};

// The kernel's pid is an int.
struct task_struct___wrong {
	unsigned long long pid;
};

struct task_struct___more {
	int pid;
	int no_such_member;
};

// A union of this name is none of the kernel's.
union task_struct___union {
	int pid;
};

struct no_such_struct {
	int a;
};

struct atomic_typedef {
	int counter;
};

typedef struct {
	int counter;
} atomic_t;

typedef unsigned int gfp_t;
typedef __s64 ktime_t___local;
typedef struct no_such_struct no_such_typedef_t;
typedef int (*initcall_t)(void);
typedef void (*initcall_t___void)(void);
typedef unsigned long pgdval_array_t[4];

enum pid_type {
	PIDTYPE_PID,
	PIDTYPE_TGID,
};

enum pid_type___odd {
	PIDTYPE_PID___odd = 7,
	PIDTYPE_NOT_THERE = 8,
};

enum no_such_enum {
	NO_SUCH_VALUE,
};

struct type_results {
	__u64 task_exists;
	__u64 none_exists;
	__u64 union_exists;
	__u64 atomic_exists;
	__u64 initcall_exists;
	__u64 initcall_void_exists;
	__u64 enum_exists;
	__u64 no_enum_exists;
	__u64 typedef_exists;
	__u64 no_typedef_exists;
	__u64 list_matches;
	__u64 callback_matches;
	__u64 task_matches;
	__u64 wrong_matches;
	__u64 more_matches;
	__u64 atomic_matches;
	__u64 initcall_matches;
	__u64 initcall_void_matches;
	__u64 enum_matches;
	__u64 odd_enum_matches;
	__u64 int_matches;
	__u64 list_size;
	__u64 task_size;
	__u64 none_size;
	__u64 gfp_size;
	__u64 ktime_size;
	__u64 task_local_id;
	__u64 task_kernel_id;
	__u64 none_kernel_id;
	__u64 list_kernel_id;
	__u64 flavour_kernel_id;
};

struct type_results results;

SEC("raw_tp/sys_enter")
int measure(void *ctx)
{
	volatile struct type_results *r = &results;

	r->task_exists = bpf_core_type_exists(struct task_struct);
	r->none_exists = bpf_core_type_exists(struct no_such_struct);
	r->union_exists = bpf_core_type_exists(union task_struct___union);
	r->atomic_exists = bpf_core_type_exists(atomic_t);
	r->initcall_exists = bpf_core_type_exists(initcall_t);
	r->initcall_void_exists = bpf_core_type_exists(initcall_t___void);
	r->enum_exists = bpf_core_type_exists(enum pid_type);
	r->no_enum_exists = bpf_core_type_exists(enum no_such_enum);
	r->typedef_exists = bpf_core_type_exists(gfp_t);
	r->no_typedef_exists = bpf_core_type_exists(no_such_typedef_t);
	r->list_matches = bpf_core_type_matches(struct list_head);
	r->callback_matches = bpf_core_type_matches(struct callback_head);
	r->task_matches = bpf_core_type_matches(struct task_struct);
	r->wrong_matches = bpf_core_type_matches(struct task_struct___wrong);
	r->more_matches = bpf_core_type_matches(struct task_struct___more);
	r->atomic_matches = bpf_core_type_matches(atomic_t);
	r->initcall_matches = bpf_core_type_matches(initcall_t);
	r->initcall_void_matches = bpf_core_type_matches(initcall_t___void);
	r->enum_matches = bpf_core_type_matches(enum pid_type);
	r->odd_enum_matches = bpf_core_type_matches(enum pid_type___odd);
	r->int_matches = bpf_core_type_matches(gfp_t);
	r->list_size = bpf_core_type_size(struct list_head);
	r->task_size = bpf_core_type_size(struct task_struct);
	r->none_size = bpf_core_type_size(struct no_such_struct);
	r->gfp_size = bpf_core_type_size(gfp_t);
	r->ktime_size = bpf_core_type_size(ktime_t___local);
	r->task_local_id = bpf_core_type_id_local(struct task_struct);
	r->task_kernel_id = bpf_core_type_id_kernel(struct task_struct);
	r->none_kernel_id = bpf_core_type_id_kernel(struct no_such_struct);
	r->list_kernel_id = bpf_core_type_id_kernel(struct list_head);
	r->flavour_kernel_id = bpf_core_type_id_kernel(struct task_struct___wrong);
	return 0;
}

char LICENSE[] SEC("license") = "Dual MIT/GPL";
