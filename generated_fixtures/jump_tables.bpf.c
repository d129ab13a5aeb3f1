// SPDX-License-Identifier: MIT
// Indirect jumps (6.19): a switch in a program, one in a function that two programs share, and
// labels as values.  clang 22 makes tables of them for -mcpu=v4, of a switch from 13 cases on.
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

struct question {
	__u64 number;
};

__u64 asked;

static __noinline __u64 weekdays_of_month(__u64 month)
{
	switch (month) {
	case 1: return 23;
	case 2: return 20;
	case 3: asked += month; return 21;
	case 4: return 22;
	case 5: return asked | 1;
	case 6: asked = 7; return 19;
	case 7: return bpf_get_prandom_u32() ? 24 : 25;
	case 8: return 26;
	case 9: asked--; return 27;
	case 10: return 28;
	case 11: asked = 11; return 29;
	case 12: return 30;
	case 14: asked = 14; return 31;
	default: return 0;
	}
}

SEC("syscall")
int asks(struct question *ctx)
{
	return weekdays_of_month(ctx->number);
}

SEC("syscall")
int has_its_own(struct question *ctx)
{
	__u64 sum = 0;

	switch (ctx->number) {
	case 0: asked += 3; sum = 100; break;
	case 1: sum = 101; break;
	case 2: asked++; sum = 102; break;
	case 3: sum = asked; break;
	case 4: asked = 5; sum = 104; break;
	case 5: sum = 105; break;
	case 6: asked |= 1; sum = 106; break;
	case 7: sum = bpf_get_prandom_u32() ? 107 : 108; break;
	case 8: asked = 8; sum = 108; break;
	case 9: sum = 109; break;
	case 10: asked = 10; sum = 110; break;
	case 11: sum = 111; break;
	case 12: asked = 12; sum = 112; break;
	default: sum = 200;
	}
	return sum + weekdays_of_month(ctx->number + 1);
}

SEC("syscall")
int jumps_to_labels(struct question *ctx)
{
	const void *where[] = {&&first, &&second, &&third, &&second};

	if (ctx->number >= sizeof(where) / sizeof(where[0]))
		return -1;
	goto *where[ctx->number];
first:
	asked = 10;
	return 1;
second:
	return 2;
third:
	return 3;
}

char _license[] SEC("license") = "GPL";
