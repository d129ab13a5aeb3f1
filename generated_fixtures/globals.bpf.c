// SPDX-License-Identifier: MIT
// Global variables in every data section, and programs that read and change them.
#include <linux/bpf.h>
#include <stdbool.h>
#include <bpf/bpf_helpers.h>

enum mode {
	MODE_OFF,
	MODE_ON,
	MODE_AUTO = 7,
};

struct limits {
	__u32 low;
	__s32 high;
	char unit[4];
};

struct node {
	struct node *next;
	void *owner;
};

/* .rodata */
const volatile bool enabled = true;
const volatile __u8 tiny = 200;
const volatile __s16 negative = -300;
const volatile __u32 target_pid = 0;
const volatile __u64 threshold_ns = 5000000000ULL;
const volatile enum mode mode = MODE_AUTO;
const volatile char label[16] = "default";
const volatile unsigned char mac[6] = {0x02, 0, 0, 0xaa, 0xbb, 0xcc};
const volatile __u32 ports[4] = {80, 443};
const volatile struct limits limits = {10, -20, "ms"};
const volatile float ratio = 0.5f;
const volatile double precise = -2.25;

/* .data */
__u64 counter = 41;
__s32 balance = -7;
struct limits window = {1, 2, "s"};
char greeting[] = "hello";
bool switched = true;
static volatile __u32 hidden = 99;
unsigned __int128 wide = ((unsigned __int128)0x0011223344556677ULL << 64) | 0x8899aabbccddeeffULL;
float scale = 1.5f;
void *pointer = (void *)0x1234;

/* .bss */
__u64 total;
__u32 matrix[2][3];
struct node list;
enum mode last_mode;
bool seen;
char last_comm[16];
static volatile __u16 hidden_zero;

/* sections by name */
const volatile __u32 config_level SEC(".rodata.config") = 3;
const volatile char config_name[8] SEC(".rodata.config") = "cfg";
__u32 custom SEC(".data.custom") = 0xc0ffee;

/* Checks each constant against what the source says; the line of the first that differs. */
#define EXPECT(condition)                \
	do {                             \
		if (!(condition))        \
			return __LINE__; \
	} while (0)

SEC("socket")
int check_defaults(struct __sk_buff *skb)
{
	EXPECT(enabled == true);
	EXPECT(tiny == 200);
	EXPECT(negative == -300);
	EXPECT(target_pid == 0);
	EXPECT(threshold_ns == 5000000000ULL);
	EXPECT(mode == MODE_AUTO);
	EXPECT(label[0] == 'd' && label[6] == 't' && label[7] == 0);
	EXPECT(mac[0] == 2 && mac[5] == 0xcc);
	EXPECT(ports[1] == 443 && ports[3] == 0);
	EXPECT(limits.high == -20 && limits.unit[1] == 's');
	EXPECT(*(volatile __u32 *)&ratio == 0x3f000000);
	EXPECT(*(volatile __u64 *)&precise == 0xc002000000000000ULL);
	EXPECT(config_level == 3);
	EXPECT(config_name[2] == 'g');
	return 0;
}

/* The same for the values that the user is to set before loading. */
SEC("socket")
int check_changed(struct __sk_buff *skb)
{
	EXPECT(enabled == false);
	EXPECT(tiny == 1);
	EXPECT(negative == 32767);
	EXPECT(target_pid == 0xfffffffe);
	EXPECT(threshold_ns == 0x8000000000000001ULL);
	EXPECT(mode == MODE_ON);
	EXPECT(label[0] == 'c' && label[14] == '!' && label[15] == 0);
	EXPECT(mac[0] == 0xff && mac[5] == 0);
	EXPECT(ports[0] == 1 && ports[1] == 2 && ports[2] == 3 && ports[3] == 4);
	EXPECT(limits.low == 5 && limits.high == 6 && limits.unit[0] == 'u');
	EXPECT(*(volatile __u32 *)&ratio == 0xbf800000); /* -1.0f */
	EXPECT(*(volatile __u64 *)&precise == 0x3fb999999999999aULL); /* 0.1 */
	EXPECT(config_level == 9);
	EXPECT(config_name[0] == 'x');
	EXPECT(counter == 1000);
	EXPECT(balance == -1000);
	EXPECT(greeting[0] == 'H' && greeting[4] == 'O');
	EXPECT(switched == false);
	EXPECT(hidden == 1);
	EXPECT((__u64)(wide >> 64) == 1 && (__u64)wide == 2);
	EXPECT(*(volatile __u32 *)&scale == 0x40400000); /* 3.0f */
	EXPECT(pointer == (void *)0xffff888000000000ULL);
	EXPECT(custom == 5);
	return 0;
}

SEC("socket")
int change(struct __sk_buff *skb)
{
	counter++;
	balance = -balance;
	window.high = -99;
	window.unit[0] = 'h';
	greeting[0] = 'J';
	switched = !switched;
	hidden += 1;
	*(volatile __u32 *)&scale = 0xc0200000; /* -2.5f */
	pointer = (void *)0xdeadbeefULL;
	((volatile __u64 *)&wide)[0] = 7;
	total += skb->len;
	matrix[1][2] = 12;
	matrix[0][1] = 1;
	list.next = (void *)0x1000;
	list.owner = (void *)~0ULL;
	last_mode = MODE_AUTO;
	seen = true;
	last_comm[0] = 'o';
	last_comm[1] = 'k';
	hidden_zero = 65535;
	custom = 0xbadcafe;
	return 0;
}

char LICENSE[] SEC("license") = "Dual MIT/GPL";
