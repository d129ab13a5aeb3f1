"""Objects, their specs, programs and variables, as the checkers see them."""

from __future__ import annotations

from typing import assert_type

from bpf2py import runtime, spec
from bpf2py.runtime import codec
from generated_fixtures.arena_bpf import Arena
from generated_fixtures.arena_bpf import Node as ArenaNode
from generated_fixtures.arguments_bpf import Arguments, Request
from generated_fixtures.globals_bpf import (
    Globals,
    GlobalsBss,
    GlobalsRodata,
    GlobalsSpec,
    Limits,
    Mode,
    Node,
)
from generated_fixtures.kconfig_kinds_bpf import KconfigKindsSpec, LibbpfTristate
from generated_fixtures.program_runs_bpf import ProgramRuns
from generated_fixtures.section_kinds_bpf import SectionKinds
from generated_fixtures.struct_ops_bpf import StructOps


def before_loading() -> None:
    """A spec is to be changed: every variable is typed, and can be set."""
    description = Globals.spec()
    assert_type(description, GlobalsSpec)
    assert_type(description.object_spec, spec.ObjectSpec)
    assert_type(description.rodata.target_pid, int)
    description.rodata.target_pid = 1
    description.rodata.label = "text"
    description.rodata.mac = bytes(6)
    description.rodata.ports = [1, 2, 3, 4]
    description.rodata.limits = Limits(low=1)
    description.rodata.mode = Mode.MODE_ON
    description.rodata.mode = 99
    description.bss.matrix = [[1, 2, 3], [4, 5, 6]]
    description.rodata.target_pid = "1"  # type: ignore[assignment]
    description.rodata.label = b"bytes"  # type: ignore[assignment]
    print(description.rodata.no_such_name)  # type: ignore[attr-defined]
    description.rodata.no_such_name = 1  # type: ignore[attr-defined]
    assert_type(description.programs.change, spec.ProgramSpec)
    print(description.programs.no_such_name)  # type: ignore[attr-defined]
    print(description.maps.no_such_name)  # type: ignore[attr-defined]
    with description.load(pin_path="/sys/fs/bpf") as loaded:
        assert_type(loaded, Globals)


def after_loading(loaded: Globals) -> None:
    """Constants cannot be set any more; other variables can."""
    assert_type(loaded.rodata, GlobalsRodata)
    assert_type(loaded.bss, GlobalsBss)
    assert_type(loaded.rodata.enabled, bool)
    assert_type(loaded.rodata.label, str)
    assert_type(loaded.rodata.mac, bytes)
    assert_type(loaded.rodata.ports, list[int])
    assert_type(loaded.rodata.mode, Mode | int)
    assert_type(loaded.rodata.precise, float)
    assert_type(loaded.rodata.limits, Limits)
    assert_type(loaded.bss.matrix, list[list[int]])
    assert_type(loaded.bss.list, Node)
    assert_type(loaded.data.hidden, int)
    loaded.bss.total = 1
    loaded.rodata.target_pid = 1  # type: ignore[assignment]
    loaded.bss.total = "1"  # type: ignore[assignment]
    loaded.bss.no_such_name = 1  # type: ignore[attr-defined]
    assert_type(loaded.programs.change, runtime.SocketFilter)
    assert_type(loaded.links, runtime.Links)


def programs(loaded: SectionKinds) -> None:
    """Each kind of program has the class whose ``attach`` fits it."""
    with loaded.attach() as links:
        assert_type(links, runtime.Links)
    programs = loaded.programs
    assert_type(programs.on_socket, runtime.SocketFilter)
    assert_type(programs.on_xdp, runtime.XDP)
    assert_type(programs.on_tc, runtime.SchedCLS)
    assert_type(programs.on_tracepoint, runtime.Tracepoint)
    assert_type(programs.on_raw_tp, runtime.RawTracepoint)
    assert_type(programs.on_tp_btf, runtime.BTFTracepoint)
    assert_type(programs.on_syscall, runtime.Syscall[bytes])
    assert_type(programs["on_xdp"], runtime.Program)
    with programs.on_xdp.attach("eth0", mode=runtime.XDPMode.GENERIC) as link:
        assert_type(link.close(), None)
    programs.on_xdp.attach()  # type: ignore[call-arg]
    programs.on_xdp.attach("eth0", mode="generic")  # type: ignore[arg-type]
    programs.on_tp_btf.attach(cookie="1")  # type: ignore[arg-type]
    programs.on_syscall.attach()  # type: ignore[attr-defined]


def runs(loaded: ProgramRuns) -> None:
    """A program that runs by itself takes bytes and gives a result."""
    result = loaded.programs.swaps.run(b"packet", repeat=10)
    assert_type(result, runtime.TestRun)
    assert_type(result.return_value, int)
    assert_type(result.data, bytes)
    assert_type(result.duration, int)
    loaded.programs.swaps.run("packet")  # type: ignore[arg-type]
    result.return_value = 1  # type: ignore[misc]


def before_is_not_after(description: GlobalsSpec, loaded: Globals) -> None:
    """What is described cannot be attached or read, what is loaded cannot be described anew."""
    description.programs.change.autoload = False
    description.attach()  # type: ignore[attr-defined]
    print(description.links)  # type: ignore[attr-defined]
    description.programs.change.run()  # type: ignore[attr-defined]
    loaded.load()  # type: ignore[attr-defined]
    print(loaded.object_spec)  # type: ignore[attr-defined]
    loaded.programs.change.autoload = False  # type: ignore[attr-defined]
    loaded.rodata.limits = Limits()  # type: ignore[assignment]
    loaded.rodata = loaded.rodata
    loaded.bss = description.bss  # type: ignore[assignment]
    GlobalsRodata(description)  # type: ignore[arg-type]


def syscalls(loaded: Arguments) -> None:
    serve = loaded.programs.serve
    assert_type(serve, runtime.Syscall[Request])
    assert_type(serve.call(Request(op=1)).context.result, int)
    assert_type(serve.call().return_value, int)
    number, context = serve.call()
    assert_type(context, Request)
    assert_type(number, int)
    serve.call(b"")  # type: ignore[arg-type]


def untyped_syscalls(loaded: SectionKinds) -> None:
    assert_type(loaded.programs.on_syscall.call(b""), runtime.SyscallResult[bytes])


def struct_ops(loaded: StructOps) -> None:
    """Settings are typed, a function is a program or nothing, and maps can be registered."""
    description = StructOps.spec()
    assert_type(description.struct_ops.by_link.name, str)
    assert_type(description.struct_ops.by_link.flags, int)
    assert_type(description.struct_ops.by_link.init, spec.ProgramSpec | None)
    description.struct_ops.by_link.init = description.programs.other_init
    description.struct_ops.by_link.init = "other_init"
    description.struct_ops.by_link.init = None
    description.struct_ops.by_link.init = 5  # type: ignore[assignment]
    description.struct_ops.by_link.flags = "5"  # type: ignore[assignment]
    print(description.struct_ops.by_link.no_such_member)  # type: ignore[attr-defined]
    print(description.struct_ops.no_such_map)  # type: ignore[attr-defined]
    assert_type(loaded.maps.by_link.attach(), runtime.StructOpsLink)


def arenas(loaded: Arena) -> None:
    """Globals are typed before and after loading; what is read by address has the type asked for."""
    Arena.spec().arena.sum = 5
    Arena.spec().arena.sum = "5"  # type: ignore[assignment]
    assert_type(loaded.arena.first, int)
    assert_type(loaded.arena.nodes, list[ArenaNode])
    assert_type(loaded.maps.shared.read(loaded.arena.first, ArenaNode), ArenaNode)
    assert_type(loaded.maps.shared.read(loaded.arena.first, codec.U64), int)
    print(loaded.arena.no_such_name)  # type: ignore[attr-defined]


def externs(description: KconfigKindsSpec, other: SectionKinds) -> None:
    """Configuration values are there after loading only, and cannot be set."""
    print(description.kconfig)  # type: ignore[attr-defined]
    values: dict[str, bool | int | str] = {"CONFIG_T_U8": 1, "CONFIG_T_BOOL": True}
    with description.load(kconfig=values) as loaded:
        assert_type(loaded.kconfig.CONFIG_T_BOOL, bool)
        assert_type(loaded.kconfig.CONFIG_T_TRISTATE, LibbpfTristate | int)
        assert_type(loaded.kconfig.CONFIG_T_S64, int)
        assert_type(loaded.kconfig.CONFIG_T_TEXT, str)
        loaded.kconfig.CONFIG_T_U8 = 1  # type: ignore[assignment]
    description.load(kconfig="/boot/config").close()
    description.load(kconfig=b"CONFIG_T_U8=1").close()
    description.load(kconfig={"CONFIG_T_U8": 1.5})  # type: ignore[dict-item]
    description.load(targets={"a": next(iter([other.programs["a"]]))}).close()
    description.load(targets={"a": "b"})  # type: ignore[dict-item]
