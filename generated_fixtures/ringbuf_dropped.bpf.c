// SPDX-License-Identifier: MIT
// What finds no room in a ring buffer is counted, by bpf2py.h.
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>
#include <bpf2py.h>

struct event {
	__u64 number;
	char fill[2040];
};

struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 4096);
} events SEC(".maps");
BPF2PY_EVENT(events, struct event);
BPF2PY_COUNT_DROPS(events);

__u64 next;

SEC("socket")
int reserve_event(struct __sk_buff *skb)
{
	struct event *event = bpf2py_reserve(events, sizeof(*event));

	if (!event)
		return 0;
	event->number = next++;
	bpf_ringbuf_submit(event, 0);
	return 1;
}

SEC("socket")
int output(struct __sk_buff *skb)
{
	__u64 number = next;

	if (bpf2py_output(events, &number, sizeof(number)))
		return 0;
	next++;
	return 1;
}

char LICENSE[] SEC("license") = "Dual MIT/GPL";
