// SPDX-License-Identifier: MIT
// A record belongs to the reader once it is submitted.
#include "refused.h"

RING(events);

SEC("tp/syscalls/sys_enter_openat")
int opened(void *ctx)
{
	volatile __u64 *event = bpf_ringbuf_reserve(&events, sizeof(*event), 0);

	if (!event)
		return 0;
	bpf_ringbuf_submit((void *)event, 0);
	*event = 1;
	return 0;
}

char LICENSE[] SEC("license") = "GPL";
