// SPDX-License-Identifier: MIT
// The verifier must refuse: a helper for GPL programs, called under another licence.
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

__u64 last;

SEC("tp/syscalls/sys_enter_getpgid")
int uses_gpl_helper(void *ctx)
{
	char message[] = "not allowed";

	bpf_trace_printk(message, sizeof(message));
	last = bpf_ktime_get_ns();
	return 0;
}

char LICENSE[] SEC("license") = "Proprietary";
