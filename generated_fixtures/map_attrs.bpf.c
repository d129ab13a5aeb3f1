// SPDX-License-Identifier: MIT
// What a map definition can say: flags, pinning, NUMA node, map_extra, sizes without types, an
// enum as key, a struct as key, typedef'd values, an array of structs as value.
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

enum shape {
	CIRCLE,
	SQUARE,
	TRIANGLE = 10,
};

struct key {
	__u16 port;
	__u8 proto;
	char tag[5];
};

struct point {
	__s32 x, y;
};

typedef __u64 nanoseconds;
typedef nanoseconds duration_t;
typedef struct {
	__u32 low, high;
} range_t;
typedef struct point polygon[4];

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 100);
	__uint(map_flags, BPF_F_NO_PREALLOC | BPF_F_RDONLY_PROG);
	__type(key, __u32);
	__type(value, __u64);
} flagged SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 5);
	__uint(map_flags, BPF_F_MMAPABLE);
	__type(key, __u32);
	__type(value, __u64);
} mapped SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 3);
	__uint(pinning, LIBBPF_PIN_BY_NAME);
	__type(key, __u32);
	__type(value, __u32);
} pinned_counts SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 4);
	__uint(map_flags, BPF_F_NUMA_NODE);
	__uint(numa_node, 0);
	__type(key, __u32);
	__type(value, __u32);
} on_node_zero SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_BLOOM_FILTER);
	__uint(max_entries, 1000);
	__uint(map_extra, 5);
	__type(value, struct key);
} bloom SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 6);
	__uint(key_size, 6);
	__uint(value_size, 10);
} untyped SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 7);
	__type(key, enum shape);
	__type(value, enum shape);
} by_shape SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 8);
	__type(key, struct key);
	__type(value, struct point[3]);
} triangles SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 9);
	__type(key, int);
	__type(value, duration_t);
} durations SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 10);
	__type(key, __u32);
	__type(value, range_t);
} ranges SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 11);
	__type(key, duration_t);
	__type(value, polygon);
} polygons SEC(".maps");

/* The definition may be a named struct, shared by several maps. */
struct shared_definition {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 12);
	__type(key, __u8);
	__type(value, __u8[3]);
};

struct shared_definition left SEC(".maps");
struct shared_definition right SEC(".maps");

SEC("socket")
int touch(struct __sk_buff *skb)
{
	enum shape shape = TRIANGLE, other = SQUARE;
	struct key key = {443, 17, {'a', 'b', 'c', 0, 0}};
	struct point points[3] = {{1, -1}, {2, -2}, {3, -3}};

	if (bpf_map_update_elem(&by_shape, &shape, &other, BPF_ANY))
		return 1;
	if (bpf_map_update_elem(&triangles, &key, &points, BPF_ANY))
		return 2;
	return 0;
}

char LICENSE[] SEC("license") = "Dual MIT/GPL";
