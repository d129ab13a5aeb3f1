// SPDX-License-Identifier: MIT
// Names from outside: kernel configuration values and kernel symbols, strong and weak.  Read only
// until the loader knows them.
#include <linux/bpf.h>
#include <stdbool.h>
#include <bpf/bpf_helpers.h>

extern int LINUX_KERNEL_VERSION __kconfig;
extern bool CONFIG_BPF_SYSCALL __kconfig __weak;
extern enum libbpf_tristate CONFIG_IPV6 __kconfig __weak;
extern unsigned int CONFIG_HZ __kconfig __weak;
extern char CONFIG_DEFAULT_HOSTNAME[16] __kconfig __weak;
extern bool CONFIG_BPF2PY_NO_SUCH_OPTION __kconfig __weak;
extern const void schedule __ksym;
extern const void bpf2py_no_such_symbol __ksym __weak;

__u64 version, hz, ipv6, address, missing;
char first_letter;

SEC("tp/syscalls/sys_enter_getpgid")
int looks_around(void *ctx)
{
	version = LINUX_KERNEL_VERSION;
	hz = CONFIG_HZ;
	ipv6 = CONFIG_IPV6;
	first_letter = CONFIG_DEFAULT_HOSTNAME[0];
	if (CONFIG_BPF_SYSCALL && !CONFIG_BPF2PY_NO_SUCH_OPTION)
		address = (__u64)&schedule;
	missing = (__u64)&bpf2py_no_such_symbol;
	return 0;
}

char LICENSE[] SEC("license") = "GPL";
