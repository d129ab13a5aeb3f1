// SPDX-License-Identifier: MIT
/*
 * What libbpf makes of object files: opens and loads each, and says what it thinks of them.
 *
 *     libbpf_loader [-b BTF] [-k KCONFIG] [-a | -p PROGRAM]... [-x PROGRAM]... OBJECT...
 *
 * -b: relocates for the kernel of a raw .BTF file instead of the running one.  -k: the text of a
 * configuration, before that of the running kernel.  -a: loads all programs, -p: those named too,
 * though their sections say that they are not to be loaded ("?").  -x: does not load those named.
 * What loads is filled as for attaching: struct_ops maps too, which the recorder keeps from the
 * kernel; without it, they are not.
 * Meant to run under recorder.c, to which its own lines go, between those of the calls:
 *
 *     libbpf MAJOR.MINOR
 *     object PATH
 *     map NAME TYPE KEY VALUE ENTRIES FLAGS NUMA EXTRA KEY_TYPE VALUE_TYPE PINNED INNER DATA
 *     (an inner map's line follows its outer map's)
 *     autoload NAME BOOL                      (as the object says)
 *     says TEXT                               (a message of libbpf's, one line each)
 *     outcome loaded | not-opened ERRNO | not-loaded ERRNO
 *     program NAME SECTION TYPE ATTACH_TYPE INSNS   (after loading: relocated)
 *     types BYTES                             (the object's BTF, as libbpf keeps it)
 */
#define _GNU_SOURCE
#include <bpf/bpf.h>
#include <bpf/btf.h>
#include <bpf/libbpf.h>
#include <dlfcn.h>
#include <errno.h>
#include <linux/bpf.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static void (*note)(const char *line);
static char *line;
static size_t line_size;
static FILE *out;

/* A line of ours: to the recorder, or to stdout where there is none. */
static void begin(void)
{
	out = open_memstream(&line, &line_size);
}

static void end(void)
{
	fclose(out);
	if (note)
		note(line);
	else
		puts(line);
	free(line);
}

static void say(const char *format, ...)
{
	va_list args;

	begin();
	va_start(args, format);
	vfprintf(out, format, args);
	va_end(args);
	end();
}

static void bytes(const void *data, size_t size)
{
	const unsigned char *byte = data;

	if (!data || !size)
		putc('-', out);
	for (size_t i = 0; data && i < size; i++)
		fprintf(out, "%02x", byte[i]);
}

static void print_map(struct bpf_map *map)
{
	size_t size = 0;
	const void *data = bpf_map__initial_value(map, &size);
	struct bpf_map *inner = bpf_map__inner_map(map);

	begin();
	fprintf(out, "map %s %u %u %u %u %u %u %llu %u %u %d %s ", bpf_map__name(map),
		bpf_map__type(map), bpf_map__key_size(map), bpf_map__value_size(map),
		bpf_map__max_entries(map), bpf_map__map_flags(map), bpf_map__numa_node(map),
		(unsigned long long)bpf_map__map_extra(map), bpf_map__btf_key_type_id(map),
		bpf_map__btf_value_type_id(map), bpf_map__pin_path(map) != NULL,
		inner ? bpf_map__name(inner) : "-");
	bytes(data, size);
	end();
	if (inner)
		print_map(inner);
}

static int print(enum libbpf_print_level level, const char *format, va_list args)
{
	char *text, *next;

	if (level == LIBBPF_DEBUG || vasprintf(&text, format, args) < 0)
		return 0;
	for (char *at = strtok_r(text, "\n", &next); at; at = strtok_r(NULL, "\n", &next))
		say("says %s", at);
	free(text);
	return 0;
}

/* What the command line says of programs: -1 for those of -x, 1 for those of -p. */
static struct choice {
	const char *name;
	int wanted;
} *choices;
static int choice_count;

/* Fills struct_ops maps and gets no link, or one that it drops. */
static void fill_struct_ops(struct bpf_object *object)
{
	struct bpf_map *map;

	bpf_object__for_each_map(map, object)
		if (bpf_map__type(map) == BPF_MAP_TYPE_STRUCT_OPS && bpf_map__autocreate(map))
			bpf_link__destroy(bpf_map__attach_struct_ops(map));
}

static void load(const char *path, const char *btf, const char *kconfig, int all)
{
	LIBBPF_OPTS(bpf_object_open_opts, opts, .btf_custom_path = btf, .kconfig = kconfig);
	struct bpf_object *object;
	struct bpf_program *program;
	struct bpf_map *map;
	const void *blob;
	__u32 size;

	say("object %s", path);
	object = bpf_object__open_file(path, &opts);
	if (!object) {
		say("outcome not-opened %d", errno);
		return;
	}
	bpf_object__for_each_map(map, object) {
		print_map(map);
		bpf_map__set_pin_path(map, NULL);
	}
	bpf_object__for_each_program(program, object) {
		int wanted = all;

		say("autoload %s %d", bpf_program__name(program), bpf_program__autoload(program));
		for (int i = 0; i < choice_count; i++)
			if (!strcmp(choices[i].name, bpf_program__name(program)))
				wanted = choices[i].wanted;
		if (wanted)
			bpf_program__set_autoload(program, wanted > 0);
	}
	if (bpf_object__load(object))
		say("outcome not-loaded %d", errno);
	else
		say("outcome loaded");
	if (note)
		fill_struct_ops(object);
	bpf_object__for_each_program(program, object) {
		begin();
		fprintf(out, "program %s %s %u %u ", bpf_program__name(program),
			bpf_program__section_name(program), bpf_program__type(program),
			bpf_program__expected_attach_type(program));
		bytes(bpf_program__insns(program), bpf_program__insn_cnt(program) * 8);
		end();
	}
	if (bpf_object__btf(object)) {
		blob = btf__raw_data(bpf_object__btf(object), &size);
		begin();
		fprintf(out, "types ");
		bytes(blob, size);
		end();
	}
	bpf_object__close(object);
}

int main(int argc, char **argv)
{
	const char *btf = NULL, *kconfig = NULL;
	int option, all = 0;

	choices = calloc(argc, sizeof(*choices));
	while ((option = getopt(argc, argv, "b:k:ap:x:")) != -1)
		switch (option) {
		case 'b':
			btf = optarg;
			break;
		case 'k':
			kconfig = optarg;
			break;
		case 'a':
			all = 1;
			break;
		case 'p':
		case 'x':
			choices[choice_count++] = (struct choice){optarg, option == 'p' ? 1 : -1};
			break;
		default:
			return 2;
		}
	note = (void (*)(const char *))dlsym(RTLD_DEFAULT, "bpf2py_note");
	libbpf_set_print(print);
	say("libbpf %u.%u", libbpf_major_version(), libbpf_minor_version());
	for (; optind < argc; optind++)
		load(argv[optind], btf, kconfig, all);
	return 0;
}
