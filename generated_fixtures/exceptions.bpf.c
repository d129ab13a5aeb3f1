// SPDX-License-Identifier: MIT
// A program that throws, and the function that makes its return value then (6.7).
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

extern void bpf_throw(__u64 cookie) __ksym;

#define __exception_cb(name) __attribute__((btf_decl_tag("exception_callback:" #name)))

__attribute__((noinline)) int caught(__u64 cookie)
{
	return cookie + 40;
}

SEC("tc")
__exception_cb(caught)
int throws(struct __sk_buff *skb)
{
	if (skb->len > 100)
		bpf_throw(2);
	return 7;
}

char LICENSE[] SEC("license") = "GPL";
