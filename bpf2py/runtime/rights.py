"""Which capabilities a process needs to load an object, told before it is loaded.

In: an object's description.  Out: capabilities and what asks for them.  Follows bpf_prog_load(),
map_create() and bpf_base_func_proto() of the kernel (5.8, before which CAP_SYS_ADMIN is needed).
Not here: what attaching takes, and why the kernel refused (privileges.py).
"""

from __future__ import annotations

from ..asm import patch
from ..asm.opcodes import CALL_INSN
from ..light import TYPE_CHECKING
from ..spec import MapSpec, ObjectSpec, ProgramSpec
from ..uapi import HELPER_NAMES, MapType, ProgType
from .privileges import needed_capabilities

if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any

    from .typed_spec import TypedSpec

_ORDER = ("CAP_BPF", "CAP_NET_ADMIN", "CAP_PERFMON")

#: Maps of network devices and sockets.
_NETWORK_MAPS = frozenset(
    (MapType.SOCKMAP, MapType.SOCKHASH, MapType.DEVMAP, MapType.DEVMAP_HASH, MapType.XSKMAP)
)
#: Helpers that programs of all types may call, if who loads them may look into the kernel.
LOOKING_HELPERS = frozenset(
    (
        "trace_printk",
        "trace_vprintk",
        "snprintf",
        "snprintf_btf",
        "get_current_task",
        "get_current_task_btf",
        "task_pt_regs",
        "get_task_stack",
        "find_vma",
        "probe_read_user",
        "probe_read_user_str",
        "probe_read_kernel",
        "probe_read_kernel_str",
        "copy_from_user",
        "copy_from_user_task",
        "perf_event_read",
        "perf_event_read_value",
        "get_branch_snapshot",
        "send_signal",
        "send_signal_thread",
        "skc_to_tcp_sock",
        "skc_to_tcp6_sock",
        "skc_to_tcp_timewait_sock",
        "skc_to_tcp_request_sock",
        "skc_to_udp6_sock",
        "skc_to_unix_sock",
        "skc_to_mptcp_sock",
    )
)


def load_rights(spec: ObjectSpec | TypedSpec[Any]) -> dict[str, list[str]]:
    """The capabilities that loading *spec* takes, each with the sentences why; CAP_SYS_ADMIN
    stands for all of them.

    What is switched off does not count.  It is what the kernel surely asks for.  The verifier may
    want CAP_PERFMON for what only it can see: pointers that reach user space, members of the
    kernel's structs, arithmetic that a processor could speculate about ("prohibited for !root").
    Functions, variables and struct_ops of modules take CAP_SYS_ADMIN, and addresses (``extern
    const void``) CAP_SYSLOG where ``kernel.kptr_restrict`` hides them.  With
    ``kernel.unprivileged_bpf_disabled`` at 0, simple maps and socket filters need nothing.
    """
    described = spec if isinstance(spec, ObjectSpec) else spec.object_spec
    found: dict[str, list[str]] = {}
    if described.btf:
        found["CAP_BPF"] = ["the object has BTF"]
    for program in described.programs.values():
        if program.autoload:
            for capability, why in _of_program(program, described):
                found.setdefault(capability, []).append(why)
    for each in described.maps.values():
        if each.autocreate:
            for capability in _of_map(each):
                why = f"map {each.name!r} ({_name(each.map_type)})"
                found.setdefault(capability, []).append(why)
    return {name: found[name] for name in _ORDER if name in found}


def _of_program(program: ProgramSpec, spec: ObjectSpec) -> Iterator[tuple[str, str]]:
    needed = needed_capabilities(program.prog_type)
    for capability in needed:
        yield capability, f"program {program.name!r} ({_name(program.prog_type)})"
    if "CAP_PERFMON" in needed:
        return
    insns, order = program.insns, spec.byte_order
    called = {
        patch.get_imm(insns, insn, order)
        for insn in patch.find_opcode(insns, CALL_INSN)
        if not patch.get_src(insns, insn, order)
    }
    for number in sorted(called):
        name = HELPER_NAMES[number] if 0 <= number < len(HELPER_NAMES) else ""
        if name in LOOKING_HELPERS:
            yield "CAP_PERFMON", f"program {program.name!r} calls bpf_{name}()"


def _of_map(spec: MapSpec) -> tuple[str, ...]:
    if spec.map_type == MapType.ARENA:
        return "CAP_BPF", "CAP_PERFMON"  # asked for when a program uses it
    return ("CAP_BPF", "CAP_NET_ADMIN") if spec.map_type in _NETWORK_MAPS else ("CAP_BPF",)


def _name(kind: ProgType | MapType | int) -> str:
    return kind.name if isinstance(kind, (ProgType, MapType)) and kind.name else str(int(kind))
