// SPDX-License-Identifier: MIT
// Different C names that become one in PascalCase or after escaping.
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

struct my_event {
	int a;
};

struct MyEvent {
	int b;
};

struct my__event {
	int c;
};

struct pass {
	int d;
	int pass;
	int pass_;
	int Pass;
};

struct my_event one = {1};
struct MyEvent two = {2};
struct my__event three = {3};
struct pass four = {4, 5, 6, 7};

SEC("socket")
int run(struct __sk_buff *skb)
{
	return one.a + two.b + three.c + four.d;
}

char LICENSE[] SEC("license") = "Dual MIT/GPL";
