// SPDX-License-Identifier: MIT
// A pointer handed to a global function may be NULL for the verifier.
#include "refused.h"

__attribute__((noinline)) int read(const __u64 *value)
{
	return *value != 0;
}

SEC("socket")
int ask(struct __sk_buff *skb)
{
	__u64 value = skb->len;

	return read(&value);
}

char LICENSE[] SEC("license") = "GPL";
