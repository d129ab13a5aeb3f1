// SPDX-License-Identifier: MIT
// A record can be submitted once.
#include "refused.h"

RING(events);

SEC("tp/syscalls/sys_enter_openat")
int opened(void *ctx)
{
	__u64 *event = bpf_ringbuf_reserve(&events, sizeof(*event), 0);

	if (!event)
		return 0;
	bpf_ringbuf_submit(event, 0);
	bpf_ringbuf_submit(event, 0);
	return 0;
}

char LICENSE[] SEC("license") = "GPL";
