"""Arguments marked as the program's context, for kernels before 6.8: by their type, not by the tag.

In: an object's BTF, and the type and func_info of its programs.  Out: BTF with a second version of
each function that has such an argument, and func_info that points to it.  Those kernels tell the
context of a function that is verified on its own by the type of its argument alone, and one object
may have programs of several types.  Not here: asking the kernel whether it knows the tag.

Follows bpf_program_fixup_func_info() of libbpf; what is appended, and in which order, too.
"""

from __future__ import annotations

import struct

from ..light import Iterable, Mapping, NamedTuple
from ..uapi import BTFKind, ProgType
from .append import Appender
from .decode import decode
from .header import PREFIX
from .table import TypeTable
from .types import DeclTag, Func, FuncProto, Int, Ptr, Struct, Void

TAG = "arg:ctx"
_GLOBAL = 1
_RECORD = 8

#: What the verifier calls the context of a program type; the others' contexts have no name.
CONTEXTS: dict[int, str] = {
    ProgType.CGROUP_DEVICE: "bpf_cgroup_dev_ctx",
    ProgType.CGROUP_SKB: "__sk_buff",
    ProgType.CGROUP_SOCK: "bpf_sock",
    ProgType.CGROUP_SOCK_ADDR: "bpf_sock_addr",
    ProgType.CGROUP_SOCKOPT: "bpf_sockopt",
    ProgType.CGROUP_SYSCTL: "bpf_sysctl",
    ProgType.FLOW_DISSECTOR: "__sk_buff",
    ProgType.KPROBE: "bpf_user_pt_regs_t",
    ProgType.LWT_IN: "__sk_buff",
    ProgType.LWT_OUT: "__sk_buff",
    ProgType.LWT_SEG6LOCAL: "__sk_buff",
    ProgType.LWT_XMIT: "__sk_buff",
    ProgType.NETFILTER: "bpf_nf_ctx",
    ProgType.PERF_EVENT: "bpf_perf_event_data",
    ProgType.RAW_TRACEPOINT: "bpf_raw_tracepoint_args",
    ProgType.RAW_TRACEPOINT_WRITABLE: "bpf_raw_tracepoint_args",
    ProgType.SCHED_ACT: "__sk_buff",
    ProgType.SCHED_CLS: "__sk_buff",
    ProgType.SK_LOOKUP: "bpf_sk_lookup",
    ProgType.SK_MSG: "sk_msg_md",
    ProgType.SK_REUSEPORT: "sk_reuseport_md",
    ProgType.SK_SKB: "__sk_buff",
    ProgType.SOCK_OPS: "bpf_sock_ops",
    ProgType.SOCKET_FILTER: "__sk_buff",
    ProgType.XDP: "xdp_md",
}
#: What ``bpf_user_pt_regs_t`` is, by machine, and what C may say for it.
_REGISTERS = ("pt_regs", "user_pt_regs", "user_regs_struct")
_WITH_REGISTERS = (ProgType.KPROBE, ProgType.PERF_EVENT)
_RAW = (ProgType.RAW_TRACEPOINT, ProgType.RAW_TRACEPOINT_WRITABLE)


class Tagged(NamedTuple):
    """A program: its type, and its func_info (records of 8 bytes)."""

    prog_type: int
    func_info: bytes


def retyped(btf: bytes, programs: Mapping[str, Tagged]) -> tuple[bytes, dict[str, bytes]]:
    """*btf* and each program's func_info, with arguments retyped.

    Raises BTFError for BTF that cannot be decoded.
    """
    table = decode(btf)
    tags = [(i, t) for i in table if isinstance(t := table[i], DeclTag) and t.name == TAG]
    more = Appender(btf, len(table))
    done: dict[str, bytes] = {}
    for name, program in programs.items():
        context = CONTEXTS.get(program.prog_type)
        done[name] = program.func_info
        if context is not None and program.func_info:
            done[name] = _Program(table, more, program, context).retype(t for _, t in tags)
    return (more.build() if more.changed else btf), done


class _Program:
    """The functions of one program, as they get their second version."""

    def __init__(self, table: TypeTable, more: Appender, program: Tagged, context: str) -> None:
        self._table = table
        self._more = more
        self._type = program.prog_type
        self._context = context
        self._layout = struct.Struct(PREFIX[table.byte_order] + "II")
        self._records = list(self._layout.iter_unpack(program.func_info))
        self._pointer = 0

    def retype(self, tags: Iterable[DeclTag]) -> bytes:
        table, more = self._table, self._more
        places = {type_id: at for at, (_, type_id) in reversed([*enumerate(self._records)])}
        for tag in tags:
            function = table[tag.target]
            if not isinstance(function, Func) or function.linkage != _GLOBAL:
                continue
            proto = table[function.target]
            at = places.get(tag.target)
            if at is None or not isinstance(proto, FuncProto):
                continue
            if not 0 <= tag.component < len(proto.params):
                continue
            if not self._needs(proto.params[tag.component].target):
                continue
            insn, known = self._records[at]
            if known == tag.target:
                known = self._clone(tag.target)
                self._records[at] = insn, known
            if not self._pointer:
                name = more.string(self._context)
                struct_id = more.add(name, BTFKind.STRUCT << 24, 0)
                self._pointer = more.add(0, BTFKind.PTR << 24, struct_id)
            more.add(more.string(TAG), BTFKind.DECL_TAG << 24, known, tag.component)
            # The clone's prototype stands right before it.
            more.set_param(known - 1, tag.component, self._pointer)
        return b"".join(self._layout.pack(*record) for record in self._records)

    def _clone(self, function_id: int) -> int:
        table, more = self._table, self._more
        proto_id = table.size_or_target(function_id)
        proto = table[proto_id]
        assert isinstance(proto, FuncProto)
        params = [
            word for param in proto.params for word in (more.string(param.name), param.target)
        ]
        vlen = len(proto.params)
        clone = more.add(0, BTFKind.FUNC_PROTO << 24 | vlen, proto.target, *params)
        return more.add(table.name_offset(function_id), BTFKind.FUNC << 24 | _GLOBAL, clone)

    def _needs(self, type_id: int) -> bool:
        """Whether an argument of that type is a context in another guise."""
        table = self._table
        pointer = table[table.resolve(type_id)]
        if not isinstance(pointer, Ptr):
            return False
        target = table[table.resolve(pointer.target)]
        if isinstance(target, Void):
            return True
        if isinstance(target, Struct):
            return target.name in _REGISTERS and self._type in _WITH_REGISTERS
        return isinstance(target, Int) and target.size == 8 and self._type in _RAW
