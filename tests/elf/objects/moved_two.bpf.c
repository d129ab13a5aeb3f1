// SPDX-License-Identifier: MIT
#include "parts.h"

long before = 7;
int unrelated;
int replaced;
int kept __weak = 40;

SEC("socket")
int moved_two(struct __sk_buff *skb)
{
	replaced += 2;
	return replaced + kept + before + unrelated;
}

char _license[] SEC("license") = "GPL";
