// SPDX-License-Identifier: MIT
// Names that mean something in Python: keywords, soft keywords, builtins, dunders, `self`,
// leading underscores, and names that dataclasses and enums use themselves.
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

struct class {
	int def;
	int None;
	int True;
	int False;
	int self;
	int cls;
	int lambda;
	int import;
	int from;
	int is;
	int in;
	int not;
	int and;
	int or;
	int pass;
	int async;
	int await;
	int yield;
	int with;
	int global;
	int nonlocal;
	int raise;
	int try;
	int except;
	int finally;
	int del;
	int as;
	int assert;
	int elif;
	int exec;
	int print;
	int match;
	int type;
	int str;
	int list;
	int object;
	int dataclasses;
	int codec;
	int runtime;
	int spec;
	int uapi;
	int enum_;
	int _private;
	int __mangled;
	int __dunder__;
	int __init__;
	int __slots__;
	int __class__;
	int __dict__;
	int __eq__;
	int __match_args__;
	int __dataclass_fields__;
	int _;
	int __;
	int __1;
	int def_;
	int pass__;
};

struct list {
	struct class object;
	int dict;
};

struct _hidden {
	int value;
};

struct __reserved {
	int value;
};

struct _1st {
	int digit;
};

struct str {
	char text[4];
};

struct int_ {
	int value;
};

struct codec {
	int value;
};

struct runtime {
	int value;
};

struct ValueError {
	int value;
};

struct property {
	int getter;
};

union None {
	int nothing;
	char no;
};

enum True {
	mro,
	name,
	value,
	_ignore_,
	_missing_,
	_name_,
	__members__,
	def,
	class_,
	True_value,
	_value_ = 100,
	__module__,
	_private_member,
	__mangled_member,
	self_,
};

enum with_prefix {
	WITH_PREFIX_1ST,
	WITH_PREFIX_2ND,
	WITH_PREFIX_None,
};

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 2);
	__type(key, __u32);
	__type(value, struct class);
} lambda SEC(".maps");

#define SMALL_MAP(map)                           \
	struct {                                 \
		__uint(type, BPF_MAP_TYPE_HASH); \
		__uint(max_entries, 2);          \
		__type(key, __u32);              \
		__type(value, __u32);            \
	} map SEC(".maps")

SMALL_MAP(items);
SMALL_MAP(keys);
SMALL_MAP(get);
SMALL_MAP(close);
SMALL_MAP(load);
SMALL_MAP(maps);
SMALL_MAP(programs);
SMALL_MAP(self);
SMALL_MAP(loaded);
SMALL_MAP(_loaded);
SMALL_MAP(__init__);
SMALL_MAP(__class__);
SMALL_MAP(__iter__);
SMALL_MAP(__mangled);
SMALL_MAP(pass);


int import;
int global = 1;
int None = 2;
int print;
int type = 3;
int bytes = 4;
int __private = 5;
int __len__ = 6;
int _ = 7;
const volatile int async = 8;
const volatile int spec = 9;
const volatile int self_pid = 10;

struct list list_variable;
struct _hidden hidden_variable;
struct __reserved reserved_variable;
struct _1st first_variable;
struct str str_variable;
struct int_ int_variable;
struct codec codec_variable;
struct runtime runtime_variable;
struct ValueError error_variable;
struct property property_variable;
union None none_variable;
enum True true_variable = _value_;
enum with_prefix prefix_variable = WITH_PREFIX_2ND;

SEC("socket")
int yield(struct __sk_buff *skb)
{
	import++;
	print += async;
	list_variable.object.def = 1;
	list_variable.object.None = 2;
	list_variable.object.__mangled = 3;
	list_variable.object.__init__ = 4;
	list_variable.object.self = 5;
	return 1;
}

SEC("socket")
int raise(struct __sk_buff *skb)
{
	return 2;
}

SEC("socket")
int attach(struct __sk_buff *skb)
{
	return 3;
}

SEC("socket")
int __enter__(struct __sk_buff *skb)
{
	return 4;
}

SEC("socket")
int _under(struct __sk_buff *skb)
{
	return 5;
}

char LICENSE[] SEC("license") = "Dual MIT/GPL";
