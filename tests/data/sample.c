/* SPDX-License-Identifier: MIT */
/* What clang can say in BTF, in one small object; ../btf reads sample.btf and sample.btf_ext.
 *
 *   clang-19 -target bpf -g -O2 -c sample.c -o sample.o
 *   llvm-objcopy-19 --dump-section .BTF=sample.btf --dump-section .BTF.ext=sample.btf_ext sample.o
 *
 * and the same with -target bpfeb into sample_be.btf and sample_be.btf_ext.
 */
typedef unsigned char u8;
typedef unsigned int u32;
typedef unsigned long long u64;
typedef int (*callback_t)(void *ctx, const char *name, ...);

#define SEC(name) __attribute__((section(name), used))
#define TAG(name) __attribute__((btf_decl_tag(name)))
#define PRESERVE __attribute__((preserve_access_index))

enum color { RED, GREEN = 5, BLUE = 0x80000000 };
enum sign { MINUS = -1, PLUS = 1 };
enum wide { SMALL = 1, LARGE = 0x123456789abcdef0ULL };
enum wide_sign { DEEP = -0x123456789abLL, HIGH = 0x123456789abLL };

struct undefined;
union undefined_union;

struct bits {
	u32 a : 3;
	u32 b : 29;
	u64 c : 40;
	int : 5;
	signed char d : 2;
	_Bool e : 1;
	enum color f : 4;
};

struct packed {
	u8 a;
	u64 b;
	u32 c : 5;
	u32 d : 30;
} __attribute__((packed));

struct inner {
	int x, y;
};

struct event {
	u32 pid TAG("who");
	char comm[16];
	union {
		u64 number;
		struct {
			u32 low, high;
		};
	};
	struct inner grid[2][3];
	const volatile struct inner *where;
	struct event *next;
	struct undefined *opaque;
	union undefined_union *other;
	callback_t call;
	int (*handlers[4])(struct event *self, u8 flags);
	float f;
	double d;
	__int128 big;
	struct bits bits;
	struct packed packed;
	enum wide wide;
	enum wide_sign wide_sign;
	enum sign sign;
	char *restrict text;
	int __attribute__((btf_type_tag("user"))) *from_user;
	u32 tail[];
} __attribute__((aligned(64)));

struct task_struct___old {
	int pid;
	struct inner inner;
} PRESERVE;

struct event *queue SEC(".bss");
static volatile const u32 limit SEC(".rodata") = 7;
extern int CONFIG_HZ __attribute__((weak, section(".kconfig")));
char licence[] SEC("license") = "GPL";

static __attribute__((noinline)) u64 helper(struct event *event, u32 index TAG("index"))
{
	return event ? event->grid[index & 1][0].x + limit + event->bits.c : CONFIG_HZ;
}

SEC("tracepoint/one") int first(struct event *ctx)
{
	queue = ctx;
	return (int)helper(ctx, 1);
}

SEC("tracepoint/two") int second(struct task_struct___old *task)
{
	return task->inner.y + task->pid;
}
