// SPDX-License-Identifier: MIT
// CO-RE: values of enums, of four and of eight bytes, and whether there are such values.
#include <linux/bpf.h>

#include <bpf/bpf_core_read.h>
#include <bpf/bpf_helpers.h>

// In another order than the kernel's, with wrong values.
enum pid_type {
	PIDTYPE_SID = 40,
	PIDTYPE_PID = 41,
	PIDTYPE_NO_SUCH = 42,
};

enum zone_type___flavour {
	ZONE_NORMAL___flavour = 99,
	ZONE_MOVABLE = 98,
};

// Signed in the kernel.
enum hrtimer_restart {
	HRTIMER_NORESTART = 11,
	HRTIMER_RESTART = 10,
};

enum refcount_saturation_type {
	REFCOUNT_ADD_OVF = -5,
};

// Flavours keep these apart from the values of <linux/bpf.h>.
enum bpf_cmd___signed {
	BPF_PROG_LOAD___signed = -1,
	BPF_BTF_LOAD___signed = -2,
};

enum bpf_cmd___wide {
	BPF_MAP_FREEZE___wide = 0x100000000ULL,
	BPF_LINK_CREATE___wide = 0x200000000ULL,
};

enum bpf_cmd___top {
	BPF_MAP_CREATE___top = 0x80000000,
};

enum no_such_enum {
	NO_SUCH_VALUE = 3,
};

typedef enum {
	PHY_INTERFACE_MODE_NA = 77,
} phy_interface_t;

struct enum_results {
	__u64 pid;
	__u64 sid;
	__u64 normal;
	__u64 movable;
	__u64 restart;
	__u64 ovf;
	__u64 prog_load;
	__u64 freeze;
	__u64 link_create;
	__u64 guarded;
	__u64 pid_exists;
	__u64 no_value_exists;
	__u64 no_enum_exists;
	__u64 freeze_exists;
	__u64 btf_load_exists;
	__u64 phy_exists;
};

struct enum_results results;
__u64 map_create;

SEC("raw_tp/sys_enter")
int measure(void *ctx)
{
	volatile struct enum_results *r = &results;

	r->pid = bpf_core_enum_value(enum pid_type, PIDTYPE_PID);
	r->sid = bpf_core_enum_value(enum pid_type, PIDTYPE_SID);
	r->normal = bpf_core_enum_value(enum zone_type___flavour, ZONE_NORMAL___flavour);
	r->movable = bpf_core_enum_value(enum zone_type___flavour, ZONE_MOVABLE);
	r->restart = bpf_core_enum_value(enum hrtimer_restart, HRTIMER_RESTART);
	r->ovf = bpf_core_enum_value(enum refcount_saturation_type, REFCOUNT_ADD_OVF);
	r->prog_load = bpf_core_enum_value(enum bpf_cmd___signed, BPF_PROG_LOAD___signed);
	r->freeze = bpf_core_enum_value(enum bpf_cmd___wide, BPF_MAP_FREEZE___wide);
	r->link_create = bpf_core_enum_value(enum bpf_cmd___wide, BPF_LINK_CREATE___wide);
	if (bpf_core_enum_value_exists(enum pid_type, PIDTYPE_NO_SUCH))
		r->guarded = bpf_core_enum_value(enum pid_type, PIDTYPE_NO_SUCH);
	r->pid_exists = bpf_core_enum_value_exists(enum pid_type, PIDTYPE_PID);
	r->no_value_exists = bpf_core_enum_value_exists(enum pid_type, PIDTYPE_NO_SUCH);
	r->no_enum_exists = bpf_core_enum_value_exists(enum no_such_enum, NO_SUCH_VALUE);
	r->freeze_exists = bpf_core_enum_value_exists(enum bpf_cmd___wide, BPF_MAP_FREEZE___wide);
	r->btf_load_exists = bpf_core_enum_value_exists(enum bpf_cmd___signed, BPF_BTF_LOAD___signed);
	r->phy_exists = bpf_core_enum_value_exists(phy_interface_t, PHY_INTERFACE_MODE_NA);
	return 0;
}

// The largest bit of four bytes: libbpf sign-extends what the compiler did not, and refuses.
SEC("?raw_tp/sched_switch")
int top_bit(void *ctx)
{
	map_create = bpf_core_enum_value(enum bpf_cmd___top, BPF_MAP_CREATE___top);
	return 0;
}

// Not guarded: loading it must fail, and the message must say what is missing.
SEC("?raw_tp/sys_exit")
int missing_value(void *ctx)
{
	return bpf_core_enum_value(enum pid_type, PIDTYPE_NO_SUCH) == 42;
}

char LICENSE[] SEC("license") = "Dual MIT/GPL";
