// SPDX-License-Identifier: MIT
// What libbpf writes of values: raw BTF in argv[1]; on standard input "id hex" lines.  After each
// value comes a line with a record separator, and the error, 0 for none.
#include <bpf/bpf.h>
#include <bpf/btf.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void print(void *ctx, const char *format, va_list args)
{
	vprintf(format, args);
}

int main(int argc, char **argv)
{
	struct btf *btf = btf__parse_raw(argv[1]);
	struct btf_dump *dump = btf ? btf_dump__new(btf, print, NULL, NULL) : NULL;
	LIBBPF_OPTS(btf_dump_type_data_opts, opts, .emit_zeroes = true);
	static char line[1 << 16];
	static _Alignas(16) unsigned char data[1 << 15];

	if (!dump)
		return 1;
	while (fgets(line, sizeof(line), stdin)) {
		char *at;
		unsigned int id = strtoul(line, &at, 10), size = 0, byte;

		while (sscanf(at, "%2x", &byte) == 1 && size < sizeof(data)) {
			data[size++] = byte;
			at += at[0] == ' ' ? 3 : 2;
		}
		int error = btf_dump__dump_type_data(dump, id, data, size, &opts);

		printf("\n\036%d\n", error < 0 ? error : 0);
	}
	return 0;
}
