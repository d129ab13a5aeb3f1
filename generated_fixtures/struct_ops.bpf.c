// SPDX-License-Identifier: MIT
// Congestion control for TCP (5.6), registered by its map (.struct_ops) or by a link (6.4).  Members
// that no kernel has are left alone while they are zero; the order of members is not the kernel's.
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>

struct sock;

struct tcp_sock {
	__u32 snd_cwnd;
	__u32 snd_ssthresh;
} __attribute__((preserve_access_index));

enum tcp_ca_event {
	CA_EVENT_TX_START,
};

struct tcp_congestion_ops {
	char name[16];
	__u32 flags;
	__u32 not_in_any_kernel;
	__u32 (*ssthresh)(struct sock *sk);
	void (*cong_avoid)(struct sock *sk, __u32 ack, __u32 acked);
	void (*nowhere)(struct sock *sk);
	__u32 (*undo_cwnd)(struct sock *sk);
	void (*init)(struct sock *sk);
	void (*release)(struct sock *sk);
};

/* What follows three underscores is not part of the kernel's name. */
struct tcp_congestion_ops___short {
	__u32 (*undo_cwnd)(struct sock *sk);
	__u32 (*ssthresh)(struct sock *sk);
	void (*cong_avoid)(struct sock *sk, __u32 ack, __u32 acked);
	char name[16];
	__u32 (*sndbuf_expand)(struct sock *sk);
};

__u64 connections, acknowledged, fewer;

SEC("struct_ops/init")
void BPF_PROG(on_init, struct sock *sk)
{
	__sync_fetch_and_add(&connections, 1);
}

SEC("struct_ops/ssthresh")
__u32 BPF_PROG(on_ssthresh, struct tcp_sock *tp)
{
	__u32 half = tp->snd_cwnd >> 1;

	return half > 2 ? half : 2;
}

SEC("struct_ops/cong_avoid")
void BPF_PROG(on_ack, struct tcp_sock *tp, __u32 ack, __u32 acked)
{
	__sync_fetch_and_add(&acknowledged, acked);
	tp->snd_cwnd += acked;
}

SEC("struct_ops/undo_cwnd")
__u32 BPF_PROG(on_undo, struct tcp_sock *tp)
{
	return tp->snd_cwnd;
}

/* Takes the place of on_init when user space says so. */
SEC("struct_ops")
void BPF_PROG(other_init, struct sock *sk)
{
	__sync_fetch_and_add(&fewer, 1);
}

SEC("struct_ops/sndbuf_expand")
__u32 BPF_PROG(on_expand, struct sock *sk)
{
	return 3;
}

SEC(".struct_ops")
struct tcp_congestion_ops by_map = {
	.name = "b2p_map",
	.flags = 0,
	.init = (void *)on_init,
	.ssthresh = (void *)on_ssthresh,
	.cong_avoid = (void *)on_ack,
	.undo_cwnd = (void *)on_undo,
};

SEC(".struct_ops.link")
struct tcp_congestion_ops by_link = {
	.name = "b2p_link",
	.init = (void *)on_init,
	.ssthresh = (void *)on_ssthresh,
	.cong_avoid = (void *)on_ack,
	.undo_cwnd = (void *)on_undo,
};

SEC(".struct_ops.link")
struct tcp_congestion_ops replacement = {
	.name = "b2p_link",
	.init = (void *)other_init,
	.ssthresh = (void *)on_ssthresh,
	.cong_avoid = (void *)on_ack,
	.undo_cwnd = (void *)on_undo,
};

/* Made only if user space asks for it. */
SEC("?.struct_ops.link")
struct tcp_congestion_ops___short optional = {
	.name = "b2p_short",
	.ssthresh = (void *)on_ssthresh,
	.cong_avoid = (void *)on_ack,
	.undo_cwnd = (void *)on_undo,
	.sndbuf_expand = (void *)on_expand,
};

char LICENSE[] SEC("license") = "GPL";
