// SPDX-License-Identifier: MIT
/*
 * What libbpf makes of an object's CO-RE records.
 *
 *     relocs OBJECT BTF|- [PROGRAM...]
 *
 * Prints a line per program: its name and its instructions as hexadecimal, after relocation.  BTF
 * is a raw .BTF file of another kernel, - the running one's.  PROGRAMs are relocated although
 * their section says they are not to be loaded ("?").  libbpf relocates in bpf_object__load()
 * before it loads the first program, and keeps the instructions when that fails, as it must for
 * another kernel.  libbpf's messages go to stderr.  Exit status 2 if it refused to relocate.
 */
#include <bpf/libbpf.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static int refused;

static int print(enum libbpf_print_level level, const char *format, va_list args)
{
	if (strstr(format, "failed to perform CO-RE relocations"))
		refused = 1;
	return level == LIBBPF_DEBUG ? 0 : vfprintf(stderr, format, args);
}

int main(int argc, char **argv)
{
	LIBBPF_OPTS(bpf_object_open_opts, opts);
	struct bpf_program *prog;
	struct bpf_object *obj;

	if (argc < 3) {
		fprintf(stderr, "usage: relocs OBJECT BTF|- [PROGRAM...]\n");
		return 1;
	}
	libbpf_set_print(print);
	if (strcmp(argv[2], "-"))
		opts.btf_custom_path = argv[2];
	obj = bpf_object__open_file(argv[1], &opts);
	if (!obj)
		return 1;
	for (int i = 3; i < argc; i++) {
		prog = bpf_object__find_program_by_name(obj, argv[i]);
		if (!prog || bpf_program__set_autoload(prog, true)) {
			fprintf(stderr, "no program %s\n", argv[i]);
			return 1;
		}
	}
	bpf_object__load(obj);
	if (refused)
		return 2;
	bpf_object__for_each_program(prog, obj) {
		const unsigned char *insns = (const void *)bpf_program__insns(prog);
		size_t size = bpf_program__insn_cnt(prog) * 8;

		if (!bpf_program__autoload(prog))
			continue;
		printf("%s ", bpf_program__name(prog));
		for (size_t i = 0; i < size; i++)
			printf("%02x", insns[i]);
		printf("\n");
	}
	bpf_object__close(obj);
	return 0;
}
