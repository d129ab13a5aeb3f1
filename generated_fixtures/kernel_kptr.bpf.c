// SPDX-License-Identifier: MIT
// A pointer to a kernel object inside a map value (5.19; spelled `kptr_untrusted` since 6.4).
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

#define __kptr_untrusted __attribute__((btf_type_tag("kptr_untrusted")))

struct task_struct {
	int pid;
} __attribute__((preserve_access_index));

struct holder {
	__u64 before;
	struct task_struct __kptr_untrusted *task;
	__u32 after;
};

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct holder);
} holders SEC(".maps");

/* Keeps struct task_struct whole in BTF; the kernel looks the type up by name and kind. */
struct task_struct *unused_task_struct;

SEC("tc")
int holds(struct __sk_buff *skb)
{
	__u32 key = 0;
	struct holder *value = bpf_map_lookup_elem(&holders, &key);
	struct task_struct *task;

	if (!value)
		return 1;
	task = value->task;
	return task ? task->pid : 0;
}

char LICENSE[] SEC("license") = "Dual MIT/GPL";
