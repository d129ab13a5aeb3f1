/* SPDX-License-Identifier: MIT */
/* The types of `types_check` and `types_initial`: every shape of member, once. */
#pragma once

#include <linux/bpf.h>
#include <stdbool.h>

enum color {
	RED = 1,
	GREEN = 2,
	BLUE = 5,
};

enum degrees {
	COLD = -40,
	ZERO = 0,
	HOT = 60,
};

enum huge {
	HUGE_SMALL = 3,
	HUGE_BIG = 0x123456789abcdef0ULL,
};

struct scalars {
	__u8 a_u8;
	__s8 a_s8;
	__u16 a_u16;
	__s16 a_s16;
	__u32 a_u32;
	__s32 a_s32;
	__u64 a_u64;
	__s64 a_s64;
	bool a_bool;
	char a_char;
	long a_long;
	enum color a_color;
	enum degrees a_degrees;
	enum huge a_huge;
	float a_float;
	double a_double;
	void *a_pointer;
	unsigned __int128 a_u128;
	__int128 a_s128;
};

struct bits_unsigned {
	__u32 a : 1;
	__u32 b : 3;
	__u32 c : 7;
	__u32 d : 13;
	__u32 e : 8;
};

struct bits_signed {
	int a : 1;
	int b : 4;
	int c : 12;
	int d : 15;
};

struct bits_kinds {
	enum color color : 3;
	enum degrees degrees : 8;
	bool on : 1;
	bool off : 1;
	__u8 : 0;
	__u8 after : 5;
	__s8 minus : 3;
};

struct bits_wide {
	__u64 low : 5;
	__u64 mid : 50;
	__u64 high : 9;
	__s64 minus : 40;
	__u64 rest : 24;
};

struct bits_mixed {
	__u8 lead;
	__u16 cut : 11;
	__u32 : 3;
	__u32 more : 20;
	__u8 tail;
	__u64 lonely : 33;
};

struct __attribute__((packed)) bits_packed {
	__u8 lead : 3;
	__u32 cross : 32;
	__s64 over : 40;
	__u64 full : 64;
	__u8 rest : 5;
	__u16 plain;
};

union word {
	__u32 whole;
	__u16 halves[2];
	unsigned char bytes[4];
	struct {
		__s8 first;
		__s8 second;
		__u16 rest;
	} parts;
};

struct address {
	__u8 family;
	union {
		__u32 v4;
		struct {
			__u64 high;
			__u64 low;
		} v6;
		char path[20];
	};
	union word named;
};

struct deep {
	int before;
	struct {
		short one;
		struct {
			char two[3];
			struct {
				__u64 three;
				union {
					__u32 four;
					__s8 five;
				};
			};
		};
	};
	struct {
		__u32 x, y;
	} inner;
	int after;
};

struct __attribute__((packed)) packed {
	__u8 a;
	__u32 b;
	__u64 c;
	__u16 d;
};

struct padded {
	__u8 a;
	__u64 b __attribute__((aligned(32)));
	struct packed c;
	__u8 d;
} __attribute__((aligned(64)));

struct arrays {
	__u16 flat[3];
	__s32 grid[2][3];
	__u8 cube[2][2][2];
	char name[12];
	char names[2][6];
	unsigned char raw[5];
	__s8 small[4];
	bool flags[4];
	enum degrees degrees[2];
	struct packed packed[2];
	union word words[2];
	__u64 none[0];
	__u8 last;
};

struct all {
	struct scalars scalars;
	struct bits_unsigned bits_unsigned;
	struct bits_signed bits_signed;
	struct bits_kinds bits_kinds;
	struct bits_wide bits_wide;
	struct bits_mixed bits_mixed;
	struct bits_packed bits_packed;
	struct address v4, v6, local;
	struct deep deep;
	struct padded padded;
	struct arrays arrays;
};

struct key {
	__u8 kind;
	char name[7];
	struct packed part;
	__u32 low : 12;
	__u32 high : 20;
};
