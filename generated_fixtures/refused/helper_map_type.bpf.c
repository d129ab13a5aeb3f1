// SPDX-License-Identifier: MIT
// bpf_tail_call() over a map that holds no programs.
#include "refused.h"

MAP(counts, ARRAY, 4);

SEC("socket")
int jump(struct __sk_buff *skb)
{
	bpf_tail_call(skb, &counts, 1);
	return 0;
}

char LICENSE[] SEC("license") = "GPL";
