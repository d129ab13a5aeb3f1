// SPDX-License-Identifier: MIT
// Every map family that tracing tools use, each with its own value type, and one program that
// writes to all of them.
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

struct start {
	__u64 ts;
	__s32 cpu;
	char comm[16];
};

struct flow {
	__u32 saddr, daddr;
	__u16 sport, dport;
	__u8 proto;
};

struct counters {
	__u64 packets;
	__u32 errors;
};

struct event {
	__u32 pid;
	__u32 kind;
	char comm[16];
	__u64 args[3];
};

struct sample {
	__u64 ip;
	__u16 weight;
};

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 1024);
	__type(key, __u32);
	__type(value, struct start);
} start SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 512);
	__type(key, struct flow);
	__type(value, __u64);
} flows SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 16);
	__type(key, __u32);
	__type(value, __s64);
} table SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_HASH);
	__uint(max_entries, 64);
	__type(key, __u16);
	__type(value, struct counters);
} percpu_flows SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 4);
	__type(key, __u32);
	__type(value, __u32);
} percpu_table SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_LRU_PERCPU_HASH);
	__uint(max_entries, 128);
	__type(key, __u64);
	__type(value, char[5]);
} percpu_lru SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 64 * 1024);
	__type(value, struct event);
} events SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 4096);
} raw_events SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_PERF_EVENT_ARRAY);
	__uint(key_size, sizeof(__u32));
	__type(value, struct sample);
} samples SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_PERF_EVENT_ARRAY);
	__uint(key_size, sizeof(__u32));
	__uint(value_size, sizeof(__u32));
} raw_samples SEC(".maps");

/* Writes one known entry to every map; the value is the number of the map that failed. */
SEC("socket")
int fill(struct __sk_buff *skb)
{
	__u32 key = 77, slot = 3;
	struct start begun = {0x1122334455667788ULL, -5, "filler"};
	struct flow flow = {0x0a000001, 0x0a000002, 1234, 80, 6};
	__u64 packets = 42, lru_key = 0xfeedfacecafebeefULL;
	__s64 negative = -1234567890123LL;
	__u16 small = 513;
	struct counters counters = {9, 8};
	__u32 word = 0xdeadbeef;
	char five[5] = {'a', 'b', 'c', 'd', 'e'};

	__builtin_memset((char *)&flow + 13, 0, 3); /* padding is part of the key */
	if (bpf_map_update_elem(&start, &key, &begun, BPF_ANY))
		return 1;
	if (bpf_map_update_elem(&flows, &flow, &packets, BPF_ANY))
		return 2;
	if (bpf_map_update_elem(&table, &slot, &negative, BPF_ANY))
		return 3;
	if (bpf_map_update_elem(&percpu_flows, &small, &counters, BPF_ANY))
		return 4;
	if (bpf_map_update_elem(&percpu_table, &slot, &word, BPF_ANY))
		return 5;
	if (bpf_map_update_elem(&percpu_lru, &lru_key, &five, BPF_ANY))
		return 6;
	return 0;
}

/* Sends one typed event and one of raw bytes. */
SEC("socket")
int emit(struct __sk_buff *skb)
{
	static const char raw[6] = {'r', 'a', 'w', 0, 'x', 'y'};
	struct event *event = bpf_ringbuf_reserve(&events, sizeof(*event), 0);

	if (!event)
		return 1;
	event->pid = 4321;
	event->kind = skb->len;
	__builtin_memset(event->comm, 0, sizeof(event->comm));
	__builtin_memcpy(event->comm, "emitter", 7);
	event->args[0] = 1;
	event->args[1] = ~0ULL;
	event->args[2] = 1ULL << 63;
	bpf_ringbuf_submit(event, 0);
	return bpf_ringbuf_output(&raw_events, (void *)raw, sizeof(raw), 0) ? 2 : 0;
}

SEC("socket")
int emit_perf(struct __sk_buff *skb)
{
	struct sample sample;
	__u64 number = 0x0102030405060708ULL;

	__builtin_memset(&sample, 0, sizeof(sample));
	sample.ip = 0xffffffff81000000ULL;
	sample.weight = 999;
	if (bpf_perf_event_output(skb, &samples, BPF_F_CURRENT_CPU, &sample, sizeof(sample)))
		return 1;
	if (bpf_perf_event_output(skb, &raw_samples, BPF_F_CURRENT_CPU, &number, sizeof(number)))
		return 2;
	return 0;
}

char LICENSE[] SEC("license") = "GPL";
