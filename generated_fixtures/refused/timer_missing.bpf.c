// SPDX-License-Identifier: MIT
// A timer is started in a value that has none.
#include "refused.h"

MAP(counts, ARRAY, 1);

SEC("tc")
int arm(struct __sk_buff *skb)
{
	__u32 key = 0;
	void *value = bpf_map_lookup_elem(&counts, &key);

	if (value)
		bpf_timer_start(value, 1000, 0);
	return 0;
}

char LICENSE[] SEC("license") = "GPL";
