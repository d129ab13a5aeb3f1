// SPDX-License-Identifier: MIT
// The constants of `types_check` as initialised variables: the compiler itself lays them out, and
// they can be compared without a kernel.
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

#include "types_check.h"

#define INT128(high, low) ((unsigned __int128)(high) << 64 | (low))

#define ALL                                                                                        \
	{                                                                                          \
		.scalars =                                                                         \
			{                                                                          \
				.a_u8 = 0xfe,                                                      \
				.a_s8 = -128,                                                      \
				.a_u16 = 0xfedc,                                                   \
				.a_s16 = -32768,                                                   \
				.a_u32 = 0xfedcba98,                                               \
				.a_s32 = -2147483647 - 1,                                          \
				.a_u64 = 0xfedcba9876543210ULL,                                    \
				.a_s64 = -0x7edcba9876543210LL,                                    \
				.a_bool = true,                                                    \
				.a_char = 'c',                                                     \
				.a_long = -2,                                                      \
				.a_color = BLUE,                                                   \
				.a_degrees = COLD,                                                 \
				.a_huge = HUGE_BIG,                                                \
				.a_float = 1.5f,                                                   \
				.a_double = -3.141592653589793,                                    \
				.a_pointer = (void *)0xffffffff81234567ULL,                        \
				.a_u128 = INT128(0x0123456789abcdefULL, 0xfedcba9876543210ULL),    \
				.a_s128 = -5,                                                      \
			},                                                                         \
		.bits_unsigned = {1, 5, 99, 0x1abc, 0xa5},                                         \
		.bits_signed = {-1, -8, 2047, -12345},                                             \
		.bits_kinds = {BLUE, COLD, true, false, 21, -3},                                   \
		.bits_wide = {0x11, 0x2aaaabbbbccccULL, 0x101, -0x123456789aLL, 0xabcdef},         \
		.bits_mixed = {0x7f, 0x555, 0xfedcb, 0x81, 0x1deadbeefULL},                        \
		.bits_packed = {5, 0x89abcdef, -0x7654321098LL, 0xf0e1d2c3b4a59687ULL, 0x1a,       \
				0xbeef},                                                           \
		.v4 = {.family = 4, .v4 = 0x7f000001, .named.whole = 0x01020304},                  \
		.v6 = {.family = 6,                                                                \
		       .v6 = {0x20010db8ULL << 32, 0x1234},                                        \
		       .named.halves = {0x1111, 0x2222}},                                          \
		.local = {.family = 1, .path = "/run/some.sock", .named.parts = {-1, -2, 3}},      \
		.deep = {.before = -11,                                                            \
			 .one = -22,                                                               \
			 .two = {'x', 'y', 'z'},                                                   \
			 .three = 33,                                                              \
			 .five = -44,                                                              \
			 .inner = {55, 66},                                                        \
			 .after = -77},                                                            \
		.padded = {1, 0x2222222222222222ULL, {3, 0x44444444, 0x5555555555555555ULL, 0x6666}, 7}, \
		.arrays = {                                                                        \
			.flat = {1, 2, 65535},                                                     \
			.grid = {{0, 1, 2}, {-10, -11, -12}},                                      \
			.cube = {{{0, 1}, {10, 11}}, {{100, 101}, {110, 111}}},                    \
			.name = {'t', 'w', 'e', 'l', 'v', 'e', ' ', 'b', 'y', 't', 'e', 's'},      \
			.names = {"one", {'s', 'e', 'c', 'o', 'n', 'd'}},                          \
			.raw = {0xff, 0, 0x80, 0, 1},                                              \
			.small = {-1, 127, -128, 0},                                               \
			.flags = {true, false, true, true},                                        \
			.degrees = {HOT, COLD},                                                    \
			.packed = {{1, 2, 3, 4}, {5, 6, 7, 8}},                                    \
			.words = {{.whole = 0xaabbccdd}, {.whole = 0x11223344}},                   \
			.last = 0xee,                                                              \
		},                                                                                 \
	}

const volatile struct all constant = ALL;
struct all variable = ALL;
struct key key = {9, "key", {1, 0x02020202, 0x0303030303030303ULL, 0x0404}, 0xabc, 0x12345};

SEC("socket")
int uses(struct __sk_buff *skb)
{
	return constant.scalars.a_u8 + variable.scalars.a_u8 + key.kind;
}

char LICENSE[] SEC("license") = "Dual MIT/GPL";
