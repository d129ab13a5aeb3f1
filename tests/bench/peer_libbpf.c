/* The C side of the benchmark: the same jobs as ours.py, on libbpf.  SPDX-License-Identifier: MIT
 *
 * Every job prints one number: nanoseconds per operation (or kilobytes for `idle`).  Maps and
 * programs that all peers share arrive as inherited file descriptors, so that everybody reads the
 * very same kernel objects.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

struct value {
	__u64 packets;
	__u64 bytes;
};

struct event {
	__u64 ts;
	__u32 pid, uid;
	__s32 ret, flags;
	__u64 seq;
	char comm[32];
};

static unsigned long long sink;

static double now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec * 1e9 + ts.tv_nsec;
}

static void die(const char *what)
{
	fprintf(stderr, "peer_libbpf: %s: %s\n", what, strerror(errno));
	exit(1);
}

static struct bpf_object *load_object(const char *path)
{
	struct bpf_object *obj = bpf_object__open_file(path, NULL);

	if (!obj || bpf_object__load(obj))
		die(path);
	return obj;
}

static double job_load(const char *path, int count)
{
	double begin;

	if (count > 1)
		bpf_object__close(load_object(path)); /* probes the kernel's features, once */
	begin = now();
	for (int i = 0; i < count; i++)
		bpf_object__close(load_object(path));
	return (now() - begin) / count;
}

static double job_lookup(int map, __u32 entries, int count)
{
	struct value value;
	double begin = now();

	for (int i = 0; i < count; i++) {
		__u32 key = (__u32)((unsigned long long)i * 2654435761u % entries);

		if (bpf_map_lookup_elem(map, &key, &value))
			die("lookup");
		sink += value.packets;
	}
	return (now() - begin) / count;
}

static double job_update(int map, __u32 entries, int count)
{
	struct value value = {.packets = 1, .bytes = 2};
	double begin = now();

	for (int i = 0; i < count; i++) {
		__u32 key = (__u32)((unsigned long long)i * 2654435761u % entries);

		value.packets = key;
		if (bpf_map_update_elem(map, &key, &value, BPF_ANY))
			die("update");
	}
	return (now() - begin) / count;
}

/* By next key and look-up: what C programs on libbpf do, as bpftool's dump. */
static double job_iterate(int map)
{
	__u32 key, *prev = NULL;
	struct value value;
	long count = 0;
	double begin = now();

	while (!bpf_map_get_next_key(map, prev, &key)) {
		if (!bpf_map_lookup_elem(map, &key, &value))
			sink += value.packets;
		prev = &key;
		count++;
	}
	return (now() - begin) / count;
}

static double job_iterate_batch(int map)
{
	enum { CHUNK = 16384 };
	static __u32 keys[CHUNK];
	static struct value values[CHUNK];
	__u32 cursor, *in = NULL, n;
	long count = 0;
	int err;
	double begin = now();

	do {
		n = CHUNK;
		err = bpf_map_lookup_batch(map, in, &cursor, keys, values, &n, NULL);
		if (err && errno != ENOENT)
			die("batch");
		for (__u32 i = 0; i < n; i++)
			sink += keys[i] + values[i].packets;
		count += n;
		in = &cursor;
	} while (!err);
	return (now() - begin) / count;
}

static int on_event(void *ctx, void *data, size_t size)
{
	const struct event *event = data;

	sink += event->pid + event->comm[0];
	++*(long *)ctx;
	return 0;
}

static double job_ringbuf(int map, int prog, int count)
{
	char packet[64] = {0};
	LIBBPF_OPTS(bpf_test_run_opts, opts, .data_in = packet, .data_size_in = sizeof(packet),
		    .repeat = count);
	long seen = 0;
	struct ring_buffer *ring = ring_buffer__new(map, on_event, &seen, NULL);
	double begin, end;

	if (!ring)
		die("ring_buffer__new");
	ring_buffer__consume(ring);
	seen = 0;
	if (bpf_prog_test_run_opts(prog, &opts))
		die("test_run");
	begin = now();
	ring_buffer__consume(ring);
	end = now();
	if (seen != count) {
		fprintf(stderr, "peer_libbpf: %ld events of %d\n", seen, count);
		exit(1);
	}
	ring_buffer__free(ring);
	return (end - begin) / count;
}

/* Resident memory in KiB with the object loaded, as /proc/self/smaps_rollup has it. */
static double job_idle(const char *path)
{
	struct bpf_object *obj = load_object(path);
	char line[256];
	long kib = 0;
	FILE *file = fopen("/proc/self/smaps_rollup", "r");

	while (file && fgets(line, sizeof(line), file))
		if (sscanf(line, "Rss: %ld kB", &kib) == 1)
			break;
	if (file)
		fclose(file);
	bpf_object__close(obj);
	return kib;
}

int main(int argc, char **argv)
{
	const char *job = argc > 1 ? argv[1] : "";
	double result;

	if (!strcmp(job, "load"))
		result = job_load(argv[2], atoi(argv[3]));
	else if (!strcmp(job, "lookup"))
		result = job_lookup(atoi(argv[2]), atoi(argv[3]), atoi(argv[4]));
	else if (!strcmp(job, "update"))
		result = job_update(atoi(argv[2]), atoi(argv[3]), atoi(argv[4]));
	else if (!strcmp(job, "iterate"))
		result = job_iterate(atoi(argv[2]));
	else if (!strcmp(job, "iterate_batch"))
		result = job_iterate_batch(atoi(argv[2]));
	else if (!strcmp(job, "ringbuf"))
		result = job_ringbuf(atoi(argv[2]), atoi(argv[3]), atoi(argv[4]));
	else if (!strcmp(job, "idle"))
		result = job_idle(argv[2]);
	else if (!strcmp(job, "start"))
		return 0;
	else
		return 2;
	printf("%.1f\n", result);
	return sink == 42;
}
