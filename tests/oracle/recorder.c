// SPDX-License-Identifier: MIT
/*
 * What a process says to bpf(2), written down; to be preloaded.
 *
 *     LD_PRELOAD=recorder.so BPF2PY_RECORD=<descriptor> BPF2PY_KERNEL=willing|none|old PROGRAM...
 *
 * libbpf and bpf2py both reach the kernel through libc's syscall(), and find this one first, so
 * both are watched in the same way.  A line per call that makes something or fills it, and lines
 * behind it for what its pointers and descriptors lead to; descriptors are written as identities,
 * which stay when a descriptor is copied or its number used again:
 *
 *     call COMMAND RESULT ERRNO IDENTITY ATTR
 *     insns|func_info|line_info|license|btf|key|value BYTES
 *     descriptor OFFSET IDENTITY      (a field of the attr)
 *     operand INSN IDENTITY           (an instruction that holds a descriptor)
 *     array INDEX IDENTITY            (fd_array)
 *     slot OFFSET IDENTITY            (a number in a struct_ops value that may be a program's)
 *     instead IDENTITY                (what replaces it: see below)
 *
 * willing: a program or a map that the kernel refuses is replaced by a smallest one, so that the
 * loader goes on to the next; the line still says what the kernel said.  (A map with types is not
 * replaced: every loader tries it without.)  none: the kernel never hears of it, everything
 * succeeds, and no privileges are needed.  old: none, but one that does not know context tags.
 * Nor is a map replaced for which there may not be enough locked memory (before 5.11): who hears
 * EPERM can raise that limit.  No kernel hears what a struct_ops map is filled with, for that
 * registers it.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <linux/bpf.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

typedef unsigned long long u64;

static FILE *record;
static enum { WILLING, NONE } kernel;
static int old;
static long (*libc_syscall)(long, ...);

/* Maps made without a kernel: the inode of what stands for them, and what they hold. */
static struct pretended {
	u64 inode;
	unsigned int type, key_size, value_size;
} pretended[4096];
static unsigned int pretended_count;

__attribute__((constructor)) static void start(void)
{
	const char *fd = getenv("BPF2PY_RECORD"), *how = getenv("BPF2PY_KERNEL");

	libc_syscall = (long (*)(long, ...))dlsym(RTLD_NEXT, "syscall");
	record = fd ? fdopen(atoi(fd), "w") : NULL;
	if (record)
		setvbuf(record, NULL, _IOFBF, 1 << 16);
	kernel = !how || !strcmp(how, "willing") ? WILLING : NONE;
	old = how && !strcmp(how, "old");
}

/* Lines of the loader itself, in order among the calls. */
void bpf2py_note(const char *line)
{
	if (!record)
		return;
	fprintf(record, "%s\n", line);
	fflush(record);
}

static void bytes(const char *what, u64 pointer, u64 size)
{
	const unsigned char *byte = (const unsigned char *)(unsigned long)pointer;
	static const char digits[] = "0123456789abcdef";

	fprintf(record, "%s ", what);
	if (!pointer || !size)
		putc('-', record);
	for (u64 i = 0; pointer && i < size; i++) {
		putc(digits[byte[i] >> 4], record);
		putc(digits[byte[i] & 15], record);
	}
	putc('\n', record);
}

static long ask(int cmd, union bpf_attr *attr)
{
	return libc_syscall(__NR_bpf, (long)cmd, (long)attr, (long)sizeof(*attr));
}

/* Kind and id of what a descriptor leads to; a memfd's inode where there is no kernel. */
static const char *identity(int fd, struct bpf_map_info *map)
{
	static char text[64];
	union bpf_attr attr = {};
	char path[32], target[64] = {};
	struct stat about;
	union {
		struct bpf_map_info map;
		struct bpf_prog_info prog;
		struct bpf_btf_info btf;
	} info = {};

	if (kernel != NONE) {
		snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
		if (readlink(path, target, sizeof(target) - 1) < 0)
			return "closed";
		attr.info.bpf_fd = fd;
		attr.info.info = (unsigned long)&info;
		attr.info.info_len = strstr(target, "bpf-map") ? sizeof(info.map) :
				     strstr(target, "btf") ? sizeof(info.btf) : sizeof(info.prog);
		if (strstr(target, "bpf") || strstr(target, "btf")) {
			if (ask(BPF_OBJ_GET_INFO_BY_FD, &attr))
				return "unreadable";
			if (strstr(target, "bpf-map") && map)
				*map = info.map;
			snprintf(text, sizeof(text), "%s:%u",
				 strstr(target, "bpf-map") ? "map" :
				 strstr(target, "bpf-prog") ? "prog" : "btf",
				 strstr(target, "bpf-map") ? info.map.id :
				 strstr(target, "bpf-prog") ? info.prog.id : info.btf.id);
			return text;
		}
	}
	if (fstat(fd, &about))
		return "closed";
	for (unsigned int i = 0; map && i < pretended_count; i++)
		if (pretended[i].inode == about.st_ino) {
			map->type = pretended[i].type;
			map->key_size = pretended[i].key_size;
			map->value_size = pretended[i].value_size;
		}
	snprintf(text, sizeof(text), "file:%llu", (u64)about.st_ino);
	return text;
}

static void descriptor(const union bpf_attr *attr, size_t size, size_t offset)
{
	int fd;

	if (offset + sizeof(fd) > size)
		return;
	memcpy(&fd, (const char *)attr + offset, sizeof(fd));
	if (fd > 0)
		fprintf(record, "descriptor %zu %s\n", offset, identity(fd, NULL));
}

static void operands(const union bpf_attr *attr)
{
	const struct bpf_insn *insn = (const void *)(unsigned long)attr->insns;
	const int *array = (const void *)(unsigned long)attr->fd_array;
	unsigned char seen[1 << 13] = {};

	for (unsigned int i = 0; i < attr->insn_cnt; i++) {
		int index = -1;

		if (insn[i].code == (BPF_JMP | BPF_CALL) && insn[i].src_reg == 2) {
			index = insn[i].off; /* BPF_PSEUDO_KFUNC_CALL */
		} else if (insn[i].code == (BPF_LD | BPF_IMM | BPF_DW) && i + 1 < attr->insn_cnt) {
			if (insn[i].src_reg == BPF_PSEUDO_MAP_FD ||
			    insn[i].src_reg == BPF_PSEUDO_MAP_VALUE)
				fprintf(record, "operand %u %s\n", i, identity(insn[i].imm, NULL));
			else if (insn[i].src_reg == BPF_PSEUDO_BTF_ID && insn[i + 1].imm > 0)
				fprintf(record, "operand %u %s\n", i,
					identity(insn[i + 1].imm, NULL));
			else if (insn[i].src_reg == BPF_PSEUDO_MAP_IDX ||
				 insn[i].src_reg == BPF_PSEUDO_MAP_IDX_VALUE)
				index = insn[i].imm;
			i++;
		}
		if (index <= 0 || index >= (int)sizeof(seen) || !array || seen[index])
			continue;
		seen[index] = 1;
		fprintf(record, "array %d %s\n", index, identity(array[index], NULL));
	}
}

/* The descriptors of programs in a struct_ops value, and small numbers that look like them. */
static void slots(const unsigned char *value, unsigned int size)
{
	for (unsigned int at = 0; at + sizeof(u64) <= size; at += sizeof(u64)) {
		u64 number;

		memcpy(&number, value + at, sizeof(number));
		if (number > STDERR_FILENO && number < 4096)
			fprintf(record, "slot %u %s\n", at, identity(number, NULL));
	}
}

static void write_down(int cmd, const union bpf_attr *given, size_t size, long result, int code)
{
	struct bpf_map_info map = {};
	/* What the caller leaves out is 0; what it has and these headers do not know is in ATTR. */
	union bpf_attr whole = {}, *attr = &whole;

	memcpy(attr, given, size < sizeof(whole) ? size : sizeof(whole));
	fprintf(record, "call %d %ld %d %s ", cmd, result, code,
		(cmd == BPF_MAP_CREATE || cmd == BPF_BTF_LOAD || cmd == BPF_PROG_LOAD) && result >= 0 ?
			identity(result, NULL) : "-");
	bytes("", (unsigned long)given, size);
	switch (cmd) {
	case BPF_MAP_CREATE:
		descriptor(attr, sizeof(*attr), offsetof(union bpf_attr, inner_map_fd));
		descriptor(attr, sizeof(*attr), offsetof(union bpf_attr, btf_fd));
		descriptor(given, size, 72); /* value_type_btf_obj_fd, 6.9 */
		break;
	case BPF_BTF_LOAD:
		bytes("btf", attr->btf, attr->btf_size);
		break;
	case BPF_PROG_LOAD:
		bytes("insns", attr->insns, attr->insn_cnt * 8ULL);
		if (attr->license)
			bytes("license", attr->license, strlen((char *)(unsigned long)attr->license));
		bytes("func_info", attr->func_info,
		      (u64)attr->func_info_cnt * attr->func_info_rec_size);
		bytes("line_info", attr->line_info,
		      (u64)attr->line_info_cnt * attr->line_info_rec_size);
		descriptor(attr, sizeof(*attr), offsetof(union bpf_attr, prog_btf_fd));
		descriptor(attr, sizeof(*attr), offsetof(union bpf_attr, attach_prog_fd));
		operands(attr);
		break;
	case BPF_MAP_UPDATE_ELEM:
		fprintf(record, "descriptor 0 %s\n", identity(attr->map_fd, &map));
		bytes("key", attr->key, map.key_size);
		bytes("value", attr->value, map.value_size);
		/* A slot that holds a map or a program. */
		if (map.value_size == 4 && (map.type == BPF_MAP_TYPE_PROG_ARRAY ||
					    map.type == BPF_MAP_TYPE_ARRAY_OF_MAPS ||
					    map.type == BPF_MAP_TYPE_HASH_OF_MAPS))
			fprintf(record, "operand 0 %s\n",
				identity(*(int *)(unsigned long)attr->value, NULL));
		if (map.type == BPF_MAP_TYPE_STRUCT_OPS)
			slots((const unsigned char *)(unsigned long)attr->value, map.value_size);
		break;
	case BPF_MAP_FREEZE:
		fprintf(record, "descriptor 0 %s\n", identity(attr->map_fd, NULL));
		break;
	}
	fflush(record);
}

static long pretend(int cmd, const union bpf_attr *attr)
{
	struct stat about;
	int fd;

	switch (cmd) {
	case BPF_PROG_LOAD:
		if (old && !strcmp(attr->prog_name, "det_arg_ctx"))
			break;
		/* fallthrough */
	case BPF_MAP_CREATE:
	case BPF_BTF_LOAD:
		/* Something that can be mapped, as the maps of global variables are. */
		fd = memfd_create("pretended", 0);
		if (fd < 0 || ftruncate(fd, 1 << 24) || fstat(fd, &about))
			return -1;
		if (cmd == BPF_MAP_CREATE && pretended_count < 4096)
			pretended[pretended_count++] = (struct pretended){
				about.st_ino, attr->map_type, attr->key_size, attr->value_size};
		return fd;
	case BPF_MAP_UPDATE_ELEM:
	case BPF_MAP_FREEZE:
	case BPF_PROG_BIND_MAP:
		return 0;
	}
	errno = EINVAL;
	return -1;
}

/* Whether it is not one of the object's, but one that tries what the kernel can do. */
static int is_probe(const char *name)
{
	/* With a dot it is a section's map of an object that is called so. */
	return !name[0] || (!strncmp(name, "libbpf_", 7) && !strchr(name, '.')) ||
	       !strcmp(name, "det_arg_ctx") || !strcmp(name, "global_reloc");
}

/* Whether it fills a struct_ops map, which registers it. */
static int registers(int cmd, const union bpf_attr *attr)
{
	struct bpf_map_info map = {};

	if (cmd == BPF_MAP_UPDATE_ELEM)
		identity(attr->map_fd, &map);
	return map.type == BPF_MAP_TYPE_STRUCT_OPS;
}

static int may_raise_memlock(void)
{
	struct rlimit limit;

	return !getrlimit(RLIMIT_MEMLOCK, &limit) && limit.rlim_cur != RLIM_INFINITY;
}

static long stand_in_map(void)
{
	union bpf_attr attr = {
		.map_type = BPF_MAP_TYPE_ARRAY,
		.key_size = 4,
		.value_size = 4,
		.max_entries = 1,
		.map_name = "stand_in",
	};

	return ask(BPF_MAP_CREATE, &attr);
}

static long stand_in_program(void)
{
	static const struct bpf_insn exit_0[] = {{.code = 0xb7}, {.code = 0x95}};
	union bpf_attr attr = {
		.prog_type = BPF_PROG_TYPE_SOCKET_FILTER,
		.insns = (unsigned long)exit_0,
		.insn_cnt = 2,
		.license = (unsigned long)"GPL",
		.prog_name = "stand_in",
	};

	return ask(BPF_PROG_LOAD, &attr);
}

long syscall(long number, ...)
{
	union bpf_attr *attr;
	va_list args;
	long a[6], result;
	int cmd, code;

	va_start(args, number);
	for (int i = 0; i < 6; i++)
		a[i] = va_arg(args, long);
	va_end(args);
	if (number != __NR_bpf)
		return libc_syscall(number, a[0], a[1], a[2], a[3], a[4], a[5]);
	cmd = a[0];
	attr = (union bpf_attr *)a[1];
	if (kernel == NONE || registers(cmd, attr))
		result = pretend(cmd, attr);
	else
		result = libc_syscall(number, a[0], a[1], a[2]);
	code = result < 0 ? errno : 0;
	if (!record)
		return result;
	switch (cmd) {
	case BPF_PROG_LOAD:
	case BPF_MAP_CREATE:
	case BPF_BTF_LOAD:
	case BPF_MAP_UPDATE_ELEM:
	case BPF_MAP_FREEZE:
		write_down(cmd, attr, a[2], result, code);
		errno = code;
		if (kernel == NONE || result >= 0)
			break;
		if (cmd == BPF_PROG_LOAD && !is_probe(attr->prog_name))
			result = stand_in_program();
		else if (cmd == BPF_MAP_CREATE && !is_probe(attr->map_name) &&
			 !(code == EPERM && may_raise_memlock()) &&
			 !attr->btf_key_type_id && !attr->btf_value_type_id)
			result = stand_in_map();
		if (result >= 0) {
			fprintf(record, "instead %s\n", identity(result, NULL));
			fflush(record);
			return result;
		}
	}
	errno = code;
	return result;
}
