/* SPDX-License-Identifier: MIT */
/* How many processes and threads are started? */

#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

__u64 forks;

SEC("raw_tp/sched_process_fork")
int count(void *ctx)
{
	__sync_fetch_and_add(&forks, 1);
	return 0;
}

char LICENSE[] SEC("license") = "Dual MIT/GPL";
