// SPDX-License-Identifier: MIT
// Views: what declaration tags say about members, variables, typedefs, keys and values; all of
// bpf2py.h.  The program writes every value, so that a test can read what C meant.
#include <linux/bpf.h>
#include <linux/in6.h>
#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>
#include <bpf2py.h>

enum tcp_flag {
	TCP_FLAG_FIN = 1,
	TCP_FLAG_SYN = 2,
	TCP_FLAG_ACK = 16,
};

enum tcp_state {
	TCP_STATE_OPEN = 1,
	TCP_STATE_CLOSED = 7,
};

enum verdict {
	VERDICT_DROP = -1,
	VERDICT_PASS = 1,
};

enum capability {
	CAPABILITY_READ = 1,
	CAPABILITY_WRITE = 2,
	CAPABILITY_ALL = 3,
};

BPF2PY_TYPE(enum tcp_flag);
BPF2PY_TYPE(enum tcp_state);
BPF2PY_TYPE(enum verdict);

typedef __u32 ipv4_t bpf2py_ipv4;
typedef struct {
	__u8 bytes[16];
} ipv6_t bpf2py_ipv6;

struct address {
	union {
		__u32 v4 bpf2py_ipv4;
		struct in6_addr v6 bpf2py_ipv6;
		struct {
			__u8 mac[6] bpf2py_mac;
			__be16 vlan bpf2py_be16;
		};
	};
};

union number {
	__u64 plain;
	__u64 big bpf2py_be64;
	__u64 address bpf2py_hex;
	__u8 digits[8] bpf2py_hex;
};

struct event {
	__u64 ktime bpf2py_ktime;
	__u64 boottime bpf2py_boottime;
	__u64 duration bpf2py_ns;
	__u32 short_duration bpf2py_ns;
	__u32 saddr bpf2py_ipv4;
	ipv4_t daddr;
	ipv4_t number bpf2py_none;
	__be32 hops[3] bpf2py_ipv4;
	__u8 octets[4] bpf2py_ipv4;
	__u32 words6[4] bpf2py_ipv6;
	struct in6_addr saddr6 bpf2py_ipv6;
	ipv6_t daddr6;
	__u8 source[6] bpf2py_mac;
	__u8 macs[2][6] bpf2py_mac;
	__be16 sport bpf2py_be16;
	__be16 ports[2] bpf2py_be16;
	__be32 sequence bpf2py_be32;
	__be64 cookie bpf2py_be64;
	__u8 name[8] bpf2py_text;
	char raw[4] bpf2py_bytes;
	__u8 digest[4] bpf2py_hex;
	void *pointer bpf2py_hex;
	__u32 mask bpf2py_hex;
	__u8 flags bpf2py_flags(tcp_flag);
	__u8 state bpf2py_enum(tcp_state);
	__s16 verdict bpf2py_enum(verdict);
	enum capability capability bpf2py_flags();
	__u32 low_flags : 5 bpf2py_flags(tcp_flag);
	__u32 low_state : 3 bpf2py_enum(tcp_state);
	__u32 low_hex : 9 bpf2py_hex;
	struct address peer;
	union number number_union;
	__u16 plain __attribute__((btf_decl_tag("somebody:else's")));
};

struct flow {
	ipv4_t saddr;
	__be16 port bpf2py_be16;
	__u8 mac[6] bpf2py_mac;
	__u16 flags bpf2py_flags(tcp_flag);
};

struct packet {
	__u32 count;
	__be32 hops[] bpf2py_ipv4;
};

struct blob {
	__u32 length;
	__u8 data[] bpf2py_hex;
};
BPF2PY_TYPE(struct blob);

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 16);
	__type(key, __u32) bpf2py_ipv4;
	__type(value, __u64) bpf2py_ns;
} by_address SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 16);
	__type(key, struct flow);
	__type(value, __u16) bpf2py_flags(tcp_flag);
} by_flow SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 16);
	__type(key, union number);
	__type(value, struct address);
} by_number SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 4096);
} packets SEC(".maps");
BPF2PY_EVENT(packets, struct packet);

const volatile __u32 target bpf2py_ipv4 = 0;
const volatile __u8 gateway[6] bpf2py_mac = {0x02, 0, 0, 0, 0, 1};
__be16 port bpf2py_be16;
__u64 started bpf2py_ktime;
__u32 seen_flags bpf2py_flags(tcp_flag);
struct event event;

static __always_inline void fill(void *to, const char *from, int size)
{
	__builtin_memcpy(to, from, size);
}

SEC("socket")
int set(struct __sk_buff *skb)
{
	struct flow flow = {};
	union number number = {};
	struct address peer = {};
	__u32 address = bpf_htonl(0x0a000001);
	__u64 duration = 1500000001;
	__u16 flags = TCP_FLAG_SYN | TCP_FLAG_ACK;
	__u64 now = bpf_ktime_get_ns();
	struct packet *packet;

	started = now;
	port = bpf_htons(8080);
	seen_flags = 0x80000000 | TCP_FLAG_FIN;

	event.ktime = now;
	event.boottime = bpf_ktime_get_boot_ns();
	event.duration = duration;
	event.short_duration = 1000;
	event.saddr = bpf_htonl(0xc0a80102);
	event.daddr = target;
	event.number = 5;
	event.hops[0] = bpf_htonl(0x01020304);
	event.hops[2] = bpf_htonl(0xffffffff);
	fill(event.octets, "\x7f\0\0\x01", 4);
	event.words6[0] = bpf_htonl(0x20010db8);
	event.words6[3] = bpf_htonl(1);
	fill(&event.saddr6, "\xfe\x80\0\0\0\0\0\0\0\0\0\0\0\0\0\x02", 16);
	event.daddr6.bytes[15] = 1;
	fill(event.source, "\xaa\xbb\xcc\x01\x02\x03", 6);
	fill(event.macs[1], "\xff\xff\xff\xff\xff\xff", 6);
	event.sport = bpf_htons(443);
	event.ports[1] = bpf_htons(53);
	event.sequence = bpf_htonl(0x01020304);
	event.cookie = bpf_cpu_to_be64(0x0102030405060708ULL);
	fill(event.name, "eth0", 5);
	fill(event.raw, "\0\x01\xfe\xff", 4);
	fill(event.digest, "\xde\xad\xbe\xef", 4);
	event.pointer = (void *)0xffff888000001000ULL;
	event.mask = 0xff00;
	event.flags = TCP_FLAG_SYN | 0x80;
	event.state = TCP_STATE_CLOSED;
	event.verdict = VERDICT_DROP;
	event.capability = CAPABILITY_WRITE;
	event.low_flags = TCP_FLAG_ACK | TCP_FLAG_FIN;
	event.low_state = TCP_STATE_OPEN;
	event.low_hex = 0x1ab;
	fill(event.peer.mac, "\x02\x04\x06\x08\x0a\x0c", 6);
	event.peer.vlan = bpf_htons(100);
	event.number_union.big = bpf_cpu_to_be64(1);
	event.plain = 9;

	bpf_map_update_elem(&by_address, &address, &duration, BPF_ANY);
	flow.saddr = address;
	flow.port = bpf_htons(22);
	fill(flow.mac, "\xaa\xbb\xcc\x01\x02\x03", 6);
	flow.flags = TCP_FLAG_FIN;
	bpf_map_update_elem(&by_flow, &flow, &flags, BPF_ANY);
	number.big = bpf_cpu_to_be64(2);
	peer.v4 = address;
	bpf_map_update_elem(&by_number, &number, &peer, BPF_ANY);

	packet = bpf_ringbuf_reserve(&packets, sizeof(*packet) + 2 * sizeof(__be32), 0);
	if (packet) {
		packet->count = 2;
		packet->hops[0] = address;
		packet->hops[1] = bpf_htonl(0x0a000002);
		bpf_ringbuf_submit(packet, 0);
	}
	return gateway[5];
}

char LICENSE[] SEC("license") = "Dual MIT/GPL";
