// SPDX-License-Identifier: MIT
// Each run submits one event of 64 bytes: the producer of the ring buffer benchmark.
#include <linux/bpf.h>

#include <bpf/bpf_helpers.h>

struct event {
	__u64 ts;
	__u32 pid;
	__u32 uid;
	__s32 ret;
	__s32 flags;
	__u64 seq;
	char comm[32];
};

struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 16 * 1024 * 1024);
	__type(value, struct event);
} events SEC(".maps");

__u64 sequence;
__u64 dropped;

SEC("xdp")
int produce(struct xdp_md *ctx)
{
	struct event *event = bpf_ringbuf_reserve(&events, sizeof(*event), 0);

	if (!event) {
		dropped++;
		return XDP_PASS;
	}
	event->ts = bpf_ktime_get_ns();
	event->pid = 4242;
	event->uid = 1000;
	event->ret = -2;
	event->flags = 0;
	event->seq = sequence++;
	__builtin_memcpy(event->comm, "bpf2py-benchmark\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0", 32);
	bpf_ringbuf_submit(event, BPF_RB_NO_WAKEUP);
	return XDP_PASS;
}

char LICENSE[] SEC("license") = "Dual MIT/GPL";
