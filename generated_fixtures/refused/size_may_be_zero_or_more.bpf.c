// SPDX-License-Identifier: MIT
// A size is bounded, but by more than the buffer has.
#include "refused.h"

char buffer[64];
__u32 size;

SEC("tp/syscalls/sys_enter_openat")
int opened(void *ctx)
{
	volatile __u32 *wanted = &size;

	bpf_probe_read_kernel(buffer, *wanted & 127, ctx);
	return 0;
}

char LICENSE[] SEC("license") = "GPL";
