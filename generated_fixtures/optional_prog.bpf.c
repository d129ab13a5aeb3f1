// SPDX-License-Identifier: MIT
// A question mark before the section's name: not loaded unless the user asks.  The optional one
// here hangs on a tracepoint that no kernel has.
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

__u64 hits;

SEC("tp/syscalls/sys_enter_getpgid")
int always(void *ctx)
{
	__sync_fetch_and_add(&hits, 1);
	return 0;
}

SEC("?tp/syscalls/sys_enter_getsid")
int on_request(void *ctx)
{
	__sync_fetch_and_add(&hits, 1000);
	return 0;
}

SEC("?tp_btf/bpf2py_no_such_tracepoint")
int never(void *ctx)
{
	return 0;
}

char LICENSE[] SEC("license") = "GPL";
