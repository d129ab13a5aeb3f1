/* SPDX-License-Identifier: MIT */
/*
 * bpf2py.h: what C can tell bpf2py beyond types.  `bpf2py build` finds it; for other builds
 * `bpf2py include` prints the folder it lies in.  Views and types need nothing else and add
 * no instruction.
 *
 * Views.  A view says what bytes mean.  It stands behind a member, a global variable, a typedef, or
 * the key or value of a map:
 *
 *	struct event {
 *		__u64 time bpf2py_ktime;
 *		__u32 saddr bpf2py_ipv4;
 *		__be16 port bpf2py_be16;
 *		__u8 flags bpf2py_flags(tcp_flag);
 *		__u8 source[6] bpf2py_mac;
 *	};
 *	const volatile __u32 target bpf2py_ipv4 = 0;
 *	struct {
 *		__uint(type, BPF_MAP_TYPE_HASH);
 *		__type(key, __u32) bpf2py_ipv4;
 *		...
 *
 * They are declaration tags in BTF (clang 14 and newer); elsewhere they are nothing.
 */
#ifndef BPF2PY_H
#define BPF2PY_H

#ifdef __has_attribute
#if __has_attribute(btf_decl_tag)
#define BPF2PY_VIEW(text) __attribute__((btf_decl_tag("bpf2py:" text)))
#endif
#endif
#ifndef BPF2PY_VIEW
#define BPF2PY_VIEW(text)
#endif

/* ipaddress.IPv4Address, IPv6Address; in network byte order, as packets and the kernel have them */
#define bpf2py_ipv4 BPF2PY_VIEW("ipv4")
#define bpf2py_ipv6 BPF2PY_VIEW("ipv6")
/* "aa:bb:cc:dd:ee:ff" */
#define bpf2py_mac BPF2PY_VIEW("mac")
/* integers that are in network byte order here, and in the host's in Python */
#define bpf2py_be16 BPF2PY_VIEW("be16")
#define bpf2py_be32 BPF2PY_VIEW("be32")
#define bpf2py_be64 BPF2PY_VIEW("be64")
/* nanoseconds: any; of bpf_ktime_get_ns(); of bpf_ktime_get_boot_ns() */
#define bpf2py_ns BPF2PY_VIEW("ns")
#define bpf2py_ktime BPF2PY_VIEW("ktime")
#define bpf2py_boottime BPF2PY_VIEW("boottime")
/* characters as str, up to the first NUL; all bytes; hexadecimal digits */
#define bpf2py_text BPF2PY_VIEW("text")
#define bpf2py_bytes BPF2PY_VIEW("bytes")
#define bpf2py_hex BPF2PY_VIEW("hex")
/* an integer that holds a value, or flags, of enum NAME; see BPF2PY_TYPE */
#define bpf2py_enum(NAME) BPF2PY_VIEW("enum:" #NAME)
#define bpf2py_flags(NAME) BPF2PY_VIEW("flags:" #NAME)
/* as without a view, though the typedef has one */
#define bpf2py_none BPF2PY_VIEW("none")

/*
 * Types.  Compilers leave out of BTF what nothing refers to, as enums whose values are used and
 * structs that only a ring buffer carries.  At file scope,
 *
 *	BPF2PY_TYPE(enum tcp_flag);		keeps a type, and makes it a Python class;
 *	BPF2PY_EVENT(events, struct event);	says what the ring buffer or perf array carries.
 *
 * Each is a pointer in a section of its own, which loaders do not look at.
 */
#define BPF2PY_TYPE(TYPE) BPF2PY_KEEP(BPF2PY_NAME(bpf2py_type_, __COUNTER__), TYPE)
#define BPF2PY_EVENT(MAP, TYPE) BPF2PY_KEEP(BPF2PY_NAME(bpf2py_event_, MAP), TYPE)

/*
 * Lost events.  No ring buffer counts what found no room in it.  At file scope, behind the map and
 * <bpf/bpf_helpers.h>,
 *
 *	BPF2PY_COUNT_DROPS(events);
 *
 * and in programs bpf2py_reserve(events, size) for bpf_ringbuf_reserve(&events, size, 0), and
 * bpf2py_output(events, data, size) for bpf_ringbuf_output(&events, data, size, 0).  They give what
 * the helpers give, and count failures per CPU; Python has the sum as maps.events.dropped.
 */
#define BPF2PY_COUNT_DROPS(MAP) \
	struct { \
		int (*type)[6]; /* BPF_MAP_TYPE_PERCPU_ARRAY */ \
		int (*max_entries)[1]; \
		unsigned int *key; \
		unsigned long long *value; \
	} bpf2py_dropped_##MAP __attribute__((used, section(".maps")))
#define bpf2py_reserve(MAP, SIZE) \
	({ \
		void *bpf2py_room = bpf_ringbuf_reserve(&MAP, SIZE, 0); \
		if (!bpf2py_room) \
			BPF2PY_COUNT_DROP(MAP); \
		bpf2py_room; \
	})
#define bpf2py_output(MAP, DATA, SIZE) \
	({ \
		long bpf2py_failed = bpf_ringbuf_output(&MAP, DATA, SIZE, 0); \
		if (bpf2py_failed) \
			BPF2PY_COUNT_DROP(MAP); \
		bpf2py_failed; \
	})
/* atomic: another program may interrupt this one on the same CPU */
#define BPF2PY_COUNT_DROP(MAP) \
	do { \
		unsigned int bpf2py_zero = 0; \
		unsigned long long *bpf2py_count = \
			bpf_map_lookup_elem(&bpf2py_dropped_##MAP, &bpf2py_zero); \
		if (bpf2py_count) \
			__sync_fetch_and_add(bpf2py_count, 1); \
	} while (0)

#define BPF2PY_KEEP(NAME, TYPE) \
	static __typeof__(TYPE) *const NAME __attribute__((used, section(".bpf2py"))) = 0
#define BPF2PY_NAME(FIRST, SECOND) BPF2PY_PASTE(FIRST, SECOND)
#define BPF2PY_PASTE(FIRST, SECOND) FIRST##SECOND

#endif
