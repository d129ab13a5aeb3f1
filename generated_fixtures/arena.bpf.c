// SPDX-License-Identifier: MIT
// An arena (6.9): memory that programs and user space share, with global variables in it and a list
// whose pointers are valid on both sides.
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

/* Newer than the headers of many a machine. */
#define BPF_MAP_TYPE_ARENA 33
#define __ulong(name, val) enum { __PASTE(__unique_value, __LINE__) = val } name
#define __PASTE(a, b) __PASTE_(a, b)
#define __PASTE_(a, b) a##b

#define __arena __attribute__((address_space(1)))

struct node {
	struct node __arena *next;
	__u64 value;
};

struct {
	__uint(type, BPF_MAP_TYPE_ARENA);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, 16);
	__ulong(map_extra, 0x500000000000ULL);
} shared SEC(".maps");

struct node __arena nodes[3] = {{.value = 10}, {.value = 20}, {.value = 30}};
struct node __arena *__arena first;
__u64 __arena sum = 7;
char __arena label[8] = "start";
__u32 __arena numbers[4];
const __u32 pages = 16;
int result;

/* Adds up the list that user space made, and puts the sum into the arena. */
SEC("syscall")
int walk(void *ctx)
{
	struct node __arena *node = first;
	__u64 total = 0;

	(void)&shared;
	for (int i = 0; node && i < 100; i++) {
		total += node->value;
		node = node->next;
	}
	sum = total;
	return 0;
}

/* Makes the list itself. */
SEC("syscall")
int build(void *ctx)
{
	for (int i = 0; i < 3; i++) {
		nodes[i].value = (i + 1) * 100;
		nodes[i].next = i < 2 ? &nodes[i + 1] : 0;
		numbers[i] = i + 1;
	}
	first = &nodes[0];
	label[0] = 'S';
	result = 3;
	return 0;
}

void __arena *bpf_arena_alloc_pages(void *map, void __arena *address, __u32 count, int node,
				    __u64 flags) __ksym;
void bpf_arena_free_pages(void *map, void __arena *address, __u32 count) __ksym;

/* Puts a node on a page of its own in front of the list. */
SEC("syscall")
int grow(void *ctx)
{
	struct node __arena *node = bpf_arena_alloc_pages(&shared, 0, 1, -1, 0);

	if (!node)
		return 1;
	node->value = 4321;
	node->next = first;
	first = node;
	return 0;
}

/* Takes it off again. */
SEC("syscall")
int shrink(void *ctx)
{
	struct node __arena *node = first;

	if (!node)
		return 1;
	first = node->next;
	bpf_arena_free_pages(&shared, node, 1);
	return 0;
}

char LICENSE[] SEC("license") = "GPL";
