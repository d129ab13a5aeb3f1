// SPDX-License-Identifier: MIT
// A ring buffer may be full: bpf_ringbuf_reserve() gives NULL then.
#include "refused.h"

RING(events);

SEC("tp/syscalls/sys_enter_openat")
int opened(void *ctx)
{
	__u64 *event = bpf_ringbuf_reserve(&events, sizeof(*event), 0);

	*event = bpf_ktime_get_ns();
	bpf_ringbuf_submit(event, 0);
	return 0;
}

char LICENSE[] SEC("license") = "GPL";
