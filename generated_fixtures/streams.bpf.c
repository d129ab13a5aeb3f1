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

SEC("syscall")
int say(__u32 *ctx)
{
	__u64 args[1] = {42};

	if (&bpf_stream_vprintk) {
		bpf_stream_vprintk(BPF_STREAM_STDOUT, format, args, sizeof(args));
		args[0] = 7;
		bpf_stream_vprintk(BPF_STREAM_STDERR, format, args, sizeof(args));
	} else if (&bpf_stream_vprintk_impl) {
		bpf_stream_vprintk_impl(BPF_STREAM_STDOUT, format, args, sizeof(args), 0);
		args[0] = 7;
		bpf_stream_vprintk_impl(BPF_STREAM_STDERR, format, args, sizeof(args), 0);
	}
	return 0;
}
