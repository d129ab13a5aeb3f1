// SPDX-License-Identifier: MIT
// One half: it declares what the other defines, and has static names that the other has, too.
#include "parts.h"

struct known_there;

extern struct counters shared SEC(".maps");
struct counters weak_map __weak SEC(".maps");
struct inner inner_one SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_PROG_ARRAY);
	__uint(max_entries, 2);
	__type(key, int);
	__array(values, int(struct __sk_buff *));
} jumps SEC(".maps");

extern int LINUX_KERNEL_VERSION __kconfig;
extern _Bool CONFIG_BPF_SYSCALL __kconfig __weak;
extern const void bpf_prog_fops __ksym __weak;
extern void bpf_rcu_read_lock(void) __ksym __weak;

extern int counted;
extern const int limit;
extern int table[];
int custom SEC(".data.custom") = 5;
int replaced __weak = 1;
int kept __weak = 30;
int both_weak __weak = 11;
__hidden long hidden_one = 3;
static volatile int state = 7;
struct known_there *opaque;
struct node list = { .mode = MODE_ON };

static __noinline int helper(int x)
{
	return x + state;
}

static long visit(__u32 index, void *context)
{
	*(int *)context += index + 1;
	return 0;
}

__weak __noinline int overridden(int x)
{
	volatile int dead = x;

	return dead * 1000;
}

int defined_there(int, struct node *);
__hidden int hidden_there(int x);

__noinline int defined_here(int x, struct node *node)
{
	return node ? helper(x) + node->number : helper(x);
}

SEC("tc")
int one(struct __sk_buff *skb)
{
	struct node node = { .number = 2 };
	int key = 1, sum = 0, i = skb->len & 1;

	bpf_loop(4, visit, &sum, 0);
	if (CONFIG_BPF_SYSCALL)
		bpf_map_update_elem(&shared, &key, &node, 0);
	bpf_map_lookup_elem(&weak_map, &key);
	counted += limit + table[1] + table[i] + custom + replaced + kept + both_weak + hidden_one;
	bpf_printk("one %d", sum);
	return overridden(sum) + defined_there(i, &node) + hidden_there(1) + helper(1) +
	       (LINUX_KERNEL_VERSION ? 0 : 1) + (opaque ? 1 : 0) + list.mode;
}

SEC("?raw_tp/sys_enter")
int traced(void *ctx)
{
	struct task_struct *task = (void *)bpf_get_current_task();

	if (bpf_rcu_read_lock)
		bpf_rcu_read_lock();
	return BPF_CORE_READ(task, parent, pid) + (&bpf_prog_fops != 0);
}

char LICENSE[] SEC("license") = "GPL";
