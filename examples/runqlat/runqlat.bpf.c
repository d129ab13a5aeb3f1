// SPDX-License-Identifier: MIT
// How long tasks wait for a CPU after they become runnable, as a histogram of powers of two.
#include <linux/bpf.h>
#include <stdbool.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_core_read.h>
#include <bpf/bpf_tracing.h>

#define SLOTS 32
#define TASK_RUNNING 0

/* Of the kernel's types only the members used here; CO-RE finds where they lie. */
struct task_struct {
	unsigned int __state;
	int pid;
	int tgid;
} __attribute__((preserve_access_index));

/* Before 5.14 the member had another name; what follows ___ is no part of the type's name. */
struct task_struct___before_5_14 {
	long state;
} __attribute__((preserve_access_index));

/* What user space sets before loading. */
const volatile __u32 target_pid = 0;
const volatile bool milliseconds = false;

struct histogram {
	__u64 slots[SLOTS]; /* slot n: waits of 2^n up to 2^(n+1) - 1 */
	__u64 count;
	__u64 longest;
};

/* When a task became runnable, by thread. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 10240);
	__type(key, __u32);
	__type(value, __u64);
} start SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct histogram);
} histogram SEC(".maps");

/* Tasks that found the map full. */
__u64 missed;

static __always_inline int enqueue(struct task_struct *task)
{
	__u64 now = bpf_ktime_get_ns();
	__u32 tid = task->pid;

	if (!tid || (target_pid && target_pid != (__u32)task->tgid))
		return 0;
	if (bpf_map_update_elem(&start, &tid, &now, BPF_ANY))
		__sync_fetch_and_add(&missed, 1);
	return 0;
}

static __always_inline __u32 log2(__u64 value)
{
	__u32 power = 0;

#pragma unroll
	for (int shift = 32; shift; shift >>= 1)
		if (value >> shift) {
			value >>= shift;
			power += shift;
		}
	return power;
}

static __always_inline bool is_running(struct task_struct *task)
{
	if (bpf_core_field_exists(task->__state))
		return task->__state == TASK_RUNNING;
	return BPF_CORE_READ((struct task_struct___before_5_14 *)task, state) == TASK_RUNNING;
}

SEC("tp_btf/sched_wakeup")
int BPF_PROG(sched_wakeup, struct task_struct *task)
{
	return enqueue(task);
}

SEC("tp_btf/sched_wakeup_new")
int BPF_PROG(sched_wakeup_new, struct task_struct *task)
{
	return enqueue(task);
}

SEC("tp_btf/sched_switch")
int BPF_PROG(sched_switch, bool preempt, struct task_struct *prev, struct task_struct *next)
{
	__u32 tid = next->pid, zero = 0, slot;
	struct histogram *waits;
	__u64 *since, wait;

	/* Taken off the CPU and still runnable: it waits again from now on. */
	if (is_running(prev))
		enqueue(prev);
	since = bpf_map_lookup_elem(&start, &tid);
	if (!since)
		return 0;
	wait = (bpf_ktime_get_ns() - *since) / (milliseconds ? 1000000 : 1000);
	bpf_map_delete_elem(&start, &tid);
	waits = bpf_map_lookup_elem(&histogram, &zero);
	if (!waits)
		return 0;
	slot = log2(wait);
	if (slot >= SLOTS)
		slot = SLOTS - 1;
	waits->slots[slot]++;
	waits->count++;
	if (wait > waits->longest)
		waits->longest = wait;
	return 0;
}

char LICENSE[] SEC("license") = "GPL";
