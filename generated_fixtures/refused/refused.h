/* SPDX-License-Identifier: MIT */
/* What every program in this folder takes in. */
#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_core_read.h>
#include <bpf/bpf_tracing.h>

#define NULL ((void *)0)

/* A map of 8 byte values, by its type. */
#define MAP(name, kind, entries)               \
	struct {                               \
		__uint(type, BPF_MAP_TYPE_##kind); \
		__uint(max_entries, entries);  \
		__type(key, __u32);            \
		__type(value, __u64);          \
	} name SEC(".maps")

#define RING(name)                               \
	struct {                                 \
		__uint(type, BPF_MAP_TYPE_RINGBUF); \
		__uint(max_entries, 4096);       \
	} name SEC(".maps")
