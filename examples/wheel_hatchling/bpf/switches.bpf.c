/* SPDX-License-Identifier: MIT */
/* How often does each CPU go from one task to another? */

#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, __u64);
} switches SEC(".maps");

SEC("raw_tp/sched_switch")
int count(void *ctx)
{
	__u32 zero = 0;
	__u64 *here = bpf_map_lookup_elem(&switches, &zero);

	if (here)
		*here += 1;
	return 0;
}

char LICENSE[] SEC("license") = "Dual MIT/GPL";
