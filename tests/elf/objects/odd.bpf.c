// SPDX-License-Identifier: MIT
// Hidden symbols, variables static in functions, constant indexes into arrays, functions that
// call each other.
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

static volatile int quiet = 3;
__hidden int hidden_variable = 4;
static int static_array[10];
int global_array[10] = {1, 2};
static volatile const char message[] = "hello";

__hidden __noinline int hidden_function(int x)
{
	return x + quiet;
}

static __noinline int pong(int x);

static __noinline int ping(int x)
{
	if (x > 1)
		return pong(x - 1);
	return quiet;
}

static __noinline int pong(int x)
{
	if (x > 2)
		return ping(x - 1);
	return hidden_variable;
}

SEC("?xdp")
int plays(struct xdp_md *ctx)
{
	static volatile int rounds = 5;

	rounds++;
	return ping(rounds);
}

SEC("tc")
int counts(struct __sk_buff *skb)
{
	global_array[3]++;
	static_array[skb->len & 7]++;
	return hidden_function(1) + static_array[2] + message[2] + global_array[9];
}

char LICENSE[] SEC("license") = "GPL";
