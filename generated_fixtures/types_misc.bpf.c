// SPDX-License-Identifier: MIT
// The rest of the type kinds: 128-bit integers, floats, pointers of every sort, function
// pointers, typedef chains, qualifiers, declaration tags and type tags.
#include <linux/bpf.h>
#include <stdbool.h>
#include <bpf/bpf_helpers.h>

#define __decl_tag(text) __attribute__((btf_decl_tag(text)))
#define __type_tag(text) __attribute__((btf_type_tag(text)))

typedef unsigned int u32_t;
typedef u32_t id_t_;
typedef id_t_ user_id_t;
typedef const volatile user_id_t shared_id_t;
typedef struct anonymous_behind_typedef {
	int x;
} named_too_t;
typedef struct {
	user_id_t id;
	__u64 at;
} only_typedef_t;
typedef only_typedef_t twice_typedef_t;
typedef int (*handler_t)(void *ctx, const char *name);
typedef __u8 digest_t[16];
typedef char line_t[24];

struct forward_only;

struct pointers {
	void *anything;
	const char *text;
	struct forward_only *forward;
	struct pointers *self_type;
	int (*function)(int, const struct pointers *);
	handler_t handler;
	void **twice;
	int (*array_pointer)[4];
	__u32 __type_tag("user") *tagged;
};

struct numbers {
	unsigned __int128 u128;
	__int128 s128;
	float f;
	double d;
	bool yes;
	char letter;
	signed char sc;
	unsigned char uc;
	short s;
	long l;
	unsigned long long ull;
	__be16 port;
	__be32 address;
};

struct qualified {
	const int c;
	volatile __u64 v;
	const volatile char name[8];
	int *const restrict_like;
	const struct numbers *const numbers;
};

struct aliases {
	user_id_t user;
	shared_id_t shared;
	named_too_t named;
	only_typedef_t only;
	twice_typedef_t twice;
	digest_t digest;
	line_t line;
	digest_t digests[2];
};

struct __decl_tag("layout:v1") tagged {
	__u32 plain;
	__u32 address __decl_tag("ipv4");
	__u64 when __decl_tag("ns") __decl_tag("monotonic");
};

typedef __u32 tagged_alias __decl_tag("on typedef");

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 4);
	__type(key, user_id_t);
	__type(value, struct aliases);
} users SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 4);
	__type(key, int);
	__type(value, twice_typedef_t);
} twice SEC(".maps");

struct pointers pointers;
struct numbers numbers = {.f = 0.25f, .d = -1e300, .s128 = -1};
struct qualified qualified = {.c = 3, .name = "const"};
struct aliases aliases;
struct tagged tagged __decl_tag("variable");
tagged_alias alias_variable = 8;
volatile user_id_t user = 1000;
const volatile digest_t digest = {1, 2, 3};
line_t line = "a line";

static __noinline __decl_tag("function") int with_tagged_argument(int x __decl_tag("argument"))
{
	return x + 1;
}

SEC("socket")
int set(struct __sk_buff *skb)
{
	user_id_t key = 5;

	pointers.anything = (void *)~0ULL;
	pointers.twice = (void *)8;
	numbers.u128 = ((unsigned __int128)1 << 127) + 1;
	numbers.sc = -3;
	numbers.port = 0x5000;
	aliases.user = 1;
	aliases.only.id = 3;
	aliases.twice.at = 4;
	aliases.digest[15] = 5;
	aliases.digests[1][0] = 6;
	aliases.line[0] = 'L';
	tagged.address = 0x7f000001;
	tagged.when = 99;
	bpf_map_update_elem(&users, &key, &aliases, BPF_ANY);
	return with_tagged_argument(skb->len);
}

char LICENSE[] SEC("license") = "Dual MIT/GPL";
