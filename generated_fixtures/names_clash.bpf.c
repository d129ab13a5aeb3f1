// SPDX-License-Identifier: MIT
// One name for several things, as C allows: a struct, a map, a program and a variable; a typedef
// beside a struct of the same name; enumerators; and types named like the generated classes.
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

struct item {
	__u32 value;
};

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 2);
	__type(key, __u32);
	__type(value, struct item);
} item SEC(".maps");

struct event {
	__u32 value;
};

union total {
	__u32 whole;
	__u16 half;
};

enum mode {
	mode_off,
	mode_on,
};

/* typedef and struct tag live in two name spaces */
struct thing {
	int tag;
};
typedef struct {
	int alias;
} thing;

/* The object is `names_clash`, its classes `NamesClash`, `NamesClashMaps`, ... */
struct names_clash {
	int value;
};

struct names_clash_maps {
	int value;
};

struct NamesClashRodata {
	int value;
};

/* Types named like variables and like sections */
struct rodata {
	int maps;
	int programs;
};

struct total_holder {
	union total total;
	enum mode mode;
	struct event event;
};

union total total;
enum mode mode = mode_on;
struct thing struct_thing = {.tag = 1};
thing typedef_thing = {.alias = 2};
struct names_clash clash = {3};
struct names_clash_maps clash_maps = {4};
struct NamesClashRodata clash_rodata = {5};
struct rodata rodata = {6, 7};
struct total_holder holder;
int bss;
int data = 1;
const volatile int maps = 2;

SEC("socket")
int event(struct __sk_buff *skb)
{
	struct item value = {9};
	__u32 key = 1;

	total.whole = 0x10002;
	bss++;
	return bpf_map_update_elem(&item, &key, &value, BPF_ANY) + maps - 2;
}

char LICENSE[] SEC("license") = "Dual MIT/GPL";
