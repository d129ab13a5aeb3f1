// SPDX-License-Identifier: MIT
// Arrays at the end of data sections, which a loader may give another length.
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

struct point {
	__s32 x, y;
};

const volatile __u32 length = 1;

const volatile __s16 weights[2] SEC(".rodata.weights") = {10, 20};

__u64 first SEC(".data.samples") = 5;
__u32 samples[1] SEC(".data.samples") = {7};

struct point points[1];

char title[8] SEC(".data.title") = "title";

/* The last variable is no array. */
__u32 ends[4] SEC(".data.plain") = {1, 2, 3, 4};
__u32 end SEC(".data.plain") = 1;

SEC("socket")
int sums(struct __sk_buff *skb)
{
	__u64 sum = first;

	for (__u32 i = 0; i < length; i++) {
		sum += samples[i] * weights[i];
		points[i].x = i + 1;
		points[i].y = samples[i];
		ends[i & 3] += end;
	}
	title[0] = 'T';
	return sum;
}

char LICENSE[] SEC("license") = "GPL";
