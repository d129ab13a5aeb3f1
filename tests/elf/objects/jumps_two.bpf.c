// SPDX-License-Identifier: MIT
// A table in .text for a static function, one for a function that the other file calls, and one in
// the section of programs; each counts from where its section began before linking.
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>
#include "jumps.h"

static __noinline __u64 second(__u64 number)
{
	SWITCH(number, 200);
}

__noinline __u64 both(__u64 number)
{
	SWITCH(number, 300);
}

SEC("syscall")
int two(struct question *ctx)
{
	return second(ctx->number) + both(ctx->number);
}

SEC("syscall")
int jumps(struct question *ctx)
{
	SWITCH(ctx->number, 400);
}

char _license[] SEC("license") = "GPL";
