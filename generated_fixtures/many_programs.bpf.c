// SPDX-License-Identifier: MIT
// Several programs in one section, the same kind in several sections, and shared maps.
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 4);
	__type(key, __u32);
	__type(value, __u64);
} runs SEC(".maps");

static __always_inline int count(__u32 slot, int result)
{
	__u64 *value = bpf_map_lookup_elem(&runs, &slot);

	if (value)
		__sync_fetch_and_add(value, 1);
	return result;
}

SEC("socket")
int first(struct __sk_buff *skb)
{
	return count(0, 101);
}

SEC("socket")
int second(struct __sk_buff *skb)
{
	return count(1, 102);
}

SEC("tc")
int third(struct __sk_buff *skb)
{
	return count(2, 103);
}

SEC("xdp")
int fourth(struct xdp_md *ctx)
{
	return count(3, XDP_PASS);
}

SEC("xdp")
int fifth(struct xdp_md *ctx)
{
	return count(3, XDP_DROP);
}

char LICENSE[] SEC("license") = "Dual MIT/GPL";
