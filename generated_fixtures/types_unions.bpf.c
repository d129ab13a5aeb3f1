// SPDX-License-Identifier: MIT
// Unions: named, anonymous, nested in structs and in each other, of structs, of arrays, and as
// map keys and values.
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

union number {
	__u64 u;
	__s64 s;
	double d;
	void *p;
	unsigned char raw[8];
};

union in_addr_any {
	__u32 v4;
	__u32 v6[4];
	struct {
		__u16 port;
		char name[10];
	} local;
};

struct tagged {
	__u32 tag;
	union {
		__s32 integer;
		char text[16];
		union {
			__u16 half;
			__u8 quarter;
		};
		struct {
			__u32 x, y;
			union {
				__u32 z;
				char letter;
			};
		};
	};
	union number number;
	union number numbers[3];
	union {
		__u32 a;
		__u16 b[2];
	} inline_named;
};

union only_bits {
	__u32 low : 4;
	__u32 wide : 30;
	__s32 signed_bits : 5;
};

union odd_size {
	char bytes[5];
	__u16 half;
};

union empty_union {
};

struct has_empty {
	__u32 a;
	union empty_union nothing;
	union only_bits bits;
	union odd_size odd;
};

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 8);
	__type(key, union in_addr_any);
	__type(value, struct tagged);
} by_address SEC(".maps");

union number variable;
struct tagged tagged;
struct has_empty has_empty;

SEC("socket")
int set(struct __sk_buff *skb)
{
	union in_addr_any key = {};

	key.v6[0] = 1;
	key.v6[3] = 4;
	variable.s = -1;
	tagged.tag = 3;
	tagged.x = 10;
	tagged.y = 20;
	tagged.letter = 'L';
	tagged.number.u = 0x400921fb54442d18ULL;
	tagged.numbers[2].raw[7] = 0x80;
	tagged.inline_named.b[1] = 2;
	has_empty.a = 1;
	has_empty.bits.wide = 0x2aaaaaaa;
	has_empty.odd.bytes[4] = 'z';
	return bpf_map_update_elem(&by_address, &key, &tagged, BPF_ANY);
}

char LICENSE[] SEC("license") = "Dual MIT/GPL";
