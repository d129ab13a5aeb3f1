// SPDX-License-Identifier: MIT
// Packets and bytes per IP protocol, counted before the network stack sees them.
#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <linux/ip.h>
#include <linux/ipv6.h>
#include <linux/in.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_endian.h>

#define MAX_VLANS 2
#define MAX_EXTENSIONS 6

/* Slots 0 to 255 are IP protocol numbers; these follow. */
enum slot {
	SLOT_ARP = 256,
	SLOT_NOT_IP,
	SLOT_CUT_SHORT,
	SLOTS,
};

struct traffic {
	__u64 packets;
	__u64 bytes;
	__u64 tagged; /* packets with a VLAN tag */
};

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, SLOTS);
	__type(key, __u32);
	__type(value, struct traffic);
} traffic SEC(".maps");

struct vlan_header {
	__be16 tci;
	__be16 proto;
};

/* What every IPv6 extension header begins with; `length` in 8 bytes, without the first 8. */
struct extension {
	__u8 next;
	__u8 length;
};

static __always_inline __u32 slot_of_ipv4(void *at, void *end)
{
	struct iphdr *ip = at;

	return (void *)(ip + 1) > end ? SLOT_CUT_SHORT : ip->protocol;
}

static __always_inline __u32 slot_of_ipv6(void *at, void *end)
{
	struct ipv6hdr *ip = at;
	__u8 next;

	if ((void *)(ip + 1) > end)
		return SLOT_CUT_SHORT;
	next = ip->nexthdr;
	at = ip + 1;
	for (int i = 0; i < MAX_EXTENSIONS; i++) {
		struct extension *header = at;

		if (next != IPPROTO_HOPOPTS && next != IPPROTO_ROUTING &&
		    next != IPPROTO_DSTOPTS && next != IPPROTO_FRAGMENT)
			break;
		if ((void *)(header + 1) > end)
			return SLOT_CUT_SHORT;
		/* A fragment header has eight bytes, whatever its second one says. */
		at += next == IPPROTO_FRAGMENT ? 8 : 8 + header->length * 8;
		next = header->next;
	}
	return next;
}

SEC("xdp")
int count(struct xdp_md *ctx)
{
	void *data = (void *)(long)ctx->data;
	void *end = (void *)(long)ctx->data_end;
	struct ethhdr *eth = data;
	struct traffic *found;
	__u32 slot = SLOT_CUT_SHORT;
	int vlans = 0;
	__be16 proto;
	void *at;

	if ((void *)(eth + 1) > end)
		goto counted;
	proto = eth->h_proto;
	at = eth + 1;
	for (int i = 0; i < MAX_VLANS; i++) {
		struct vlan_header *vlan = at;

		if (proto != bpf_htons(ETH_P_8021Q) && proto != bpf_htons(ETH_P_8021AD))
			break;
		if ((void *)(vlan + 1) > end)
			goto counted;
		proto = vlan->proto;
		at = vlan + 1;
		vlans++;
	}
	if (proto == bpf_htons(ETH_P_IP))
		slot = slot_of_ipv4(at, end);
	else if (proto == bpf_htons(ETH_P_IPV6))
		slot = slot_of_ipv6(at, end);
	else if (proto == bpf_htons(ETH_P_ARP))
		slot = SLOT_ARP;
	else
		slot = SLOT_NOT_IP;
counted:
	found = bpf_map_lookup_elem(&traffic, &slot);
	if (found) { /* this CPU's own: no atomics */
		found->packets++;
		found->bytes += end - data;
		found->tagged += vlans > 0;
	}
	return XDP_PASS;
}

char LICENSE[] SEC("license") = "Dual MIT/GPL";
