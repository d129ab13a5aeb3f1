"""What a section's name says about the programs in it: the table behind ``SEC("…")``.

In: a section name.  Out: its :class:`SectionDef`, or ``None`` when the name says nothing.  Not
here: attaching.  The rows and their order are those of ``section_defs`` in libbpf; the first row
that matches wins.
"""

from __future__ import annotations

import enum
from collections.abc import Iterable, Mapping

from ..records import dataclass, replace
from ..uapi import AttachType as _A
from ..uapi import ProgFlags
from ..uapi import ProgType as _P
from .errors import ObjectError


class SectionFlags(enum.IntFlag):
    """What else a section's name asks for."""

    #: Load with BPF_F_SLEEPABLE.
    SLEEPABLE = 1
    #: Load with BPF_F_XDP_HAS_FRAGS: the program copes with packets in several buffers.
    FRAGS = 2
    #: Loading needs a target in the kernel's (or another program's) BTF.
    BTF_TARGET = 4
    #: The attach type is enough for BPF_PROG_ATTACH.
    ATTACHABLE = 8
    #: Kernels before 4.17 do not know the expected attach type; leave it out there.
    ATTACHABLE_OPT = 16 | ATTACHABLE
    #: The expected attach type becomes TRACE_UPROBE_MULTI where the kernel has that.
    USDT = 32
    #: The name says where to attach to: nothing else is needed.
    AUTO = 64


SLEEPABLE, FRAGS, BTF_TARGET = SectionFlags.SLEEPABLE, SectionFlags.FRAGS, SectionFlags.BTF_TARGET
ATTACHABLE, ATTACHABLE_OPT = SectionFlags.ATTACHABLE, SectionFlags.ATTACHABLE_OPT
USDT, AUTO = SectionFlags.USDT, SectionFlags.AUTO
_NO_FLAGS = SectionFlags(0)


@dataclass(slots=True, frozen=True)
class SectionDef:
    """One row.  A pattern ending in ``+`` is the name alone, or the name, a slash, and a target.

    ``replace(section_def("kprobe"), pattern="my_trace+")`` is a row for one's own name.
    """

    pattern: str
    prog_type: _P
    attach_type: _A | None = None
    flags: SectionFlags = _NO_FLAGS

    @property
    def name(self) -> str:
        """The name without a target: ``tracepoint``."""
        return self.pattern.removesuffix("+")

    @property
    def prog_flags(self) -> ProgFlags:
        """The flags of BPF_PROG_LOAD that the name stands for."""
        flags = ProgFlags(0)
        if self.flags & SLEEPABLE:
            flags |= ProgFlags.SLEEPABLE
        if self.flags & FRAGS:
            flags |= ProgFlags.XDP_HAS_FRAGS
        return flags

    @property
    def auto_attach(self) -> bool:
        """Whether a program of this section can be attached knowing no more than its section."""
        return bool(self.flags & AUTO)

    def matches(self, section: str) -> bool:
        if not self.pattern.endswith("+"):
            return section == self.pattern
        return section == self.name or section.startswith(self.name + "/")

    def target(self, section: str) -> str:
        """What follows the name and a slash: ``syscalls/sys_enter_openat``; empty if nothing."""
        return section[len(self.name) + 1 :] if self.matches(section) else ""


_row = SectionDef

SECTION_DEFS: tuple[SectionDef, ...] = (
    _row("socket", _P.SOCKET_FILTER),
    _row("sk_reuseport/migrate", _P.SK_REUSEPORT, _A.SK_REUSEPORT_SELECT_OR_MIGRATE, ATTACHABLE),
    _row("sk_reuseport", _P.SK_REUSEPORT, _A.SK_REUSEPORT_SELECT, ATTACHABLE),
    _row("kprobe+", _P.KPROBE, None, AUTO),
    _row("uprobe+", _P.KPROBE, None, AUTO),
    _row("uprobe.s+", _P.KPROBE, None, SLEEPABLE | AUTO),
    _row("kretprobe+", _P.KPROBE, None, AUTO),
    _row("uretprobe+", _P.KPROBE, None, AUTO),
    _row("uretprobe.s+", _P.KPROBE, None, SLEEPABLE | AUTO),
    _row("kprobe.multi+", _P.KPROBE, _A.TRACE_KPROBE_MULTI, AUTO),
    _row("kretprobe.multi+", _P.KPROBE, _A.TRACE_KPROBE_MULTI, AUTO),
    _row("kprobe.session+", _P.KPROBE, _A.TRACE_KPROBE_SESSION, AUTO),
    _row("uprobe.multi+", _P.KPROBE, _A.TRACE_UPROBE_MULTI, AUTO),
    _row("uretprobe.multi+", _P.KPROBE, _A.TRACE_UPROBE_MULTI, AUTO),
    _row("uprobe.session+", _P.KPROBE, _A.TRACE_UPROBE_SESSION, AUTO),
    _row("uprobe.multi.s+", _P.KPROBE, _A.TRACE_UPROBE_MULTI, SLEEPABLE | AUTO),
    _row("uretprobe.multi.s+", _P.KPROBE, _A.TRACE_UPROBE_MULTI, SLEEPABLE | AUTO),
    _row("uprobe.session.s+", _P.KPROBE, _A.TRACE_UPROBE_SESSION, SLEEPABLE | AUTO),
    _row("ksyscall+", _P.KPROBE, None, AUTO),
    _row("kretsyscall+", _P.KPROBE, None, AUTO),
    _row("usdt+", _P.KPROBE, None, USDT | AUTO),
    _row("usdt.s+", _P.KPROBE, None, SLEEPABLE | USDT | AUTO),
    _row("tc/ingress", _P.SCHED_CLS, _A.TCX_INGRESS),
    _row("tc/egress", _P.SCHED_CLS, _A.TCX_EGRESS),
    _row("tcx/ingress", _P.SCHED_CLS, _A.TCX_INGRESS),
    _row("tcx/egress", _P.SCHED_CLS, _A.TCX_EGRESS),
    _row("tc", _P.SCHED_CLS),
    _row("classifier", _P.SCHED_CLS),
    _row("action", _P.SCHED_ACT),
    _row("netkit/primary", _P.SCHED_CLS, _A.NETKIT_PRIMARY),
    _row("netkit/peer", _P.SCHED_CLS, _A.NETKIT_PEER),
    _row("tracepoint+", _P.TRACEPOINT, None, AUTO),
    _row("tp+", _P.TRACEPOINT, None, AUTO),
    _row("tracepoint.s+", _P.TRACEPOINT, None, SLEEPABLE | AUTO),
    _row("tp.s+", _P.TRACEPOINT, None, SLEEPABLE | AUTO),
    _row("raw_tracepoint+", _P.RAW_TRACEPOINT, None, AUTO),
    _row("raw_tp+", _P.RAW_TRACEPOINT, None, AUTO),
    _row("raw_tracepoint.s+", _P.RAW_TRACEPOINT, None, SLEEPABLE | AUTO),
    _row("raw_tp.s+", _P.RAW_TRACEPOINT, None, SLEEPABLE | AUTO),
    _row("raw_tracepoint.w+", _P.RAW_TRACEPOINT_WRITABLE, None, AUTO),
    _row("raw_tp.w+", _P.RAW_TRACEPOINT_WRITABLE, None, AUTO),
    _row("tp_btf+", _P.TRACING, _A.TRACE_RAW_TP, BTF_TARGET | AUTO),
    _row("tp_btf.s+", _P.TRACING, _A.TRACE_RAW_TP, SLEEPABLE | BTF_TARGET | AUTO),
    _row("fentry+", _P.TRACING, _A.TRACE_FENTRY, BTF_TARGET | AUTO),
    _row("fmod_ret+", _P.TRACING, _A.MODIFY_RETURN, BTF_TARGET | AUTO),
    _row("fexit+", _P.TRACING, _A.TRACE_FEXIT, BTF_TARGET | AUTO),
    _row("fentry.s+", _P.TRACING, _A.TRACE_FENTRY, SLEEPABLE | BTF_TARGET | AUTO),
    _row("fmod_ret.s+", _P.TRACING, _A.MODIFY_RETURN, SLEEPABLE | BTF_TARGET | AUTO),
    _row("fexit.s+", _P.TRACING, _A.TRACE_FEXIT, SLEEPABLE | BTF_TARGET | AUTO),
    _row("fsession+", _P.TRACING, _A.TRACE_FSESSION, BTF_TARGET | AUTO),
    _row("fsession.s+", _P.TRACING, _A.TRACE_FSESSION, SLEEPABLE | BTF_TARGET | AUTO),
    _row("fsession.multi+", _P.TRACING, _A.TRACE_FSESSION_MULTI, AUTO),
    _row("fsession.multi.s+", _P.TRACING, _A.TRACE_FSESSION_MULTI, SLEEPABLE | AUTO),
    _row("fentry.multi+", _P.TRACING, _A.TRACE_FENTRY_MULTI, AUTO),
    _row("fexit.multi+", _P.TRACING, _A.TRACE_FEXIT_MULTI, AUTO),
    _row("fentry.multi.s+", _P.TRACING, _A.TRACE_FENTRY_MULTI, SLEEPABLE | AUTO),
    _row("fexit.multi.s+", _P.TRACING, _A.TRACE_FEXIT_MULTI, SLEEPABLE | AUTO),
    _row("freplace+", _P.EXT, None, BTF_TARGET | AUTO),
    _row("lsm+", _P.LSM, _A.LSM_MAC, BTF_TARGET | AUTO),
    _row("lsm.s+", _P.LSM, _A.LSM_MAC, SLEEPABLE | BTF_TARGET | AUTO),
    _row("lsm_cgroup+", _P.LSM, _A.LSM_CGROUP, BTF_TARGET),
    _row("iter+", _P.TRACING, _A.TRACE_ITER, BTF_TARGET | AUTO),
    _row("iter.s+", _P.TRACING, _A.TRACE_ITER, SLEEPABLE | BTF_TARGET | AUTO),
    _row("syscall", _P.SYSCALL, None, SLEEPABLE),
    _row("xdp.frags/devmap", _P.XDP, _A.XDP_DEVMAP, FRAGS),
    _row("xdp/devmap", _P.XDP, _A.XDP_DEVMAP, ATTACHABLE),
    _row("xdp.frags/cpumap", _P.XDP, _A.XDP_CPUMAP, FRAGS),
    _row("xdp/cpumap", _P.XDP, _A.XDP_CPUMAP, ATTACHABLE),
    _row("xdp.frags", _P.XDP, _A.XDP, FRAGS),
    _row("xdp", _P.XDP, _A.XDP, ATTACHABLE_OPT),
    _row("perf_event", _P.PERF_EVENT),
    _row("lwt_in", _P.LWT_IN),
    _row("lwt_out", _P.LWT_OUT),
    _row("lwt_xmit", _P.LWT_XMIT),
    _row("lwt_seg6local", _P.LWT_SEG6LOCAL),
    _row("sockops", _P.SOCK_OPS, _A.CGROUP_SOCK_OPS, ATTACHABLE_OPT),
    _row("sk_skb/stream_parser", _P.SK_SKB, _A.SK_SKB_STREAM_PARSER, ATTACHABLE_OPT),
    _row("sk_skb/stream_verdict", _P.SK_SKB, _A.SK_SKB_STREAM_VERDICT, ATTACHABLE_OPT),
    _row("sk_skb/verdict", _P.SK_SKB, _A.SK_SKB_VERDICT, ATTACHABLE_OPT),
    _row("sk_skb", _P.SK_SKB),
    _row("sk_msg", _P.SK_MSG, _A.SK_MSG_VERDICT, ATTACHABLE_OPT),
    _row("lirc_mode2", _P.LIRC_MODE2, _A.LIRC_MODE2, ATTACHABLE_OPT),
    _row("flow_dissector", _P.FLOW_DISSECTOR, _A.FLOW_DISSECTOR, ATTACHABLE_OPT),
    _row("cgroup_skb/ingress", _P.CGROUP_SKB, _A.CGROUP_INET_INGRESS, ATTACHABLE_OPT),
    _row("cgroup_skb/egress", _P.CGROUP_SKB, _A.CGROUP_INET_EGRESS, ATTACHABLE_OPT),
    _row("cgroup/skb", _P.CGROUP_SKB),
    _row("cgroup/sock_create", _P.CGROUP_SOCK, _A.CGROUP_INET_SOCK_CREATE, ATTACHABLE),
    _row("cgroup/sock_release", _P.CGROUP_SOCK, _A.CGROUP_INET_SOCK_RELEASE, ATTACHABLE),
    _row("cgroup/sock", _P.CGROUP_SOCK, _A.CGROUP_INET_SOCK_CREATE, ATTACHABLE_OPT),
    _row("cgroup/post_bind4", _P.CGROUP_SOCK, _A.CGROUP_INET4_POST_BIND, ATTACHABLE),
    _row("cgroup/post_bind6", _P.CGROUP_SOCK, _A.CGROUP_INET6_POST_BIND, ATTACHABLE),
    _row("cgroup/bind4", _P.CGROUP_SOCK_ADDR, _A.CGROUP_INET4_BIND, ATTACHABLE),
    _row("cgroup/bind6", _P.CGROUP_SOCK_ADDR, _A.CGROUP_INET6_BIND, ATTACHABLE),
    _row("cgroup/connect4", _P.CGROUP_SOCK_ADDR, _A.CGROUP_INET4_CONNECT, ATTACHABLE),
    _row("cgroup/connect6", _P.CGROUP_SOCK_ADDR, _A.CGROUP_INET6_CONNECT, ATTACHABLE),
    _row("cgroup/connect_unix", _P.CGROUP_SOCK_ADDR, _A.CGROUP_UNIX_CONNECT, ATTACHABLE),
    _row("cgroup/sendmsg4", _P.CGROUP_SOCK_ADDR, _A.CGROUP_UDP4_SENDMSG, ATTACHABLE),
    _row("cgroup/sendmsg6", _P.CGROUP_SOCK_ADDR, _A.CGROUP_UDP6_SENDMSG, ATTACHABLE),
    _row("cgroup/sendmsg_unix", _P.CGROUP_SOCK_ADDR, _A.CGROUP_UNIX_SENDMSG, ATTACHABLE),
    _row("cgroup/recvmsg4", _P.CGROUP_SOCK_ADDR, _A.CGROUP_UDP4_RECVMSG, ATTACHABLE),
    _row("cgroup/recvmsg6", _P.CGROUP_SOCK_ADDR, _A.CGROUP_UDP6_RECVMSG, ATTACHABLE),
    _row("cgroup/recvmsg_unix", _P.CGROUP_SOCK_ADDR, _A.CGROUP_UNIX_RECVMSG, ATTACHABLE),
    _row("cgroup/getpeername4", _P.CGROUP_SOCK_ADDR, _A.CGROUP_INET4_GETPEERNAME, ATTACHABLE),
    _row("cgroup/getpeername6", _P.CGROUP_SOCK_ADDR, _A.CGROUP_INET6_GETPEERNAME, ATTACHABLE),
    _row("cgroup/getpeername_unix", _P.CGROUP_SOCK_ADDR, _A.CGROUP_UNIX_GETPEERNAME, ATTACHABLE),
    _row("cgroup/getsockname4", _P.CGROUP_SOCK_ADDR, _A.CGROUP_INET4_GETSOCKNAME, ATTACHABLE),
    _row("cgroup/getsockname6", _P.CGROUP_SOCK_ADDR, _A.CGROUP_INET6_GETSOCKNAME, ATTACHABLE),
    _row("cgroup/getsockname_unix", _P.CGROUP_SOCK_ADDR, _A.CGROUP_UNIX_GETSOCKNAME, ATTACHABLE),
    _row("cgroup/sysctl", _P.CGROUP_SYSCTL, _A.CGROUP_SYSCTL, ATTACHABLE),
    _row("cgroup/getsockopt", _P.CGROUP_SOCKOPT, _A.CGROUP_GETSOCKOPT, ATTACHABLE),
    _row("cgroup/setsockopt", _P.CGROUP_SOCKOPT, _A.CGROUP_SETSOCKOPT, ATTACHABLE),
    _row("cgroup/dev", _P.CGROUP_DEVICE, _A.CGROUP_DEVICE, ATTACHABLE_OPT),
    _row("struct_ops+", _P.STRUCT_OPS),
    _row("struct_ops.s+", _P.STRUCT_OPS, None, SLEEPABLE),
    _row("sk_lookup", _P.SK_LOOKUP, _A.SK_LOOKUP, ATTACHABLE),
    _row("netfilter", _P.NETFILTER, _A.NETFILTER),
)


def section_def(section: str, more: Iterable[SectionDef] = ()) -> SectionDef | None:
    """The row for *section* (without the ``?`` that switches autoload off), or ``None``.

    Rows of *more* go before the table's, for names of one's own.

    An unknown name is no fault of the object: libbpf reads such programs too, with the type left
    open, and the user sets ``prog_type`` before loading.
    """
    return next((row for row in (*more, *SECTION_DEFS) if row.matches(section)), None)


def own_sections(names: Mapping[str, str]) -> tuple[SectionDef, ...]:
    """Rows for section names of one's own, by the name in the table that they stand for.

    ``{"my_probe": "kprobe"}``: as that one, a target may follow; ``{"my_filter/": "xdp"}``: also
    where the table's name has none.  Raises :class:`ObjectError` for a name that is not there.
    """
    rows = {row.name: row for row in SECTION_DEFS}
    found: list[SectionDef] = []
    for own, known in names.items():
        row = rows.get(known)
        name = own.removesuffix("/")
        if row is None or not name:
            import difflib

            close = difflib.get_close_matches(known, rows, 1) if name else ()
            meant = f" (did you mean {close[0]!r}?)" if close else ""
            raise ObjectError(
                f"section {own!r} cannot be as {known!r}, which is not the beginning of a section "
                f"name that libbpf knows{meant}"
                if name
                else f"a section without a name cannot be as {known!r}"
            )
        more = row.pattern.endswith("+") or own.endswith("/")
        found.append(replace(row, pattern=f"{name}+" if more else name))
    return tuple(found)
