// SPDX-License-Identifier: MIT
// The layout oracle: `fill` writes known constants by the compiler's layout, `check` reads a
// value that user space wrote and returns the line of the first member that differs.
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

#include "types_check.h"

struct all filled;
struct all given;

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 4);
	__type(key, struct key);
	__type(value, struct all);
} by_key SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct packed);
} per_cpu SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 64 * 1024);
	__type(value, struct all);
} events SEC(".maps");

#define INT128(high, low) (((unsigned __int128)(high) << 64) | (low))

/* Padding bytes in `*v` must be zero before; every member gets a value of its own. */
static __always_inline void set_all(struct all *v)
{
	v->scalars.a_u8 = 0xfe;
	v->scalars.a_s8 = -128;
	v->scalars.a_u16 = 0xfedc;
	v->scalars.a_s16 = -32768;
	v->scalars.a_u32 = 0xfedcba98;
	v->scalars.a_s32 = -2147483647 - 1;
	v->scalars.a_u64 = 0xfedcba9876543210ULL;
	v->scalars.a_s64 = -0x7edcba9876543210LL;
	v->scalars.a_bool = true;
	v->scalars.a_char = 'c';
	v->scalars.a_long = -2;
	v->scalars.a_color = BLUE;
	v->scalars.a_degrees = COLD;
	v->scalars.a_huge = HUGE_BIG;
	*(__u32 *)&v->scalars.a_float = 0x3fc00000;		/* 1.5 */
	*(__u64 *)&v->scalars.a_double = 0xc00921fb54442d18ULL; /* -pi */
	v->scalars.a_pointer = (void *)0xffffffff81234567ULL;
	v->scalars.a_u128 = INT128(0x0123456789abcdefULL, 0xfedcba9876543210ULL);
	v->scalars.a_s128 = (__int128)-5;

	v->bits_unsigned.a = 1;
	v->bits_unsigned.b = 5;
	v->bits_unsigned.c = 99;
	v->bits_unsigned.d = 0x1abc;
	v->bits_unsigned.e = 0xa5;

	v->bits_signed.a = -1;
	v->bits_signed.b = -8;
	v->bits_signed.c = 2047;
	v->bits_signed.d = -12345;

	v->bits_kinds.color = BLUE;
	v->bits_kinds.degrees = COLD;
	v->bits_kinds.on = true;
	v->bits_kinds.off = false;
	v->bits_kinds.after = 21;
	v->bits_kinds.minus = -3;

	v->bits_wide.low = 0x11;
	v->bits_wide.mid = 0x2aaaabbbbccccULL;
	v->bits_wide.high = 0x101;
	v->bits_wide.minus = -0x123456789aLL;
	v->bits_wide.rest = 0xabcdef;

	v->bits_mixed.lead = 0x7f;
	v->bits_mixed.cut = 0x555;
	v->bits_mixed.more = 0xfedcb;
	v->bits_mixed.tail = 0x81;
	v->bits_mixed.lonely = 0x1deadbeefULL;

	v->bits_packed.lead = 5;
	v->bits_packed.cross = 0x89abcdef;
	v->bits_packed.over = -0x7654321098LL;
	v->bits_packed.full = 0xf0e1d2c3b4a59687ULL;
	v->bits_packed.rest = 0x1a;
	v->bits_packed.plain = 0xbeef;

	v->v4.family = 4;
	v->v4.v4 = 0x7f000001;
	v->v4.named.whole = 0x01020304;
	v->v6.family = 6;
	v->v6.v6.high = 0x20010db8ULL << 32;
	v->v6.v6.low = 0x1234;
	v->v6.named.halves[0] = 0x1111;
	v->v6.named.halves[1] = 0x2222;
	v->local.family = 1;
	__builtin_memcpy(v->local.path, "/run/some.sock", 15);
	v->local.named.parts.first = -1;
	v->local.named.parts.second = -2;
	v->local.named.parts.rest = 3;

	v->deep.before = -11;
	v->deep.one = -22;
	v->deep.two[0] = 'x';
	v->deep.two[1] = 'y';
	v->deep.two[2] = 'z';
	v->deep.three = 33;
	v->deep.five = -44;
	v->deep.inner.x = 55;
	v->deep.inner.y = 66;
	v->deep.after = -77;

	v->padded.a = 1;
	v->padded.b = 0x2222222222222222ULL;
	v->padded.c.a = 3;
	v->padded.c.b = 0x44444444;
	v->padded.c.c = 0x5555555555555555ULL;
	v->padded.c.d = 0x6666;
	v->padded.d = 7;

	v->arrays.flat[0] = 1;
	v->arrays.flat[1] = 2;
	v->arrays.flat[2] = 65535;
	v->arrays.grid[0][0] = 0;
	v->arrays.grid[0][1] = 1;
	v->arrays.grid[0][2] = 2;
	v->arrays.grid[1][0] = -10;
	v->arrays.grid[1][1] = -11;
	v->arrays.grid[1][2] = -12;
	v->arrays.cube[0][0][0] = 0;
	v->arrays.cube[0][0][1] = 1;
	v->arrays.cube[0][1][0] = 10;
	v->arrays.cube[0][1][1] = 11;
	v->arrays.cube[1][0][0] = 100;
	v->arrays.cube[1][0][1] = 101;
	v->arrays.cube[1][1][0] = 110;
	v->arrays.cube[1][1][1] = 111;
	__builtin_memcpy(v->arrays.name, "twelve bytes", 12); /* no NUL */
	__builtin_memcpy(v->arrays.names[0], "one", 4);
	__builtin_memcpy(v->arrays.names[1], "second", 6);
	v->arrays.raw[0] = 0xff;
	v->arrays.raw[1] = 0;
	v->arrays.raw[2] = 0x80;
	v->arrays.raw[3] = 0;
	v->arrays.raw[4] = 1;
	v->arrays.small[0] = -1;
	v->arrays.small[1] = 127;
	v->arrays.small[2] = -128;
	v->arrays.small[3] = 0;
	v->arrays.flags[0] = true;
	v->arrays.flags[1] = false;
	v->arrays.flags[2] = true;
	v->arrays.flags[3] = true;
	v->arrays.degrees[0] = HOT;
	v->arrays.degrees[1] = COLD;
	v->arrays.packed[0].a = 1;
	v->arrays.packed[0].b = 2;
	v->arrays.packed[0].c = 3;
	v->arrays.packed[0].d = 4;
	v->arrays.packed[1].a = 5;
	v->arrays.packed[1].b = 6;
	v->arrays.packed[1].c = 7;
	v->arrays.packed[1].d = 8;
	v->arrays.words[0].whole = 0xaabbccdd;
	v->arrays.words[1].whole = 0x11223344;
	v->arrays.last = 0xee;
}

#define EXPECT(condition)                \
	do {                             \
		if (!(condition))        \
			return __LINE__; \
	} while (0)

/* The same constants, read back.  Zero, or the line of the first member that differs. */
static __noinline int check_all(volatile struct all *v)
{
	EXPECT(v->scalars.a_u8 == 0xfe);
	EXPECT(v->scalars.a_s8 == -128);
	EXPECT(v->scalars.a_u16 == 0xfedc);
	EXPECT(v->scalars.a_s16 == -32768);
	EXPECT(v->scalars.a_u32 == 0xfedcba98);
	EXPECT(v->scalars.a_s32 == -2147483647 - 1);
	EXPECT(v->scalars.a_u64 == 0xfedcba9876543210ULL);
	EXPECT(v->scalars.a_s64 == -0x7edcba9876543210LL);
	EXPECT(v->scalars.a_bool == true);
	EXPECT(v->scalars.a_char == 'c');
	EXPECT(v->scalars.a_long == -2);
	EXPECT(v->scalars.a_color == BLUE);
	EXPECT(v->scalars.a_degrees == COLD);
	EXPECT(v->scalars.a_huge == HUGE_BIG);
	EXPECT(*(volatile __u32 *)&v->scalars.a_float == 0x3fc00000);
	EXPECT(*(volatile __u64 *)&v->scalars.a_double == 0xc00921fb54442d18ULL);
	EXPECT(v->scalars.a_pointer == (void *)0xffffffff81234567ULL);
	EXPECT(((volatile __u64 *)&v->scalars.a_u128)[0] == 0xfedcba9876543210ULL);
	EXPECT(((volatile __u64 *)&v->scalars.a_u128)[1] == 0x0123456789abcdefULL);
	EXPECT(((volatile __u64 *)&v->scalars.a_s128)[0] == (__u64)-5);
	EXPECT(((volatile __u64 *)&v->scalars.a_s128)[1] == (__u64)-1);

	EXPECT(v->bits_unsigned.a == 1);
	EXPECT(v->bits_unsigned.b == 5);
	EXPECT(v->bits_unsigned.c == 99);
	EXPECT(v->bits_unsigned.d == 0x1abc);
	EXPECT(v->bits_unsigned.e == 0xa5);

	EXPECT(v->bits_signed.a == -1);
	EXPECT(v->bits_signed.b == -8);
	EXPECT(v->bits_signed.c == 2047);
	EXPECT(v->bits_signed.d == -12345);

	EXPECT(v->bits_kinds.color == BLUE);
	EXPECT(v->bits_kinds.degrees == COLD);
	EXPECT(v->bits_kinds.on == true);
	EXPECT(v->bits_kinds.off == false);
	EXPECT(v->bits_kinds.after == 21);
	EXPECT(v->bits_kinds.minus == -3);

	EXPECT(v->bits_wide.low == 0x11);
	EXPECT(v->bits_wide.mid == 0x2aaaabbbbccccULL);
	EXPECT(v->bits_wide.high == 0x101);
	EXPECT(v->bits_wide.minus == -0x123456789aLL);
	EXPECT(v->bits_wide.rest == 0xabcdef);

	EXPECT(v->bits_mixed.lead == 0x7f);
	EXPECT(v->bits_mixed.cut == 0x555);
	EXPECT(v->bits_mixed.more == 0xfedcb);
	EXPECT(v->bits_mixed.tail == 0x81);
	EXPECT(v->bits_mixed.lonely == 0x1deadbeefULL);

	EXPECT(v->bits_packed.lead == 5);
	EXPECT(v->bits_packed.cross == 0x89abcdef);
	EXPECT(v->bits_packed.over == -0x7654321098LL);
	EXPECT(v->bits_packed.full == 0xf0e1d2c3b4a59687ULL);
	EXPECT(v->bits_packed.rest == 0x1a);
	EXPECT(v->bits_packed.plain == 0xbeef);

	EXPECT(v->v4.family == 4);
	EXPECT(v->v4.v4 == 0x7f000001);
	EXPECT(v->v4.named.whole == 0x01020304);
	EXPECT(v->v6.family == 6);
	EXPECT(v->v6.v6.high == 0x20010db8ULL << 32);
	EXPECT(v->v6.v6.low == 0x1234);
	EXPECT(v->v6.named.halves[0] == 0x1111);
	EXPECT(v->v6.named.halves[1] == 0x2222);
	EXPECT(v->local.family == 1);
	EXPECT(v->local.path[0] == '/' && v->local.path[4] == '/');
	EXPECT(v->local.path[13] == 'k' && v->local.path[14] == 0);
	EXPECT(v->local.named.parts.first == -1);
	EXPECT(v->local.named.parts.second == -2);
	EXPECT(v->local.named.parts.rest == 3);

	EXPECT(v->deep.before == -11);
	EXPECT(v->deep.one == -22);
	EXPECT(v->deep.two[0] == 'x' && v->deep.two[1] == 'y' && v->deep.two[2] == 'z');
	EXPECT(v->deep.three == 33);
	EXPECT(v->deep.five == -44);
	EXPECT(v->deep.inner.x == 55);
	EXPECT(v->deep.inner.y == 66);
	EXPECT(v->deep.after == -77);

	EXPECT(v->padded.a == 1);
	EXPECT(v->padded.b == 0x2222222222222222ULL);
	EXPECT(v->padded.c.a == 3);
	EXPECT(v->padded.c.b == 0x44444444);
	EXPECT(v->padded.c.c == 0x5555555555555555ULL);
	EXPECT(v->padded.c.d == 0x6666);
	EXPECT(v->padded.d == 7);

	EXPECT(v->arrays.flat[0] == 1 && v->arrays.flat[1] == 2 && v->arrays.flat[2] == 65535);
	EXPECT(v->arrays.grid[0][0] == 0 && v->arrays.grid[0][1] == 1);
	EXPECT(v->arrays.grid[0][2] == 2 && v->arrays.grid[1][0] == -10);
	EXPECT(v->arrays.grid[1][1] == -11 && v->arrays.grid[1][2] == -12);
	EXPECT(v->arrays.cube[0][0][0] == 0 && v->arrays.cube[0][0][1] == 1);
	EXPECT(v->arrays.cube[0][1][0] == 10 && v->arrays.cube[0][1][1] == 11);
	EXPECT(v->arrays.cube[1][0][0] == 100 && v->arrays.cube[1][0][1] == 101);
	EXPECT(v->arrays.cube[1][1][0] == 110 && v->arrays.cube[1][1][1] == 111);
	EXPECT(v->arrays.name[0] == 't' && v->arrays.name[11] == 's');
	EXPECT(v->arrays.names[0][2] == 'e' && v->arrays.names[0][3] == 0);
	EXPECT(v->arrays.names[1][0] == 's' && v->arrays.names[1][5] == 'd');
	EXPECT(v->arrays.raw[0] == 0xff && v->arrays.raw[2] == 0x80 && v->arrays.raw[4] == 1);
	EXPECT(v->arrays.small[0] == -1 && v->arrays.small[1] == 127);
	EXPECT(v->arrays.small[2] == -128 && v->arrays.small[3] == 0);
	EXPECT(v->arrays.flags[0] && !v->arrays.flags[1]);
	EXPECT(v->arrays.flags[2] && v->arrays.flags[3]);
	EXPECT(v->arrays.degrees[0] == HOT && v->arrays.degrees[1] == COLD);
	EXPECT(v->arrays.packed[0].a == 1 && v->arrays.packed[0].b == 2);
	EXPECT(v->arrays.packed[0].c == 3 && v->arrays.packed[0].d == 4);
	EXPECT(v->arrays.packed[1].a == 5 && v->arrays.packed[1].b == 6);
	EXPECT(v->arrays.packed[1].c == 7 && v->arrays.packed[1].d == 8);
	EXPECT(v->arrays.words[0].whole == 0xaabbccdd);
	EXPECT(v->arrays.words[1].whole == 0x11223344);
	EXPECT(v->arrays.last == 0xee);
	return 0;
}

static __always_inline void set_key(struct key *key)
{
	__builtin_memset(key, 0, sizeof(*key));
	key->kind = 9;
	__builtin_memcpy(key->name, "key", 4);
	key->part.a = 1;
	key->part.b = 0x02020202;
	key->part.c = 0x0303030303030303ULL;
	key->part.d = 0x0404;
	key->low = 0xabc;
	key->high = 0x12345;
}

/* Constants to the variable `filled`, to the map and to the ring buffer. */
SEC("socket")
int fill(struct __sk_buff *skb)
{
	struct packed *packed;
	struct key key;
	__u32 zero = 0;

	set_all(&filled);
	set_key(&key);
	EXPECT(!bpf_map_update_elem(&by_key, &key, &filled, BPF_ANY));
	packed = bpf_map_lookup_elem(&per_cpu, &zero);
	EXPECT(packed);
	*packed = filled.padded.c;
	EXPECT(!bpf_ringbuf_output(&events, &filled, sizeof(filled), 0));
	return 0;
}

/* The variable `given`, written by user space. */
SEC("socket")
int check_variable(struct __sk_buff *skb)
{
	return check_all(&given);
}

/* The entry of the map under the key that `set_key` makes, written by user space. */
SEC("socket")
int check_map(struct __sk_buff *skb)
{
	struct all *value;
	struct key key;

	set_key(&key);
	value = bpf_map_lookup_elem(&by_key, &key);
	EXPECT(value);
	return check_all(value);
}

/* The values that `fill` wrote pass their own check: the two lists above agree. */
SEC("socket")
int check_filled(struct __sk_buff *skb)
{
	return check_all(&filled);
}

char LICENSE[] SEC("license") = "Dual MIT/GPL";
