/* SPDX-License-Identifier: MIT */
struct question {
	__u64 number;
};

__u64 both(__u64 number);

/* clang 22 makes a table of a switch from 13 cases on, if no arithmetic could stand for it. */
#define SWITCH(NUMBER, MORE)                                                                       \
	switch (NUMBER) {                                                                          \
	case 1: return bpf_ktime_get_ns() ? MORE + 7 : 0;                                       \
	case 2: return MORE + 3;                                                                   \
	case 3: return bpf_ktime_get_ns() ? MORE + 1 : 0;                                       \
	case 4: return bpf_ktime_get_ns() ? MORE + 9 : 0;                                          \
	case 5: return MORE + 4;                                                                   \
	case 6: return bpf_ktime_get_ns() ? MORE + 2 : 0;                                       \
	case 7: return bpf_ktime_get_ns() ? MORE + 8 : 0;                                          \
	case 8: return MORE + 6;                                                                   \
	case 9: return bpf_ktime_get_ns() ? MORE + 5 : 0;                                       \
	case 10: return bpf_ktime_get_ns() ? MORE + 11 : 0;                                        \
	case 11: return MORE + 13;                                                                 \
	case 12: return bpf_ktime_get_ns() ? MORE + 10 : 0;                                     \
	case 14: return bpf_ktime_get_ns() ? MORE + 12 : 0;                                        \
	default: return MORE;                                                                      \
	}
