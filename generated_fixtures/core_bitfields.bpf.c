// SPDX-License-Identifier: MIT
// CO-RE: bitfields, signedness, shifts, and members whose size the kernel changed.
#include <linux/bpf.h>

#include <bpf/bpf_core_read.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>

#pragma clang attribute push(__attribute__((preserve_access_index)), apply_to = record)

struct task_struct {
	int prio;
	unsigned int policy;
	int exit_state;
	unsigned sched_reset_on_fork : 1;
	unsigned sched_contributes_to_load : 1;
	unsigned in_execve : 1;
	unsigned no_cgroup_migration : 1;
	unsigned int flags;
	unsigned int never_a_bit : 3;
	struct task_struct *parent;
};

// Wider or narrower than in the kernel: loads of unsigned members are widened or narrowed with it.
struct task_struct___wide {
	unsigned long flags;
};

struct task_struct___narrow {
	__u8 flags;
	__u32 start_time;
};

// A signed member of another size cannot be loaded right: the load is poisoned.
struct task_struct___signed {
	long prio;
};

struct sk_buff {
	__u8 cloned : 1;
	__u8 nohdr : 1;
	__u8 pkt_type : 3;
	__u8 ip_summed : 2;
	__u32 priority;
};

struct tcp_sock {
	__u8 nonagle : 4;
	__u8 repair : 1;
	__u32 snd_cwnd;
};

struct iphdr {
	__u8 ihl : 4, version : 4;
	__u8 tos;
};

// Local bitfield, whole member in the kernel, and the other way round.
struct sched_entity {
	unsigned int on_rq : 5;
};

#pragma clang attribute pop

struct bit_results {
	__u64 prio_signed;
	__u64 policy_signed;
	__u64 exit_state_signed;
	__u64 comm_signed;
	__u64 execve_lshift;
	__u64 execve_rshift;
	__u64 execve_offset;
	__u64 execve_size;
	__u64 execve_signed;
	__u64 prio_lshift;
	__u64 prio_rshift;
	__u64 pkt_type_lshift;
	__u64 pkt_type_rshift;
	__u64 nonagle_lshift;
	__u64 nonagle_rshift;
	__u64 version_lshift;
	__u64 version_rshift;
	__u64 on_rq_lshift;
	__u64 on_rq_rshift;
	__u64 never_a_bit_exists;
	__u64 parent_size;
};

struct bit_results results;
unsigned long seen;

#define TASK ((struct task_struct *)0)
#define LSHIFT(field) __builtin_preserve_field_info(field, BPF_FIELD_LSHIFT_U64)
#define RSHIFT(field) __builtin_preserve_field_info(field, BPF_FIELD_RSHIFT_U64)
#define SIGNED(field) __builtin_preserve_field_info(field, BPF_FIELD_SIGNED)

SEC("raw_tp/sys_enter")
int measure(void *ctx)
{
	volatile struct bit_results *r = &results;

	r->prio_signed = SIGNED(TASK->prio);
	r->policy_signed = SIGNED(TASK->policy);
	r->exit_state_signed = SIGNED(TASK->exit_state);
	r->execve_lshift = LSHIFT(TASK->in_execve);
	r->execve_rshift = RSHIFT(TASK->in_execve);
	r->execve_offset = bpf_core_field_offset(TASK->in_execve);
	r->execve_size = bpf_core_field_size(TASK->in_execve);
	r->execve_signed = SIGNED(TASK->in_execve);
	r->prio_lshift = LSHIFT(TASK->prio);
	r->prio_rshift = RSHIFT(TASK->prio);
	r->pkt_type_lshift = LSHIFT(((struct sk_buff *)0)->pkt_type);
	r->pkt_type_rshift = RSHIFT(((struct sk_buff *)0)->pkt_type);
	r->nonagle_lshift = LSHIFT(((struct tcp_sock *)0)->nonagle);
	r->nonagle_rshift = RSHIFT(((struct tcp_sock *)0)->nonagle);
	r->version_lshift = LSHIFT(((struct iphdr *)0)->version);
	r->version_rshift = RSHIFT(((struct iphdr *)0)->version);
	r->on_rq_lshift = LSHIFT(((struct sched_entity *)0)->on_rq);
	r->on_rq_rshift = RSHIFT(((struct sched_entity *)0)->on_rq);
	r->never_a_bit_exists = bpf_core_field_exists(TASK->never_a_bit);
	r->parent_size = bpf_core_field_size(TASK->parent);
	return 0;
}

// Checks itself: 0, or the line whose reading was wrong.
SEC("raw_tp/sys_exit")
int read_current(void *ctx)
{
	struct task_struct *task = (void *)bpf_get_current_task();

	if (BPF_CORE_READ_BITFIELD_PROBED(task, in_execve) != 0)
		return __LINE__;
	if (BPF_CORE_READ_BITFIELD_PROBED(task, prio) != (__u64)(long)BPF_CORE_READ(task, prio))
		return __LINE__;
	if (BPF_CORE_READ_BITFIELD_PROBED(task, policy) != BPF_CORE_READ(task, policy))
		return __LINE__;
	if (bpf_core_field_exists(task->never_a_bit) &&
	    BPF_CORE_READ_BITFIELD_PROBED(task, never_a_bit))
		return __LINE__;
	return 0;
}

SEC("tp_btf/sched_switch")
int BPF_PROG(direct, _Bool preempt, struct task_struct *prev, struct task_struct *next)
{
	seen += BPF_CORE_READ_BITFIELD(next, in_execve);
	seen += BPF_CORE_READ_BITFIELD(next, sched_contributes_to_load);
	seen += ((struct task_struct___wide *)next)->flags;
	seen += ((struct task_struct___narrow *)next)->flags;
	seen += ((struct task_struct___narrow *)prev)->start_time;
	return 0;
}

// Not guarded: a signed member of another size.
SEC("?tp_btf/sched_switch")
int BPF_PROG(wrong_size, _Bool preempt, struct task_struct *prev, struct task_struct *next)
{
	seen += ((struct task_struct___signed *)next)->prio;
	return 0;
}

char LICENSE[] SEC("license") = "Dual MIT/GPL";
