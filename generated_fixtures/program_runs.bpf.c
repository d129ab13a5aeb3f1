// SPDX-License-Identifier: MIT
// What PROG_TEST_RUN carries in and out: packets that change, skb and xdp contexts, a syscall
// program's context, raw tracepoint arguments.
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

struct request {
	__u32 left, right;
	__u64 sum;
	char text[8];
};

__u64 runs;
__u64 raw_sum;
struct request last_request;

/* Swaps the two addresses of the Ethernet header and sends the packet back. */
SEC("xdp")
int swaps(struct xdp_md *ctx)
{
	__u8 *data = (void *)(long)ctx->data;
	void *end = (void *)(long)ctx->data_end;

	if ((void *)(data + 14) > end)
		return XDP_ABORTED;
	for (int i = 0; i < 6; i++) {
		__u8 byte = data[i];

		data[i] = data[i + 6];
		data[i + 6] = byte;
	}
	__sync_fetch_and_add(&runs, 1);
	return XDP_TX;
}

/* Takes the first four bytes off: the packet comes out shorter. */
SEC("xdp")
int shortens(struct xdp_md *ctx)
{
	return bpf_xdp_adjust_head(ctx, 4) ? XDP_ABORTED : XDP_PASS;
}

/* Which interface and queue the packet came by. */
SEC("xdp")
int where(struct xdp_md *ctx)
{
	return ctx->ingress_ifindex << 8 | ctx->rx_queue_index;
}

/* Doubles the mark, writes 0x5a behind the Ethernet header. */
SEC("tc")
int marks(struct __sk_buff *skb)
{
	__u8 byte = 0x5a;

	skb->mark *= 2;
	skb->cb[0] += 1;
	skb->priority = 7;
	return bpf_skb_store_bytes(skb, 14, &byte, 1, 0);
}

/* Adds; the sum goes back in the context. */
SEC("syscall")
int adds(struct request *request)
{
	request->sum = (__u64)request->left + request->right;
	request->text[0] = 'd';
	last_request = *request;
	return request->left == 0;
}

SEC("raw_tp/sys_enter")
int raw_args(struct bpf_raw_tracepoint_args *ctx)
{
	raw_sum = ctx->args[0] + ctx->args[1];
	return 0;
}

char LICENSE[] SEC("license") = "GPL";
