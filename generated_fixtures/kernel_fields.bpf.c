// SPDX-License-Identifier: MIT
// Values with fields that the kernel owns: a spin lock (5.1), a timer (5.15), a kptr (5.19).
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

#define __kptr_untrusted __attribute__((btf_type_tag("kptr_untrusted")))

struct task_struct {
	int pid;
} __attribute__((preserve_access_index));

struct locked {
	__u32 before;
	struct bpf_spin_lock lock;
	__u64 after;
};

struct timed {
	__u64 fired;
	struct bpf_timer timer;
	__u32 period;
};

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 4);
	__type(key, __u32);
	__type(value, struct locked);
} locks SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct timed);
} timers SEC(".maps");

static int on_timer(void *map, __u32 *key, struct timed *value)
{
	value->fired++;
	return 0;
}

/* Adds one to both sides of the lock of entry 1; user space made the entry. */
SEC("tc")
int under_lock(struct __sk_buff *skb)
{
	__u32 key = 1;
	struct locked *value = bpf_map_lookup_elem(&locks, &key);

	if (!value)
		return 1;
	bpf_spin_lock(&value->lock);
	value->before++;
	value->after++;
	bpf_spin_unlock(&value->lock);
	return 0;
}

/* Starts the timer of entry 0, to fire at once. */
SEC("tc")
int start_timer(struct __sk_buff *skb)
{
	__u32 key = 0;
	struct timed *value = bpf_map_lookup_elem(&timers, &key);

	if (!value)
		return 1;
	value->period = 5;
	bpf_timer_init(&value->timer, &timers, 1 /* CLOCK_MONOTONIC */);
	bpf_timer_set_callback(&value->timer, on_timer);
	return bpf_timer_start(&value->timer, 0, 0) ? 2 : 0;
}

char LICENSE[] SEC("license") = "Dual MIT/GPL";
