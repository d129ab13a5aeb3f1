// SPDX-License-Identifier: MIT
// Maps in a section called maps: libbpf stopped reading them in 1.0.
#include "refused.h"

struct bpf_map_def {
	unsigned int type, key_size, value_size, max_entries, map_flags;
};

struct bpf_map_def SEC("maps") counts = {
	.type = BPF_MAP_TYPE_HASH,
	.key_size = 4,
	.value_size = 8,
	.max_entries = 4,
};

SEC("socket")
int count(struct __sk_buff *skb)
{
	__u32 key = 0;

	return bpf_map_lookup_elem(&counts, &key) != NULL;
}

char LICENSE[] SEC("license") = "GPL";
