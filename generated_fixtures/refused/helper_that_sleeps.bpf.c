// SPDX-License-Identifier: MIT
// What may fault user memory in is called where sleeping is not allowed.
#include "refused.h"

char text[16];

SEC("raw_tp/sys_enter")
int entered(struct bpf_raw_tracepoint_args *ctx)
{
	return bpf_copy_from_user(text, sizeof(text), (void *)ctx->args[1]);
}

char LICENSE[] SEC("license") = "GPL";
