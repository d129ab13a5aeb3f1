// SPDX-License-Identifier: MIT
// Functions that are verified on their own and say that an argument is the program's context.
// Kernels before 6.8 do not know the tag, only the type that a context has.
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

#define __arg_ctx __attribute__((btf_decl_tag("arg:ctx")))

int first, second;

__attribute__((noinline)) int byte_of(int offset, void *ctx __arg_ctx)
{
	__u8 byte = 0;

	bpf_skb_load_bytes(ctx, offset, &byte, 1);
	return byte;
}

__attribute__((noinline)) int length_of(struct __sk_buff *ctx __arg_ctx)
{
	return ctx->len;
}

__attribute__((noinline)) int tells(void *ctx __arg_ctx)
{
	first = byte_of(0, ctx);
	return first;
}

SEC("tc")
int reads(struct __sk_buff *skb)
{
	second = length_of(skb);
	return tells(skb);
}

SEC("tc")
int reads_again(struct __sk_buff *skb)
{
	return byte_of(1, skb);
}

char LICENSE[] SEC("license") = "GPL";
