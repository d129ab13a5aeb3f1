// What libbpf makes of an object file, as text: one line per map, program and blob.
//
//   libbpf_oracle OBJECT [old]
//
// With "old" the kernel does not know context tags.  KCONFIG in the environment is the text of a
// configuration, as a user of libbpf may give it.
//
// The kernel never hears of it: this program brings its own bpf(), so that every program is
// "loaded" and needs neither privileges nor a verifier's consent.  The lines are
//   version MAJOR MINOR
//   map NAME TYPE KEY VALUE ENTRIES FLAGS NUMA EXTRA KEY_TYPE VALUE_TYPE PINNED INNER DATA
//   (an inner map's line follows its outer map's)
//   autoload NAME BOOL
//   loaded NAME ATTACH_TYPE FLAGS LICENSE    (only for programs that got as far as BPF_PROG_LOAD)
//   func_info NAME BYTES
//   line_info NAME BYTES
//   slot MAP KEY NAME                        (a map or program put into a map)
//   target NAME BTF_ID                       (what a program is loaded for in the kernel's BTF)
//   fd NAME NUMBER                           (a program's)
//   struct_ops MAP BYTES                     (the value in the kernel's layout)
//   program NAME SECTION TYPE ATTACH_TYPE INSNS
//   kconfig BYTES         (what .kconfig is filled with)
//   given-btf BYTES       (to the kernel)
//   btf BYTES
#define _GNU_SOURCE
#include <bpf/bpf.h>
#include <bpf/btf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <linux/bpf.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

static struct bpf_object *object;
static bool old, loading;
static ino_t kconfig;
static __u32 kconfig_size;

static void bytes(const void *data, size_t size)
{
	const unsigned char *byte = data;

	if (!data || !size)
		printf("-");
	for (size_t i = 0; data && i < size; i++)
		printf("%02x", byte[i]);
}

/* What was put into maps, to be told when libbpf gives the descriptors away. */
static struct {
	int map, value;
	__u32 key;
} updates[64];
static int update_count;

static void on_update(const union bpf_attr *attr)
{
	const struct bpf_map *map;

	if (update_count < 64) {
		updates[update_count].map = attr->map_fd;
		updates[update_count].key = *(const __u32 *)(unsigned long)attr->key;
		updates[update_count++].value = *(const int *)(unsigned long)attr->value;
	}
	bpf_object__for_each_map(map, object) {
		if (bpf_map__type(map) != BPF_MAP_TYPE_STRUCT_OPS ||
		    bpf_map__fd(map) != (int)attr->map_fd)
			continue;
		printf("struct_ops %s ", bpf_map__name(map));
		bytes((const void *)(unsigned long)attr->value, bpf_map__value_size(map));
		printf("\n");
	}
}

static void print_slots(const struct bpf_map *map)
{
	struct bpf_program *program;
	struct bpf_map *inner;

	for (int i = 0; i < update_count; i++) {
		const char *name = "-";

		if (updates[i].map != bpf_map__fd(map))
			continue;
		bpf_object__for_each_map(inner, object)
			if (bpf_map__fd(inner) == updates[i].value)
				name = bpf_map__name(inner);
		bpf_object__for_each_program(program, object)
			if (bpf_program__fd(program) == updates[i].value)
				name = bpf_program__name(program);
		printf("slot %s %u %s\n", bpf_map__name(map), updates[i].key, name);
	}
}

static void on_load(const union bpf_attr *attr)
{
	struct bpf_program *program;

	bpf_object__for_each_program(program, object) {
		if ((const void *)(unsigned long)attr->insns != bpf_program__insns(program))
			continue;
		printf("loaded %s %u %u %s\n", bpf_program__name(program),
		       attr->expected_attach_type, attr->prog_flags,
		       (const char *)(unsigned long)attr->license);
		printf("func_info %s ", bpf_program__name(program));
		bytes((void *)(unsigned long)attr->func_info,
		      (size_t)attr->func_info_cnt * attr->func_info_rec_size);
		printf("\ntarget %s %u", bpf_program__name(program), attr->attach_btf_id);
		printf("\nline_info %s ", bpf_program__name(program));
		bytes((void *)(unsigned long)attr->line_info,
		      (size_t)attr->line_info_cnt * attr->line_info_rec_size);
		printf("\n");
	}
}

/* What is behind a descriptor, of which there may be several. */
static ino_t inode(int fd)
{
	struct stat about;

	return fstat(fd, &about) ? 0 : about.st_ino;
}

/* libbpf reaches the kernel through libc's syscall(), and finds this one first. */
long syscall(long number, ...)
{
	va_list args;
	const union bpf_attr *attr;
	long a, b, c;
	int fd;

	va_start(args, number);
	a = va_arg(args, long);
	b = va_arg(args, long);
	c = va_arg(args, long);
	va_end(args);
	if (number == __NR_memfd_create)
		return memfd_create((const char *)a, b);
	if (number == __NR_dup3)
		return dup3(a, b, c);
	if (number != __NR_bpf) {
		errno = ENOSYS;
		return -1;
	}
	attr = (const union bpf_attr *)b;
	switch (a) {
	case BPF_PROG_LOAD:
		if (old && !strcmp(attr->prog_name, "det_arg_ctx")) {
			errno = EINVAL;
			return -1;
		}
		if (object)
			on_load(attr);
		/* fallthrough */
	case BPF_MAP_CREATE:
	case BPF_BTF_LOAD:
		if (a == BPF_BTF_LOAD && loading) {
			printf("given-btf ");
			bytes((void *)(unsigned long)attr->btf, attr->btf_size);
			printf("\n");
		}
		/* Something that can be mapped, as the maps of global variables are. */
		fd = memfd_create("oracle", 0);
		if (fd >= 0 && ftruncate(fd, 1 << 24))
			return -1;
		if (a == BPF_MAP_CREATE && strstr(attr->map_name, ".kconfig")) {
			kconfig = inode(fd);
			kconfig_size = attr->value_size;
		}
		return fd;
	case BPF_MAP_UPDATE_ELEM:
		if (object)
			on_update((const union bpf_attr *)b);
		if (inode(attr->map_fd) == kconfig) {
			printf("kconfig ");
			bytes((void *)(unsigned long)attr->value, kconfig_size);
			printf("\n");
		}
		return 0;
	case BPF_MAP_FREEZE:
	case BPF_PROG_BIND_MAP:
		return 0;
	}
	errno = EINVAL;
	return -1;
}

static void print_map(const struct bpf_map *map)
{
	size_t size = 0;
	const void *data = bpf_map__initial_value((struct bpf_map *)map, &size);
	const struct bpf_map *inner = bpf_map__inner_map((struct bpf_map *)map);

	printf("map %s %u %u %u %u %u %u %llu %u %u %d %s ", bpf_map__name(map), bpf_map__type(map),
	       bpf_map__key_size(map), bpf_map__value_size(map), bpf_map__max_entries(map),
	       bpf_map__map_flags(map), bpf_map__numa_node(map),
	       (unsigned long long)bpf_map__map_extra(map), bpf_map__btf_key_type_id(map),
	       bpf_map__btf_value_type_id(map), bpf_map__pin_path(map) != NULL,
	       inner ? bpf_map__name(inner) : "-");
	bytes(data, size);
	printf("\n");
	if (inner)
		print_map(inner);
}

static int quiet(enum libbpf_print_level level, const char *format, va_list args)
{
	return level == LIBBPF_WARN ? vfprintf(stderr, format, args) : 0;
}

int main(int argc, char **argv)
{
	LIBBPF_OPTS(bpf_object_open_opts, options);
	struct bpf_program *program;
	struct bpf_map *map;
	const void *blob;
	__u32 size;

	libbpf_set_print(quiet);
	if (argc < 2 || argc > 3)
		return 2;
	old = argc == 3;
	options.kconfig = getenv("KCONFIG");
	object = bpf_object__open_file(argv[1], &options);
	if (!object) {
		fprintf(stderr, "not opened: %s\n", strerror(errno));
		return 1;
	}
	printf("version %u %u\n", libbpf_major_version(), libbpf_minor_version());
	bpf_object__for_each_map(map, object) {
		print_map(map);
		bpf_map__set_pin_path(map, NULL);
	}
	bpf_object__for_each_program(program, object) {
		printf("autoload %s %d\n", bpf_program__name(program), bpf_program__autoload(program));
		bpf_program__set_autoload(program, true);
	}
	loading = true;
	if (bpf_object__load(object))
		printf("not-loaded %s\n", strerror(errno));
	else
		/* Writes the value, and gets no link. */
		bpf_object__for_each_map(map, object)
			if (bpf_map__type(map) == BPF_MAP_TYPE_STRUCT_OPS && bpf_map__autocreate(map))
				bpf_link__destroy(bpf_map__attach_struct_ops(map));
	bpf_object__for_each_map(map, object) {
		switch (bpf_map__type(map)) {
		case BPF_MAP_TYPE_ARRAY_OF_MAPS:
		case BPF_MAP_TYPE_HASH_OF_MAPS:
		case BPF_MAP_TYPE_PROG_ARRAY:
			print_slots(map);
			break;
		default:
			break;
		}
	}
	bpf_object__for_each_program(program, object) {
		printf("fd %s %d\n", bpf_program__name(program), bpf_program__fd(program));
		printf("program %s %s %u %u ", bpf_program__name(program),
		       bpf_program__section_name(program), bpf_program__type(program),
		       bpf_program__expected_attach_type(program));
		bytes(bpf_program__insns(program), bpf_program__insn_cnt(program) * 8);
		printf("\n");
	}
	if (bpf_object__btf(object)) {
		blob = btf__raw_data(bpf_object__btf(object), &size);
		printf("btf ");
		bytes(blob, size);
		printf("\n");
	}
	bpf_object__close(object);
	return 0;
}
