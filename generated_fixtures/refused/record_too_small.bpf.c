// SPDX-License-Identifier: MIT
// A write goes beyond what was reserved.
#include "refused.h"

RING(events);

SEC("tp/syscalls/sys_enter_openat")
int opened(void *ctx)
{
	volatile __u64 *event = bpf_ringbuf_reserve(&events, 8, 0);

	if (!event)
		return 0;
	event[1] = 1;
	bpf_ringbuf_submit((void *)event, 0);
	return 0;
}

char LICENSE[] SEC("license") = "GPL";
