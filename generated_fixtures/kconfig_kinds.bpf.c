// SPDX-License-Identifier: MIT
// A configuration value of every type that can hold one; the tests say what the values are.
#include <linux/bpf.h>
#include <stdbool.h>
#include <bpf/bpf_helpers.h>

typedef unsigned long config_t;

extern bool CONFIG_T_BOOL __kconfig;
extern enum libbpf_tristate CONFIG_T_TRISTATE __kconfig;
extern char CONFIG_T_CHAR __kconfig;
extern signed char CONFIG_T_S8 __kconfig;
extern unsigned char CONFIG_T_U8 __kconfig;
extern short CONFIG_T_S16 __kconfig;
extern unsigned short CONFIG_T_U16 __kconfig;
extern int CONFIG_T_S32 __kconfig;
extern unsigned int CONFIG_T_U32 __kconfig;
extern long long CONFIG_T_S64 __kconfig;
extern const config_t CONFIG_T_U64 __kconfig;
extern char CONFIG_T_TEXT[12] __kconfig;
extern int CONFIG_T_WEAK __kconfig __weak;
extern bool LINUX_HAS_BPF_COOKIE __kconfig;
extern bool LINUX_HAS_SYSCALL_WRAPPER __kconfig;
extern int LINUX_UNKNOWN_FACT __kconfig __weak;

struct seen {
	__u64 u64;
	__s64 s64;
	__u32 u32;
	__s32 s32;
	__u16 u16;
	__s16 s16;
	__u8 u8;
	__s8 s8;
	char letter;
	char text[3];
	__u32 tristate;
	__s32 weak;
	bool boolean, cookie, wrapper;
};

struct seen seen;

SEC("raw_tp/sys_enter")
int looks(void *ctx)
{
	seen.boolean = CONFIG_T_BOOL;
	seen.tristate = CONFIG_T_TRISTATE;
	seen.letter = CONFIG_T_CHAR;
	seen.s8 = CONFIG_T_S8;
	seen.u8 = CONFIG_T_U8;
	seen.s16 = CONFIG_T_S16;
	seen.u16 = CONFIG_T_U16;
	seen.s32 = CONFIG_T_S32;
	seen.u32 = CONFIG_T_U32;
	seen.s64 = CONFIG_T_S64;
	seen.u64 = CONFIG_T_U64;
	seen.text[0] = CONFIG_T_TEXT[0];
	seen.text[1] = CONFIG_T_TEXT[10];
	seen.weak = CONFIG_T_WEAK + LINUX_UNKNOWN_FACT;
	seen.cookie = LINUX_HAS_BPF_COOKIE;
	seen.wrapper = LINUX_HAS_SYSCALL_WRAPPER;
	return 0;
}

char LICENSE[] SEC("license") = "GPL";
