// SPDX-License-Identifier: MIT
// Types that no map mentions: behind arguments of programs and global functions, behind pointers,
// read from the kernel by CO-RE, or only declared.
#include <linux/bpf.h>
#include <bpf/bpf_core_read.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>

enum verdict { VERDICT_PASS, VERDICT_DROP };

struct point {
	__s32 x, y;
};

/* Named by nothing but a pointer: this is how a C source asks for a type. */
struct event {
	__u32 pid;
	enum verdict verdict;
	char comm[16];
	struct point where;
};

/* What a ring buffer says that it carries. */
struct report {
	struct point path[2];
	enum verdict verdict;
	_Bool last;
	__u8 address[6];
	char name[8];
	__u32 counts[2][3];
};

/* Only behind a member. */
struct behind {
	struct hidden *hidden;
	__u64 value;
};

/* The context of the syscall program; the union and the bits are for whoever lists members. */
struct request {
	__u32 op : 4;
	__u32 urgent : 1;
	union {
		__u64 number;
		struct point point;
	};
	struct behind *behind;
	__s64 result;
};

/* The argument of a global function. */
struct limits {
	__u64 low, high;
};

/* The kernel's, read by CO-RE: a pointer to it asks for nothing. */
struct task_struct {
	int pid;
	struct task_struct *real_parent;
} __attribute__((preserve_access_index));

/* Nothing has it but a function that takes it by value. */
enum unused_by_maps { UNUSED_ONE = 1 };

struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 4096);
} events SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 4096);
	__type(value, struct report);
} reports SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_PERF_EVENT_ARRAY);
	__uint(key_size, sizeof(__u32));
	__uint(value_size, sizeof(__u32));
} samples SEC(".maps");

const struct event *unused_event __attribute__((unused));
struct task_struct *last_task;
__u32 parent;

__noinline int clamp(struct limits *limits, enum unused_by_maps which)
{
	if (!limits)
		return 0;
	return limits->low > limits->high ? which : 0;
}

SEC("syscall")
int serve(struct request *request)
{
	struct limits limits = {.low = request->op, .high = 1};

	request->result = clamp(&limits, UNUSED_ONE) ? -1 : (__s64)request->number * 2;
	return request->urgent ? -5 : 5;
}

SEC("xdp")
int watch(struct xdp_md *ctx)
{
	struct event *event = bpf_ringbuf_reserve(&events, sizeof(*event), 0);

	if (!event)
		return XDP_PASS;
	event->pid = ctx->ingress_ifindex;
	event->verdict = VERDICT_DROP;
	bpf_ringbuf_submit(event, 0);
	return XDP_PASS;
}

SEC("raw_tp/sched_process_exit")
int BPF_PROG(exits, struct task_struct *task)
{
	parent = BPF_CORE_READ(task, real_parent, pid);
	return 0;
}

char LICENSE[] SEC("license") = "GPL";
