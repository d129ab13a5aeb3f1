// SPDX-License-Identifier: MIT
// Program kinds that load and attach on a usual kernel, one of each spelling.
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>

/* One counter per program, so that a test sees which one ran. */
__u64 tracepoint_hits, tp_hits, raw_tp_hits, raw_tracepoint_hits, tp_btf_hits;
__s64 last_tp_btf_id, last_raw_id;

SEC("socket")
int on_socket(struct __sk_buff *skb)
{
	return skb->len;
}

SEC("xdp")
int on_xdp(struct xdp_md *ctx)
{
	return XDP_PASS;
}

SEC("xdp.frags")
int on_xdp_frags(struct xdp_md *ctx)
{
	return XDP_PASS;
}

SEC("tc")
int on_tc(struct __sk_buff *skb)
{
	return 0;
}

SEC("tracepoint/syscalls/sys_enter_getpgid")
int on_tracepoint(void *ctx)
{
	__sync_fetch_and_add(&tracepoint_hits, 1);
	return 0;
}

SEC("tp/syscalls/sys_exit_getpgid")
int on_tp(void *ctx)
{
	__sync_fetch_and_add(&tp_hits, 1);
	return 0;
}

SEC("raw_tp/sys_enter")
int on_raw_tp(struct bpf_raw_tracepoint_args *ctx)
{
	__sync_fetch_and_add(&raw_tp_hits, 1);
	last_raw_id = ctx->args[1];
	return 0;
}

SEC("raw_tracepoint/sys_exit")
int on_raw_tracepoint(struct bpf_raw_tracepoint_args *ctx)
{
	__sync_fetch_and_add(&raw_tracepoint_hits, 1);
	return 0;
}

SEC("tp_btf/sys_enter")
int BPF_PROG(on_tp_btf, void *regs, long id)
{
	__sync_fetch_and_add(&tp_btf_hits, 1);
	last_tp_btf_id = id;
	return 0;
}

SEC("syscall")
int on_syscall(void *ctx)
{
	return 17;
}

char LICENSE[] SEC("license") = "GPL";
