/* SPDX-License-Identifier: MIT */
/* What both halves of the linker's test say: part_one.bpf.c and part_two.bpf.c. */
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_core_read.h>

enum mode { MODE_OFF, MODE_ON };

struct node {
	struct node *next;
	enum mode mode;
	union {
		int number;
		char text[4];
	};
};

typedef int (*visitor)(struct node *, void *);

struct task_struct {
	int pid;
	struct task_struct *parent;
} __attribute__((preserve_access_index));

struct counters {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 16);
	__type(key, int);
	__type(value, struct node);
};

struct inner {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 2);
	__type(key, int);
	__type(value, long);
};
