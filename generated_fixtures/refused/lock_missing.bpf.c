// SPDX-License-Identifier: MIT
// bpf_spin_lock() on a value that has no lock.
#include "refused.h"

MAP(counts, ARRAY, 1);

SEC("tc")
int locked(struct __sk_buff *skb)
{
	__u32 key = 0;
	void *value = bpf_map_lookup_elem(&counts, &key);

	if (value)
		bpf_spin_lock(value);
	return 0;
}

char LICENSE[] SEC("license") = "GPL";
