"""How this kernel was built and set up, where that matters to BPF: options and sysctls.

In: /proc/config.gz or /boot/config-…, /proc/sys.  Out: values as written there.  These are no
answers to "can it?": distributions backport, and what is built in may be forbidden.  The other
probes try.
"""

from __future__ import annotations

#: Options that switch something on which programs, maps or links need, or that limit them.
OPTIONS = (
    "CONFIG_BPF",
    "CONFIG_BPF_SYSCALL",
    "CONFIG_HAVE_EBPF_JIT",
    "CONFIG_BPF_JIT",
    "CONFIG_BPF_JIT_ALWAYS_ON",
    "CONFIG_BPF_JIT_DEFAULT_ON",
    "CONFIG_BPF_UNPRIV_DEFAULT_OFF",
    "CONFIG_DEBUG_INFO_BTF",
    "CONFIG_DEBUG_INFO_BTF_MODULES",
    "CONFIG_KALLSYMS_ALL",
    "CONFIG_IKCONFIG_PROC",
    "CONFIG_CGROUPS",
    "CONFIG_CGROUP_BPF",
    "CONFIG_CGROUP_NET_CLASSID",
    "CONFIG_SOCK_CGROUP_DATA",
    "CONFIG_BPF_EVENTS",
    "CONFIG_KPROBE_EVENTS",
    "CONFIG_UPROBE_EVENTS",
    "CONFIG_TRACING",
    "CONFIG_FTRACE_SYSCALLS",
    "CONFIG_FUNCTION_TRACER",
    "CONFIG_DYNAMIC_FTRACE_WITH_DIRECT_CALLS",
    "CONFIG_FPROBE",
    "CONFIG_FUNCTION_ERROR_INJECTION",
    "CONFIG_BPF_KPROBE_OVERRIDE",
    "CONFIG_BPF_LSM",
    "CONFIG_LSM",
    "CONFIG_SCHED_CLASS_EXT",
    "CONFIG_HID_BPF",
    "CONFIG_NET",
    "CONFIG_XDP_SOCKETS",
    "CONFIG_LWTUNNEL_BPF",
    "CONFIG_NET_ACT_BPF",
    "CONFIG_NET_CLS_BPF",
    "CONFIG_NET_CLS_ACT",
    "CONFIG_NET_SCH_INGRESS",
    "CONFIG_NET_SCH_BPF",
    "CONFIG_NETKIT",
    "CONFIG_XFRM",
    "CONFIG_IP_ROUTE_CLASSID",
    "CONFIG_IPV6_SEG6_BPF",
    "CONFIG_BPF_LIRC_MODE2",
    "CONFIG_BPF_STREAM_PARSER",
    "CONFIG_NETFILTER_BPF_LINK",
    "CONFIG_NETFILTER_XT_MATCH_BPF",
    "CONFIG_BPFILTER",
    "CONFIG_BPFILTER_UMH",
    "CONFIG_TEST_BPF",
    "CONFIG_HZ",
)
#: Settings of a running kernel, by name; where each lies below /proc/sys.
SYSCTLS = {
    "unprivileged_bpf_disabled": "kernel/unprivileged_bpf_disabled",
    "bpf_stats_enabled": "kernel/bpf_stats_enabled",
    "bpf_jit_enable": "net/core/bpf_jit_enable",
    "bpf_jit_harden": "net/core/bpf_jit_harden",
    "bpf_jit_kallsyms": "net/core/bpf_jit_kallsyms",
    "bpf_jit_limit": "net/core/bpf_jit_limit",
}


def kernel_config() -> dict[str, str | None]:
    """Every option of :data:`OPTIONS`: ``y``, ``m``, a number, a text, or ``None`` for not set.

    ``FileNotFoundError`` where neither file is there (in containers, most often),
    ``PermissionError`` where it may not be read.
    """
    from ..externs.kconfig import running_config

    text, _ = running_config()
    lines = (line.partition("=") for line in text.decode("utf-8", "replace").splitlines())
    set_here = {name: value.strip().strip('"') for name, _, value in lines if name[:1] == "C"}
    return {option: set_here.get(option) for option in OPTIONS}


def sysctls() -> dict[str, int | None]:
    """The kernel's settings for BPF; ``None`` for one that it lacks or that this user may not read.

    ``unprivileged_bpf_disabled``: 0 no, 1 until the next start, 2 unless an admin changes it;
    ``bpf_jit_enable``: 0 no, 1 yes, 2 yes and with dumps; ``bpf_jit_harden``: 0 no, 1 for
    unprivileged users, 2 for all; ``bpf_jit_limit`` is in bytes, for unprivileged users.
    """
    found: dict[str, int | None] = {}
    for name, path in SYSCTLS.items():
        try:
            with open(f"/proc/sys/{path}", encoding="ascii") as file:
                found[name] = int(file.read())
        except (OSError, ValueError):
            found[name] = None
    return found
