// SPDX-License-Identifier: MIT
// The other half.
#include "parts.h"

struct known_there {
	long a;
	struct known_there *next;
};

struct counters shared SEC(".maps");
struct counters weak_map __weak SEC(".maps");
struct inner inner_two SEC(".maps");

int one(struct __sk_buff *skb);
int two(struct __sk_buff *skb);

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY_OF_MAPS);
	__uint(max_entries, 2);
	__type(key, int);
	__array(values, struct inner);
} outer SEC(".maps") = { .values = { [1] = &inner_two } };

struct {
	__uint(type, BPF_MAP_TYPE_PROG_ARRAY);
	__uint(max_entries, 2);
	__type(key, int);
	__array(values, int(struct __sk_buff *));
} more_jumps SEC(".maps") = { .values = { [0] = (void *)&two } };

extern _Bool CONFIG_BPF_SYSCALL __kconfig;
extern char CONFIG_CC_VERSION_TEXT[64] __kconfig __weak;

int counted = 100;
const int limit = 20;
int table[4] = { 1, 2, 3, 4 };
int custom_two SEC(".data.custom") = 6;
int replaced = 2;
int kept __weak = 40;
int both_weak __weak = 22;
extern long hidden_one;
static volatile int state = 9;
struct known_there *thing;
extern struct node list;

static __noinline int helper(int x)
{
	return x * state;
}

static long visit(__u32 index, void *context)
{
	*(int *)context += 10 * index;
	return 0;
}

__noinline int overridden(int x)
{
	return helper(x) - 5;
}

int defined_here(int x, struct node *node);

__attribute__((btf_decl_tag("tagged"))) __noinline int defined_there(int x, struct node *node)
{
	return node ? x + node->number + defined_here(x, node) : x;
}

__hidden __noinline int hidden_there(int x)
{
	return helper(x) * 7;
}

SEC("tc")
int two(struct __sk_buff *skb)
{
	int key = 1, sum = 0;

	bpf_loop(3, visit, &sum, 0);
	bpf_map_lookup_elem(&shared, &key);
	bpf_map_lookup_elem(&weak_map, &key);
	bpf_printk("two %d", sum);
	return helper(sum) + hidden_one + counted + custom_two + list.mode + replaced + kept +
	       (CONFIG_CC_VERSION_TEXT[0] ? 1 : 0) + (CONFIG_BPF_SYSCALL ? 1 : 0) + (thing ? 1 : 0) +
	       "abc"[skb->len & 3];
}

SEC("?raw_tp/sys_enter")
int traced_two(void *ctx)
{
	struct task_struct *task = (void *)bpf_get_current_task();

	return BPF_CORE_READ(task, pid);
}

static char _license[] SEC("license") = "GPL";
