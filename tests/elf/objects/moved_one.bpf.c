// SPDX-License-Identifier: MIT
// Weak variables whose other definition lies in another section, which libbpf cannot link.
#include "parts.h"

int replaced __weak = 1; /* .data here, .bss there */
int kept __weak;         /* .bss here, .data there */

SEC("socket")
int moved_one(struct __sk_buff *skb)
{
	return 100 * replaced + kept;
}
