// SPDX-License-Identifier: MIT
// CO-RE: members of kernel structs, nested, anonymous, in arrays and behind chains of pointers.
// `read_current` checks itself: it returns 0, or the line whose reading was wrong.
#include <linux/bpf.h>

#include <bpf/bpf_core_read.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>

#pragma clang attribute push(__attribute__((preserve_access_index)), apply_to = record)

struct list_head {
	struct list_head *next, *prev;
};

struct ns_common {
	unsigned int inum;
};

struct pid_namespace {
	unsigned int level;
	struct ns_common ns;
};

struct upid {
	int nr;
	struct pid_namespace *ns;
};

struct pid {
	unsigned int level;
	struct upid numbers[1];
};

struct signal_struct {
	struct pid *pids[4];
	int nr_threads;
};

struct new_utsname {
	char sysname[65];
	char nodename[65];
};

struct uts_namespace {
	struct new_utsname name;
};

struct nsproxy {
	struct uts_namespace *uts_ns;
};

struct sched_statistics_unknown {
	__u64 never;
};

struct sched_entity {
	__u64 vruntime;
	struct list_head group_node;
};

struct cpumask {
	unsigned long bits[1];
};

// The kernel declares these members in another order, at other offsets, and some not at all.
struct task_struct {
	char comm[16];
	struct task_struct *group_leader;
	int tgid;
	int pid;
	struct list_head tasks;
	struct nsproxy *nsproxy;
	struct signal_struct *signal;
	struct pid *thread_pid;
	struct sched_entity se;
	struct cpumask cpus_mask;
	__u64 start_time;
	unsigned long never_in_any_kernel;
	struct sched_statistics_unknown *never_pointer;
};

// Linux 5.14 renamed `state` to `__state` and narrowed it.
struct task_struct___old {
	volatile long state;
};

struct task_struct___new {
	unsigned int __state;
};

// Members of anonymous structs and unions, found at any depth.
struct page {
	unsigned long flags;
	struct list_head lru;
	unsigned long private;
};

struct sock_common {
	struct {
		__u16 skc_dport;
		__u16 skc_num;
	};
	unsigned short skc_family;
};

struct sock {
	struct sock_common __sk_common;
	int sk_rcvbuf;
};

struct sk_buff {
	union {
		struct {
			struct sk_buff *next;
		};
		struct list_head list;
	};
	unsigned int len;
	unsigned char *data;
	struct sock *sk;
};

struct perf_event___array {
	struct list_head *no_such_list[3];
};

#pragma clang attribute pop

struct field_results {
	__u64 tasks_prev_offset;
	__u64 pid_offset;
	__u64 pid_size;
	__u64 comm_size;
	__u64 comm_5_offset;
	__u64 nodename_offset;
	__u64 numbers_offset;
	__u64 pids_2_offset;
	__u64 lru_offset;
	__u64 private_offset;
	__u64 skc_num_offset;
	__u64 sk_list_offset;
	__u64 group_node_next_offset;
	__u64 pid_exists;
	__u64 never_exists;
	__u64 old_state_exists;
	__u64 new_state_exists;
	__u64 sk_num_exists;
	__u64 array_exists;
};

struct field_results results;
unsigned long seen;

#define TASK ((struct task_struct *)0)

SEC("raw_tp/sys_enter")
int measure(void *ctx)
{
	volatile struct field_results *r = &results;

	r->tasks_prev_offset = bpf_core_field_offset(TASK->tasks.prev);
	r->pid_offset = bpf_core_field_offset(TASK->pid);
	r->pid_size = bpf_core_field_size(TASK->pid);
	r->comm_size = bpf_core_field_size(TASK->comm);
	r->comm_5_offset = bpf_core_field_offset(TASK->comm[5]);
	r->nodename_offset = bpf_core_field_offset(((struct uts_namespace *)0)->name.nodename);
	r->numbers_offset = bpf_core_field_offset(((struct pid *)0)->numbers[0].ns);
	r->pids_2_offset = bpf_core_field_offset(((struct signal_struct *)0)->pids[2]);
	r->lru_offset = bpf_core_field_offset(((struct page *)0)->lru.prev);
	r->private_offset = bpf_core_field_offset(((struct page *)0)->private);
	r->skc_num_offset = bpf_core_field_offset(((struct sock *)0)->__sk_common.skc_num);
	r->sk_list_offset = bpf_core_field_offset(((struct sk_buff *)0)->list);
	r->group_node_next_offset = bpf_core_field_offset(TASK->se.group_node.next);
	r->pid_exists = bpf_core_field_exists(TASK->pid);
	r->never_exists = bpf_core_field_exists(TASK->never_in_any_kernel);
	r->old_state_exists = bpf_core_field_exists(((struct task_struct___old *)0)->state);
	r->new_state_exists = bpf_core_field_exists(((struct task_struct___new *)0)->__state);
	r->sk_num_exists = bpf_core_field_exists(((struct sock_common *)0)->skc_num);
	r->array_exists = bpf_core_field_exists(((struct perf_event___array *)0)->no_such_list[1]);
	return 0;
}

SEC("raw_tp/sys_exit")
int read_current(void *ctx)
{
	struct task_struct *task = (void *)bpf_get_current_task();
	__u64 ids = bpf_get_current_pid_tgid();
	char want[16] = {}, got[16] = {};

	if (BPF_CORE_READ(task, tgid) != (int)(ids >> 32))
		return __LINE__;
	if (BPF_CORE_READ(task, pid) != (int)ids)
		return __LINE__;
	if (BPF_CORE_READ(task, group_leader, pid) != (int)(ids >> 32))
		return __LINE__;
	if (BPF_CORE_READ(task, thread_pid, numbers[0].nr) != (int)ids)
		return __LINE__;
	// PIDTYPE_TGID is 1 since Linux 4.19.
	if (BPF_CORE_READ(task, signal, pids[1], numbers[0].nr) != (int)(ids >> 32))
		return __LINE__;
	if (BPF_CORE_READ(task, signal, nr_threads) < 1)
		return __LINE__;
	if (!BPF_CORE_READ(task, nsproxy, uts_ns, name.nodename[0]))
		return __LINE__;
	if (!BPF_CORE_READ(task, start_time))
		return __LINE__;
	if (!BPF_CORE_READ(task, cpus_mask.bits[0]))
		return __LINE__;
	bpf_get_current_comm(want, sizeof(want));
	BPF_CORE_READ_STR_INTO(&got, task, comm);
	for (int i = 0; i < 16; i++) {
		if (want[i] != got[i])
			return __LINE__;
		if (!want[i])
			break;
	}
	if (bpf_core_field_exists(((struct task_struct___new *)task)->__state))
		seen = BPF_CORE_READ((struct task_struct___new *)task, __state);
	else
		seen = BPF_CORE_READ((struct task_struct___old *)task, state);
	// Guarded, so the instructions behind it may be poisoned.
	if (bpf_core_field_exists(task->never_in_any_kernel))
		seen = BPF_CORE_READ(task, never_pointer, never);
	return 0;
}

// Loads through BTF pointers: the relocated offset is in the load itself.
SEC("tp_btf/sched_switch")
int BPF_PROG(switched, _Bool preempt, struct task_struct *prev, struct task_struct *next)
{
	seen += prev->pid + next->tgid + next->comm[3];
	seen += next->group_leader->pid + (unsigned long)next->signal->nr_threads;
	return 0;
}

// Writes: the offset is in the store. `struct list_head` of the kernel is at most this large.
struct list_head___mine {
	struct list_head___mine *prev, *next;
} __attribute__((preserve_access_index));

union {
	struct list_head___mine list;
	char room[64];
} written;

SEC("raw_tp/sched_wakeup")
int store(void *ctx)
{
	struct list_head___mine *list = &written.list;

	list->prev = 0;
	list->next = (void *)bpf_get_current_task();
	return 0;
}

// Not guarded: loading it must fail, and the message must say what is missing.
SEC("?raw_tp/sched_wakeup_new")
int missing_member(void *ctx)
{
	struct task_struct *task = (void *)bpf_get_current_task();

	return BPF_CORE_READ(task, never_pointer, never) == 1;
}

char LICENSE[] SEC("license") = "Dual MIT/GPL";
