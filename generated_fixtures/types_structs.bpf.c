// SPDX-License-Identifier: MIT
// Structs: nested, packed, aligned, anonymous to depth three, empty, flexible and zero-length
// arrays, multi-dimensional arrays, recursive and forward types.
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

struct empty {
};

struct leaf {
	__u8 a;
	__u32 b;
};

struct __attribute__((packed)) tight {
	__u8 a;
	__u32 b;
	struct leaf leaf;
	__u64 c;
};

struct cacheline {
	__u8 a;
	__u8 b __attribute__((aligned(16)));
	struct tight tight __attribute__((aligned(8)));
} __attribute__((aligned(64)));

struct outer {
	struct leaf leaf;
	struct leaf leaves[3];
	struct empty empty;
	struct {
		__u16 one;
		struct {
			__u16 two;
			struct {
				__u16 three;
			};
		};
	};
	struct {
		__u8 in;
		struct {
			__u64 deep;
		} deeper;
	} unnamed_type;
	struct {
		__u16 n;
	} unnamed_list[2];
	__u32 grid[2][3][4];
	char lines[3][8];
	__u8 none[0];
	__u8 end;
};

struct message {
	__u32 length;
	__u16 kind;
	__u16 items[];
};

struct named_tail {
	__u8 count;
	struct leaf leaves[];
};

struct text_tail {
	__u32 pid;
	char text[];
};

/* Recursive through pointers, and a type that is only declared. */
struct opaque;
struct list_node {
	struct list_node *next, *prev;
	struct opaque *owner;
	struct tree *tree;
};
struct tree {
	struct tree *children[2];
	struct list_node *list;
	int value;
};

struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 4096);
	__type(value, struct message);
} messages SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 4096);
	__type(value, struct named_tail);
} tails SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 4096);
	__type(value, struct text_tail);
} texts SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 2);
	__type(key, struct leaf);
	__type(value, struct outer);
} outers SEC(".maps");

struct outer outer;
struct cacheline line;
struct list_node node;
struct tree tree;

/* Three messages: of no, one and three items; one tail of two leaves; one text. */
SEC("socket")
int emit(struct __sk_buff *skb)
{
	struct {
		__u32 length;
		__u16 kind;
		__u16 items[3];
	} message = {14, 5, {100, 200, 300}};
	struct {
		__u8 count;
		struct leaf leaves[2];
	} tail;
	struct {
		__u32 pid;
		char text[12];
	} text = {31, "hello there"};

	__builtin_memset(&tail, 0, sizeof(tail));
	tail.count = 2;
	tail.leaves[0].a = 1;
	tail.leaves[0].b = 2;
	tail.leaves[1].a = 3;
	tail.leaves[1].b = 4;
	if (bpf_ringbuf_output(&messages, &message, 6, 0) ||
	    bpf_ringbuf_output(&messages, &message, 8, 0) ||
	    bpf_ringbuf_output(&messages, &message, 12, 0))
		return 1;
	if (bpf_ringbuf_output(&tails, &tail, sizeof(tail), 0))
		return 2;
	return bpf_ringbuf_output(&texts, &text, sizeof(text), 0) ? 3 : 0;
}

SEC("socket")
int set(struct __sk_buff *skb)
{
	struct leaf key;

	__builtin_memset(&key, 0, sizeof(key));
	key.a = 7;
	key.b = 8;
	outer.leaf.b = 1;
	outer.leaves[2].a = 2;
	outer.one = 11;
	outer.two = 22;
	outer.three = 33;
	outer.unnamed_type.deeper.deep = 44;
	outer.unnamed_list[1].n = 55;
	outer.grid[1][2][3] = 123;
	outer.lines[2][0] = 'q';
	outer.end = 66;
	line.a = 1;
	line.b = 2;
	line.tight.leaf.b = 3;
	line.tight.c = 4;
	tree.value = -5;
	return bpf_map_update_elem(&outers, &key, &outer, BPF_ANY);
}

char LICENSE[] SEC("license") = "Dual MIT/GPL";
