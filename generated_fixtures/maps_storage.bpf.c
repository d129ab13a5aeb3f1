// SPDX-License-Identifier: MIT
// Storage that belongs to cgroups and files, old and new, and a ring that user space writes into.
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

/* Newer than the headers of many a machine. */
#define BPF_MAP_TYPE_CGRP_STORAGE_ 32

struct account {
	__u64 packets;
	__u32 flags;
};

struct {
	__uint(type, BPF_MAP_TYPE_CGROUP_STORAGE);
	__type(key, struct bpf_cgroup_storage_key);
	__type(value, struct account);
} of_cgroup SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_CGROUP_STORAGE);
	__type(key, __u64);
	__type(value, __u32);
} of_cgroup_per_cpu SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_CGRP_STORAGE_);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, int);
	__type(value, struct account);
} by_cgroup SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_INODE_STORAGE);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, int);
	__type(value, struct account);
} by_inode SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_USER_RINGBUF);
	__uint(max_entries, 5000);
	__type(value, struct account);
} orders SEC(".maps");

char LICENSE[] SEC("license") = "Dual MIT/GPL";
