// SPDX-License-Identifier: MIT
// What a program prints into its own streams (6.17), in both spellings of the kernel function.
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

#ifndef __weak
#define __weak __attribute__((weak))
#endif
#define BPF_STREAM_STDOUT 1
#define BPF_STREAM_STDERR 2

/* 7.0: the program is an argument that the verifier adds. */
extern int bpf_stream_vprintk(int stream, const char *format, const void *args,
			      __u32 size) __ksym __weak;
/* 6.18: it is written as null. */
extern int bpf_stream_vprintk_impl(int stream, const char *format, const void *args, __u32 size,
				   void *aux) __ksym __weak;

char LICENSE[] SEC("license") = "GPL";

static const char format[] = "number %d\n";

static int print(int stream, __u64 number)
{
	__u64 args[1] = {number};

	if (&bpf_stream_vprintk)
		return bpf_stream_vprintk(stream, format, args, sizeof(args));
	if (&bpf_stream_vprintk_impl)
		return bpf_stream_vprintk_impl(stream, format, args, sizeof(args), 0);
	return -95; /* EOPNOTSUPP */
}

/* Returns 0, or the error: the kernel may find no memory that it can take without a lock. */
SEC("syscall")
int say(void *ctx)
{
	int error = print(BPF_STREAM_STDOUT, 42);

	return error ? error : print(BPF_STREAM_STDERR, 7);
}
