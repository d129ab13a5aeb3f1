// SPDX-License-Identifier: MIT
// A cgroup program returns what is neither yes nor no.
#include "refused.h"

SEC("cgroup/sock_create")
int perhaps(struct bpf_sock *ctx)
{
	return 2;
}

char LICENSE[] SEC("license") = "GPL";
