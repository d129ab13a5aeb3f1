// SPDX-License-Identifier: MIT
// A dynptr is used that was not made.
#include "refused.h"

char text[16];

SEC("tc")
int read(struct __sk_buff *skb)
{
	struct bpf_dynptr ptr;

	return bpf_dynptr_read(text, sizeof(text), &ptr, 0, 0);
}

char LICENSE[] SEC("license") = "GPL";
