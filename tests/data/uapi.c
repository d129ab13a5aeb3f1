/* SPDX-License-Identifier: MIT */
/* The kernel's enums and flags on their way into bpf2py/uapi/.
 *
 * With the newest kernel's exported headers (make headers_install) in $UAPI:
 *
 *   clang-19 -target bpf -g -O2 -I $UAPI -c uapi.c -o uapi.o
 *   llvm-objcopy-19 --dump-section .BTF=uapi.btf uapi.o
 *   python -m bpf2py.codegen.uapi
 *
 * Macros and anonymous enums have no name in BTF, so they are listed here; a new flag is one more
 * word below.  Named enums come as they are, with whatever the headers add to them.
 */
#include <linux/bpf.h>
#include <linux/btf.h>
#include <linux/if_link.h>

#define MAP(flag) MapFlags_##flag = BPF_F_##flag
#define PROG(flag) ProgFlags_##flag = BPF_F_##flag
#define TEST(flag) TestRunFlags_##flag = BPF_F_TEST_##flag
#define XDP(flag) XDPFlags_##flag = XDP_FLAGS_##flag
#define ATTACH(flag) AttachFlags_##flag = BPF_F_##flag
#define KIND(kind) BTFKind_##kind = BTF_KIND_##kind

enum MapFlags {
	MAP(NO_PREALLOC),
	MAP(NO_COMMON_LRU),
	MAP(NUMA_NODE),
	MAP(RDONLY),
	MAP(WRONLY),
	MAP(STACK_BUILD_ID),
	MAP(ZERO_SEED),
	MAP(RDONLY_PROG),
	MAP(WRONLY_PROG),
	MAP(CLONE),
	MAP(MMAPABLE),
	MAP(PRESERVE_ELEMS),
	MAP(INNER_MAP),
	MAP(LINK),
	MAP(PATH_FD),
	MAP(VTYPE_BTF_OBJ_FD),
	MAP(TOKEN_FD),
	MAP(SEGV_ON_FAULT),
	MAP(NO_USER_CONV),
	MAP(RB_OVERWRITE),
};

enum ProgFlags {
	PROG(STRICT_ALIGNMENT),
	PROG(ANY_ALIGNMENT),
	PROG(TEST_RND_HI32),
	PROG(TEST_STATE_FREQ),
	PROG(SLEEPABLE),
	PROG(XDP_HAS_FRAGS),
	PROG(XDP_DEV_BOUND_ONLY),
	PROG(TEST_REG_INVARIANTS),
};

enum TestRunFlags {
	/* The kernel calls it BPF_F_TEST_RUN_ON_CPU. */
	TestRunFlags_ON_CPU = BPF_F_TEST_RUN_ON_CPU,
	TEST(XDP_LIVE_FRAMES),
	TEST(SKB_CHECKSUM_COMPLETE),
};

enum XDPFlags {
	XDP(UPDATE_IF_NOEXIST),
	XDP(SKB_MODE),
	XDP(DRV_MODE),
	XDP(HW_MODE),
	XDP(REPLACE),
};

enum AttachFlags {
	ATTACH(ALLOW_OVERRIDE),
	ATTACH(ALLOW_MULTI),
	ATTACH(REPLACE),
	ATTACH(BEFORE),
	ATTACH(AFTER),
	ATTACH(ID),
	ATTACH(PREORDER),
	ATTACH(LINK),
};

enum UpdateFlags {
	UpdateFlags_ANY = BPF_ANY,
	UpdateFlags_NOEXIST = BPF_NOEXIST,
	UpdateFlags_EXIST = BPF_EXIST,
	UpdateFlags_LOCK = BPF_F_LOCK,
	UpdateFlags_CPU = BPF_F_CPU,
	UpdateFlags_ALL_CPUS = BPF_F_ALL_CPUS,
};

enum BTFKind {
	KIND(UNKN),
	KIND(INT),
	KIND(PTR),
	KIND(ARRAY),
	KIND(STRUCT),
	KIND(UNION),
	KIND(ENUM),
	KIND(FWD),
	KIND(TYPEDEF),
	KIND(VOLATILE),
	KIND(CONST),
	KIND(RESTRICT),
	KIND(FUNC),
	KIND(FUNC_PROTO),
	KIND(VAR),
	KIND(DATASEC),
	KIND(FLOAT),
	KIND(DECL_TAG),
	KIND(TYPE_TAG),
	KIND(ENUM64),
};
_Static_assert(BTFKind_ENUM64 == BTF_KIND_MAX, "a new kind of BTF");

/* A type reaches BTF if something is made of it. */
struct {
	enum bpf_cmd cmd;
	enum bpf_map_type map_type;
	enum bpf_prog_type prog_type;
	enum bpf_attach_type attach_type;
	enum bpf_link_type link_type;
	enum bpf_perf_event_type perf_event_type;
	enum bpf_stats_type stats_type;
	enum bpf_task_fd_type task_fd_type;
	enum xdp_action xdp_action;
	enum bpf_func_id func_id;
	enum bpf_core_relo_kind core_relo_kind;
	enum MapFlags map_flags;
	enum ProgFlags prog_flags;
	enum TestRunFlags test_run_flags;
	enum XDPFlags xdp_flags;
	enum AttachFlags attach_flags;
	enum UpdateFlags update_flags;
	enum BTFKind btf_kind;
} uapi;
