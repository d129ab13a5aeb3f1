// SPDX-License-Identifier: MIT
// Bitfields in every shape: signed, unsigned, enum, bool, across bytes and units, zero-width,
// unnamed, in unions, in anonymous structs.  Read for their layout; `types_check` runs some.
#include <linux/bpf.h>
#include <stdbool.h>
#include <bpf/bpf_helpers.h>

enum small {
	SMALL_A,
	SMALL_B,
	SMALL_C,
};

enum negative {
	MINUS = -1,
	PLUS = 1,
};

struct tcp_like {
	__u16 source;
	__u16 dest;
	__u32 seq;
	__u32 ack_seq;
	__u16 res1 : 4, doff : 4, fin : 1, syn : 1, rst : 1, psh : 1, ack : 1, urg : 1, ece : 1,
		cwr : 1;
	__u16 window;
};

struct all_kinds {
	unsigned int u1 : 1;
	unsigned int u31 : 31;
	int s2 : 2;
	enum small e : 2;
	enum negative n : 2;
	bool b : 1;
	unsigned int : 3;
	unsigned int after_gap : 6;
	int : 0;
	unsigned int next_unit : 9;
	__u64 u64_63 : 63;
	__u64 u64_1 : 1;
	char c : 7;
	__s8 s8_8 : 8;
	__u16 u16_16 : 16;
	__u32 u32_32 : 32;
	__s64 s64_64 : 64;
};

struct __attribute__((packed)) tight {
	__u8 a : 1;
	__u16 b : 15;
	__u32 c : 31;
	__u64 d : 57;
	__u8 e : 7;
	__s32 f : 17;
};

struct nested {
	__u32 head : 4;
	struct {
		__u32 x : 5;
		__s32 y : 6;
		union {
			__u32 z : 7;
			__u32 w;
		};
	};
	union {
		__u64 all;
		struct {
			__u64 low : 20, mid : 24, high : 20;
		};
	};
	struct all_kinds kinds[2];
};

/* Members of a typedef'd and of a const type. */
typedef __u32 flags_t;
struct aliased {
	flags_t f : 3;
	const __u16 c : 9;
	volatile flags_t v : 20;
};

struct tcp_like tcp;
struct all_kinds kinds;
struct tight tight;
struct nested nested;
struct aliased aliased;

SEC("socket")
int set(struct __sk_buff *skb)
{
	tcp.doff = 5;
	tcp.syn = 1;
	tcp.cwr = 1;
	tcp.window = 0xffff;
	kinds.u31 = 0x7ffffffe;
	kinds.s2 = -2;
	kinds.e = SMALL_C;
	kinds.n = MINUS;
	kinds.b = true;
	kinds.after_gap = 33;
	kinds.next_unit = 300;
	kinds.u64_63 = (1ULL << 62) + 1;
	kinds.u64_1 = 1;
	kinds.c = -5;
	kinds.s8_8 = -100;
	kinds.u16_16 = 60000;
	kinds.u32_32 = 4000000000U;
	kinds.s64_64 = -9;
	tight.a = 1;
	tight.b = 0x4321;
	tight.c = 0x7abcdef1;
	tight.d = 0x1fedcba98765432ULL;
	tight.e = 0x55;
	tight.f = -65535;
	nested.head = 9;
	nested.x = 17;
	nested.y = -30;
	nested.z = 99;
	nested.low = 0xabcde;
	nested.mid = 0x123456;
	nested.high = 0xfedcb;
	nested.kinds[1].after_gap = 7;
	aliased.f = 5;
	aliased.v = 0x98765;
	return 0;
}

char LICENSE[] SEC("license") = "Dual MIT/GPL";
