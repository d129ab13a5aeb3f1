// SPDX-License-Identifier: MIT
// A hash of a million entries: look-ups, updates and reading all of it.
#include <linux/bpf.h>

#include <bpf/bpf_helpers.h>

struct traffic {
	__u64 packets;
	__u64 bytes;
};

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 1 << 20);
	__type(key, __u32);
	__type(value, struct traffic);
} flows SEC(".maps");

SEC("xdp")
int count(struct xdp_md *ctx)
{
	__u32 key = ctx->ingress_ifindex;
	struct traffic *traffic = bpf_map_lookup_elem(&flows, &key);

	if (traffic)
		__sync_fetch_and_add(&traffic->packets, 1);
	return XDP_PASS;
}

char LICENSE[] SEC("license") = "Dual MIT/GPL";
