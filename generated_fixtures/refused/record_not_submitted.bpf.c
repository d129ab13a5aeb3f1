// SPDX-License-Identifier: MIT
// A reserved record is not given back on an early return.
#include "refused.h"

RING(events);

SEC("tp/syscalls/sys_enter_openat")
int opened(void *ctx)
{
	__u64 *event = bpf_ringbuf_reserve(&events, sizeof(*event), 0);

	if (!event)
		return 0;
	if (bpf_get_prandom_u32() & 1)
		return 0;
	bpf_ringbuf_submit(event, 0);
	return 0;
}

char LICENSE[] SEC("license") = "GPL";
