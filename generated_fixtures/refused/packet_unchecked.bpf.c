// SPDX-License-Identifier: MIT
// The packet is read without looking at data_end.
#include "refused.h"

SEC("xdp")
int first(struct xdp_md *ctx)
{
	struct ethhdr *eth = (void *)(long)ctx->data;

	return eth->h_proto ? XDP_PASS : XDP_DROP;
}

char LICENSE[] SEC("license") = "GPL";
