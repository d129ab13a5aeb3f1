// SPDX-License-Identifier: MIT
// Enums: signed, unsigned, 64 bits wide, of one byte, with duplicate values, anonymous, without
// a use, as flags, and as members, keys, values and variables.
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

enum plain {
	PLAIN_ZERO,
	PLAIN_ONE,
	PLAIN_TWO,
};

enum below_zero {
	BELOW = -5,
	ABOVE = 5,
};

enum doubled {
	DOUBLED_FIRST = 1,
	DOUBLED_SAME = 1,
	DOUBLED_OTHER = 2,
	DOUBLED_LAST = DOUBLED_OTHER,
};

enum all_ones {
	ALL_ONES = 0xffffffffU,
	TOP_BIT = 0x80000000U,
};

enum wide {
	WIDE_LOW = 1,
	WIDE_HIGH = 0x8000000000000000ULL,
	WIDE_ALL = 0xffffffffffffffffULL,
};

enum wide_signed {
	WIDE_MINUS = -0x7fffffffffffffffLL,
	WIDE_PLUS = 0x7fffffffffffffffLL,
};

enum __attribute__((packed)) byte_sized {
	BYTE_A,
	BYTE_B = 200,
};

enum flags {
	FLAG_READ = 1 << 0,
	FLAG_WRITE = 1 << 1,
	FLAG_BOTH = FLAG_READ | FLAG_WRITE,
};

/* No tag: constants only. */
enum {
	LIMIT_LOW = 10,
	LIMIT_HIGH = 20,
};

typedef enum {
	TYPEDEF_X,
	TYPEDEF_Y = 9,
} typedef_enum_t;

struct uses {
	enum plain plain;
	enum below_zero below;
	enum doubled doubled;
	enum all_ones ones;
	enum wide wide;
	enum wide_signed wide_signed;
	enum byte_sized byte;
	typedef_enum_t aliased;
	enum flags flags;
	enum {
		INLINE_A = 4,
		INLINE_B,
	} inline_enum;
	enum plain list[2];
};

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 4);
	__type(key, enum wide);
	__type(value, enum below_zero);
} by_wide SEC(".maps");

struct uses uses;
enum wide wide_variable = WIDE_ALL;
enum below_zero below_variable = BELOW;
enum flags flag_variable = FLAG_BOTH;

SEC("socket")
int set(struct __sk_buff *skb)
{
	enum wide key = WIDE_HIGH;
	enum below_zero value = BELOW;

	uses.plain = PLAIN_TWO;
	uses.below = BELOW;
	uses.doubled = DOUBLED_SAME;
	uses.ones = ALL_ONES;
	uses.wide = WIDE_HIGH;
	uses.wide_signed = WIDE_MINUS;
	uses.byte = BYTE_B;
	uses.aliased = TYPEDEF_Y;
	uses.flags = 8; /* no name for it */
	uses.inline_enum = INLINE_B;
	uses.list[1] = 77;
	return bpf_map_update_elem(&by_wide, &key, &value, BPF_ANY) + (LIMIT_HIGH - 20);
}

char LICENSE[] SEC("license") = "Dual MIT/GPL";
