// SPDX-License-Identifier: MIT
// A map and constants, but nothing to run.
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

struct setting {
	__u32 limit;
	char label[12];
};

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 8);
	__type(key, __u32);
	__type(value, struct setting);
} settings SEC(".maps");

const volatile struct setting fallback = {7, "seven"};

char LICENSE[] SEC("license") = "GPL";
