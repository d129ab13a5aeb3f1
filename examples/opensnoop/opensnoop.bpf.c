// SPDX-License-Identifier: MIT
// Who opens which file, and how that ended: one event per open(), openat() and openat2().
#include <linux/bpf.h>
#include <stdbool.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_core_read.h>

#define COMM_LEN 16
#define PATH_LEN 256
#define NO_UID ((__u32)-1)

/* Of the kernel's types only the members used here; CO-RE finds where they lie. */
struct task_struct {
	struct task_struct *real_parent;
	int tgid;
	char comm[COMM_LEN];
} __attribute__((preserve_access_index));

struct trace_event_raw_sys_enter {
	unsigned long args[6];
} __attribute__((preserve_access_index));

struct trace_event_raw_sys_exit {
	long ret;
} __attribute__((preserve_access_index));

/* What user space sets before loading. */
const volatile __u32 target_pid = 0;
const volatile __u32 target_uid = NO_UID;
const volatile bool failed_only = false;

/* An open that has begun and not ended. */
struct start {
	__u64 ts;
	const char *fname;
	__s32 flags;
};

struct event {
	__u64 duration_ns;
	__u32 pid;
	__u32 ppid;
	__u32 uid;
	__s32 ret;
	__s32 flags;
	char comm[COMM_LEN];
	char parent_comm[COMM_LEN];
	char fname[PATH_LEN];
};

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 10240);
	__type(key, __u64); /* pid << 32 | tid */
	__type(value, struct start);
} start SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 256 * 1024);
	__type(value, struct event);
} events SEC(".maps");

/* Events that found the ring buffer full. */
__u64 dropped;

static __always_inline int enter(const char *fname, int flags)
{
	__u64 id = bpf_get_current_pid_tgid();
	struct start begun = {};

	if (target_pid && target_pid != id >> 32)
		return 0;
	if (target_uid != NO_UID && target_uid != (__u32)bpf_get_current_uid_gid())
		return 0;
	begun.ts = bpf_ktime_get_ns();
	begun.fname = fname;
	begun.flags = flags;
	bpf_map_update_elem(&start, &id, &begun, BPF_ANY);
	return 0;
}

static int leave(struct trace_event_raw_sys_exit *ctx)
{
	__u64 id = bpf_get_current_pid_tgid();
	struct start *begun = bpf_map_lookup_elem(&start, &id);
	struct task_struct *task;
	struct event *event;

	if (!begun)
		return 0;
	if (failed_only && ctx->ret >= 0)
		goto done;
	event = bpf_ringbuf_reserve(&events, sizeof(*event), 0);
	if (!event) {
		__sync_fetch_and_add(&dropped, 1);
		goto done;
	}
	task = (struct task_struct *)bpf_get_current_task();
	event->duration_ns = bpf_ktime_get_ns() - begun->ts;
	event->pid = id >> 32;
	event->ppid = BPF_CORE_READ(task, real_parent, tgid);
	event->uid = (__u32)bpf_get_current_uid_gid();
	event->ret = ctx->ret;
	event->flags = begun->flags;
	bpf_get_current_comm(event->comm, sizeof(event->comm));
	BPF_CORE_READ_STR_INTO(&event->parent_comm, task, real_parent, comm);
	/* Read on the way out: by then the kernel has had the page in memory. */
	if (bpf_probe_read_user_str(event->fname, sizeof(event->fname), begun->fname) < 0)
		event->fname[0] = 0;
	bpf_ringbuf_submit(event, 0);
done:
	bpf_map_delete_elem(&start, &id);
	return 0;
}

/* Not every architecture has open(): off unless user space switches it on. */
SEC("?tracepoint/syscalls/sys_enter_open")
int enter_open(struct trace_event_raw_sys_enter *ctx)
{
	return enter((const char *)ctx->args[0], ctx->args[1]);
}

SEC("tracepoint/syscalls/sys_enter_openat")
int enter_openat(struct trace_event_raw_sys_enter *ctx)
{
	return enter((const char *)ctx->args[1], ctx->args[2]);
}

SEC("tracepoint/syscalls/sys_enter_openat2")
int enter_openat2(struct trace_event_raw_sys_enter *ctx)
{
	__u64 flags = 0; /* the first member of struct open_how */

	bpf_probe_read_user(&flags, sizeof(flags), (const void *)ctx->args[2]);
	return enter((const char *)ctx->args[1], flags);
}

SEC("?tracepoint/syscalls/sys_exit_open")
int exit_open(struct trace_event_raw_sys_exit *ctx)
{
	return leave(ctx);
}

SEC("tracepoint/syscalls/sys_exit_openat")
int exit_openat(struct trace_event_raw_sys_exit *ctx)
{
	return leave(ctx);
}

SEC("tracepoint/syscalls/sys_exit_openat2")
int exit_openat2(struct trace_event_raw_sys_exit *ctx)
{
	return leave(ctx);
}

char LICENSE[] SEC("license") = "Dual MIT/GPL";
