// SPDX-License-Identifier: MIT
// One source for several machines: a header whose bits C writes down per byte order, as <linux/ip.h>
// does, and instructions that only newer CPU versions have.  The objects become one module.
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

struct header {
#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
	__u8 ihl : 4, version : 4;
#else
	__u8 version : 4, ihl : 4;
#endif
	__u8 tos;
	__u16 total;
	union {
		struct {
#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
			__u8 low : 3, high : 5;
#else
			__u8 high : 5, low : 3;
#endif
		};
		__u8 raw;
	};
};

struct seen {
	struct header header;
	__u32 cpu;
	__s64 widened;
	__u64 before;
};

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct seen);
} seen SEC(".maps");

const volatile __u32 step = 1;
__u64 counter = 40;

SEC("socket")
int look(struct __sk_buff *skb)
{
	__u32 zero = 0;
	struct seen *found = bpf_map_lookup_elem(&seen, &zero);

	if (!found)
		return 0;
	found->header.ihl = 5;
	found->header.version = 4;
	found->header.total = skb->len;
	found->header.low = 6;
	found->header.high = 17;
	found->cpu = __BPF_CPU_VERSION__;
	/* movsx, or two shifts */
	found->widened = (signed char)(skb->len + 200);
#if __BPF_CPU_VERSION__ >= 3
	found->before = __sync_fetch_and_add(&counter, step);
#else
	found->before = counter;
	__sync_fetch_and_add(&counter, step);
#endif
	return __BPF_CPU_VERSION__;
}

/* Not wanted unless switched on. */
SEC("?socket")
int spare(struct __sk_buff *skb)
{
	return skb->len + step;
}

char LICENSE[] SEC("license") = "GPL";
