// SPDX-License-Identifier: MIT
// CO-RE: the kernel's enum has no such value.
#include "refused.h"

enum bpf_map_type_of_tomorrow___x { unused };
enum bpf_cmd___mine { BPF_MAKE_COFFEE = 77 };

SEC("raw_tp/sched_switch")
int switched(void *ctx)
{
	return bpf_core_enum_value(enum bpf_cmd___mine, BPF_MAKE_COFFEE);
}

char LICENSE[] SEC("license") = "GPL";
