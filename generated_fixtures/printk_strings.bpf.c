// SPDX-License-Identifier: MIT
// Strings that the compiler puts into .rodata or .rodata.str1.1 by itself, and a static constant.
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

static const char *const words[] = {"alpha", "beta"};
static const int table[5] = {10, 20, 30, 40, 50};

SEC("tracepoint/syscalls/sys_enter_getpgid")
int says_hello(void *ctx)
{
	const char plain[] = "plain %d\n";

	bpf_printk("hello from %d", 42);
	bpf_printk("%s and %d", words[0], 1);
	bpf_trace_printk(plain, sizeof(plain), 7);
	return 0;
}

SEC("socket")
int looks_up(struct __sk_buff *skb)
{
	__u32 index = skb->len & 7;

	return index < 5 ? table[index] : -1;
}

SEC("socket")
int spells(struct __sk_buff *skb)
{
	/* A string behind a pointer goes to .rodata.str1.1. */
	return bpf_strncmp("bet", 3, words[1]) == 0;
}

char LICENSE[] SEC("license") = "GPL";
