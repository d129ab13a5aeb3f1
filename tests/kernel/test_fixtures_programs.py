"""What the fixtures' programs do once they are in the kernel: calls, callbacks, test runs, hooks."""

from __future__ import annotations

import errno
import os
import struct

import pytest

from bpf2py import runtime
from bpf2py.uapi import XDPAction
from generated_fixtures.arguments_bpf import Arguments
from generated_fixtures.arguments_bpf import Request as Asked
from generated_fixtures.big_program_bpf import BigProgram
from generated_fixtures.callbacks_bpf import Callbacks, Total
from generated_fixtures.cpu_v4_v4_bpf import CpuV4
from generated_fixtures.many_programs_bpf import ManyPrograms
from generated_fixtures.minimal_bpf import Minimal
from generated_fixtures.names_case_bpf import NamesCase
from generated_fixtures.names_clash_bpf import NamesClash
from generated_fixtures.names_twice_bpf import NamesTwice
from generated_fixtures.no_license_bpf import NoLicense
from generated_fixtures.optional_prog_bpf import OptionalProg
from generated_fixtures.printk_strings_bpf import PrintkStrings
from generated_fixtures.program_runs_bpf import ProgramRuns, ProgramRunsSpec, Request
from generated_fixtures.section_kinds_bpf import SectionKinds
from generated_fixtures.subprogs_bpf import Subprogs
from tests.kernel.abilities import has, requires

PACKET = bytes(64)
#: What socket filters see of PACKET: the Ethernet header is taken off.  tc programs see it all.
SEEN, SEEN_BY_TC = 50, 64

#: x86-64 and everybody else; the programs that count getpgid() are on its tracepoints.
NR_GETPGID = {"x86_64": 121}.get(os.uname().machine, 155)


def returned(program: runtime.Program, packet: bytes = PACKET) -> int:
    return program.run(packet).return_value


def program_runs() -> ProgramRunsSpec:
    spec = ProgramRuns.spec()
    spec.programs.adds.autoload = has("syscall programs (5.14)")
    return spec


def test_the_smallest_object_runs_with_and_without_a_licence() -> None:
    with Minimal.spec().load() as minimal, NoLicense.spec().load() as no_license:
        assert returned(minimal.programs.minimal) == SEEN
        assert returned(no_license.programs.unlicensed) == SEEN + 1
        assert minimal.programs.minimal.info().gpl_compatible
        assert not no_license.programs.unlicensed.info().gpl_compatible


def test_programs_of_one_section_are_kept_apart() -> None:
    with ManyPrograms.spec().load() as loaded:
        programs = loaded.programs
        assert [returned(p) for p in (programs.first, programs.second, programs.third)] == [
            101,
            102,
            103,
        ]
        assert returned(programs.fourth) == XDPAction.PASS
        assert returned(programs.fifth) == XDPAction.DROP
        assert [loaded.maps.runs[slot] for slot in range(4)] == [1, 1, 1, 2]


def test_static_global_and_weak_functions_are_called_and_shared() -> None:
    with Subprogs.spec().load() as loaded:
        assert returned(loaded.programs.calls_nested) == 6 * SEEN + 3
        assert loaded.bss.calls == 100 + 2
        assert returned(loaded.programs.calls_shared_too) == 6 * (SEEN_BY_TC - 7) + 3
        assert loaded.bss.calls == 1000000 + 2 * (100 + 2)
        assert returned(loaded.programs.calls_weak) == (SEEN_BY_TC ^ 0x55) + 1
        assert loaded.bss.calls == 1000000 + 10000 + 2 * (100 + 2) + 1
        assert returned(loaded.programs.calls_nothing) == XDPAction.TX
        counts = {name: loaded.programs[name].info().func_info_count for name in loaded.programs}
        assert counts == {
            "calls_nested": 4,
            "calls_shared_too": 5,
            "calls_weak": 3,
            "calls_nothing": 1,
        }


def test_functions_reach_helpers_by_address() -> None:
    requires("bpf_loop (5.17)")
    with Callbacks.spec().load() as loaded:
        assert returned(loaded.programs.loops) == 10
        assert loaded.bss.loop_total == Total(sum=sum(i * i for i in range(10)), seen=10)
        for index in range(8):
            loaded.maps.numbers[index] = index + 1
        assert returned(loaded.programs.walks) == 8
        wanted = sum((i + 1) ** 2 + i for i in range(8))
        assert loaded.bss.map_total == Total(sum=wanted, seen=8)


def test_instructions_of_cpu_version_4_survive() -> None:
    requires("cpu v4 instructions (6.6)")
    with CpuV4.spec().load() as loaded:
        assert returned(loaded.programs.computes) == 70302 // 7 - 70302 % 7
        swapped = int.from_bytes((0x0102030405060708 + SEEN).to_bytes(8, "little"), "big")
        assert loaded.bss.swapped == swapped
        assert returned(loaded.programs.jumps) == 5
        assert returned(loaded.programs.jumps, bytes(1100)) == 1


def test_thousands_of_instructions_compute_what_they_say() -> None:
    with BigProgram.spec().load() as loaded:
        x = 1
        for n in range(1024):
            x = (x * 31 + n) % 2**64
            x ^= x >> 7
        assert returned(loaded.programs.long_way) == x % 2**32
        assert loaded.data.state == x
        if has("verified instructions in program information (5.16)"):
            assert loaded.programs.long_way.info().verified_insns > 4000


def test_strings_and_tables_that_the_compiler_placed_are_found() -> None:
    requires("bpf_strncmp (5.17)")
    with PrintkStrings.spec().load() as loaded:
        assert returned(loaded.programs.spells) == 1
        assert returned(loaded.programs.looks_up) == 30  # 50 & 7 is 2
        assert returned(loaded.programs.looks_up, bytes(14 + 7)) == 2**32 - 1


def test_one_name_for_several_things_reaches_each_of_them() -> None:
    with NamesClash.spec().load() as loaded:
        assert returned(loaded.programs.event) == 0
        assert loaded.maps.item[1].value == 9
        assert loaded.bss.total.half == 2
        assert loaded.bss.bss == 1
        assert (loaded.data.struct_thing.tag, loaded.data.typedef_thing.alias) == (1, 2)
        assert (loaded.data.rodata.maps, loaded.data.rodata.programs) == (6, 7)
        assert loaded.rodata.maps == 2


def test_names_that_differ_only_in_case_are_different_types() -> None:
    with NamesCase.spec().load() as loaded:
        assert returned(loaded.programs.run) == 1 + 2 + 3 + 4
        kinds = {type(v) for v in (loaded.data.one, loaded.data.two, loaded.data.three)}
        assert len(kinds) == 3


def test_static_variables_inside_functions_are_kept_between_runs() -> None:
    with NamesTwice.spec().load() as loaded:
        assert [returned(loaded.programs.second) for _ in range(3)] == [SEEN, 2 * SEEN, 3 * SEEN]


def test_an_optional_program_is_loaded_when_asked() -> None:
    spec = OptionalProg.spec()
    assert not spec.programs.on_request.autoload
    with spec.load() as loaded, loaded.attach() as links:
        assert list(links) == ["always"]
        assert not loaded.programs.on_request.loaded
        os.getpgid(0)
        assert 1 <= loaded.bss.hits < 1000
    spec.programs.on_request.autoload = True
    with spec.load() as loaded, loaded.attach() as links:
        assert sorted(links) == ["always", "on_request"]
        os.getsid(0)
        assert loaded.bss.hits >= 1000


def test_a_target_that_no_kernel_has_is_named() -> None:
    spec = OptionalProg.spec()
    spec.programs.never.autoload = True
    with pytest.raises(FileNotFoundError, match="bpf2py_no_such_tracepoint"):
        spec.load()


def test_every_spelling_of_a_tracepoint_attaches_and_counts() -> None:
    spec = SectionKinds.spec()
    spec.programs.on_xdp_frags.autoload = has("XDP fragments (5.18)")
    spec.programs.on_syscall.autoload = has("syscall programs (5.14)")
    with spec.load() as loaded:
        with loaded.attach() as links:
            assert sorted(links) == [
                "on_raw_tp",
                "on_raw_tracepoint",
                "on_tp",
                "on_tp_btf",
                "on_tracepoint",
            ]
            for _ in range(5):
                os.getpgid(0)
        counts = loaded.bss
        assert counts.tracepoint_hits >= 5
        assert counts.tp_hits >= 5
        assert counts.raw_tp_hits >= 5
        assert counts.raw_tracepoint_hits >= 5
        assert counts.tp_btf_hits >= 5
        seen = [counts.raw_tp_hits, counts.tp_btf_hits, counts.tracepoint_hits]
        for _ in range(5):
            os.getpgid(0)  # detached: nobody counts
        assert seen == [counts.raw_tp_hits, counts.tp_btf_hits, counts.tracepoint_hits]


def test_packets_come_back_as_the_program_left_them() -> None:
    packet = bytes(range(6)) + bytes(range(10, 16)) + b"\x08\0" + b"payload, and some more"
    with program_runs().load() as loaded:
        swapped = loaded.programs.swaps.run(packet)
        assert swapped.return_value == XDPAction.TX
        assert swapped.data == packet[6:12] + packet[:6] + packet[12:]
        assert loaded.bss.runs == 1
        loaded.programs.swaps.run(packet, repeat=9)
        assert loaded.bss.runs == 10
        shortened = loaded.programs.shortens.run(packet)
        assert shortened.return_value == XDPAction.PASS
        assert shortened.data == packet[4:]
        assert returned(loaded.programs.where, packet) >> 8 == 1  # the loopback interface


def test_contexts_go_in_and_come_back() -> None:
    skb = struct.pack("=IIIIIIIIIIII5I", *([0] * 2), 21, *([0] * 9), 5, *([0] * 4)).ljust(
        192, b"\0"
    )
    with program_runs().load() as loaded:
        run = loaded.programs.marks.run(bytes(14) + b"abc" + bytes(20), ctx=skb)
        assert run.return_value == 0
        assert run.data[14:17] == b"\x5abc"
        mark, priority, cb0 = (struct.unpack_from("=I", run.context, at)[0] for at in (8, 32, 48))
        assert (mark, priority, cb0) == (42, 7, 6)


def test_a_syscall_program_adds_in_its_context() -> None:
    requires("syscall programs (5.14)")
    codec = runtime.codec.of(Request)
    with program_runs().load() as loaded:
        run = loaded.programs.adds.run(ctx=codec.pack(Request(left=2**32 - 1, right=3)))
        assert run.return_value == 0
        assert codec.unpack(run.context) == Request(
            left=2**32 - 1, right=3, sum=2**32 + 2, text="d"
        )


def test_a_syscall_program_is_called_with_its_struct_and_gives_it_back() -> None:
    requires("syscall programs (5.14)")
    request = Request(left=2**32 - 1, right=3)
    with program_runs().load() as loaded:
        given = loaded.programs.adds.call(request)
        assert given.return_value == 0
        assert given.context == Request(left=2**32 - 1, right=3, sum=2**32 + 2, text="d")
        assert request == Request(left=2**32 - 1, right=3), "what was given stays as it was"
        assert loaded.programs.adds.call() == (1, Request(text="d"))


def test_a_syscall_program_without_a_module_is_called_with_bytes() -> None:
    requires("syscall programs (5.14)")
    with runtime.load(program_runs().object_spec) as loaded:
        adds = loaded.programs["adds"]
        assert isinstance(adds, runtime.Syscall)
        data = struct.pack("=IIQ8s", 1, 2, 0, b"")
        assert adds.call(data) == (0, struct.pack("=IIQ8s", 1, 2, 3, b"d"))
        with pytest.raises(OSError, match="adds") as caught:
            adds.call(data[:8])
        assert caught.value.errno == errno.EINVAL


def test_a_syscall_program_returns_its_int_and_reads_bits_and_unions() -> None:
    requires("syscall programs (5.14)")
    spec = Arguments.spec()
    spec.programs.exits.autoload = False
    with spec.load() as loaded:
        serve = loaded.programs.serve
        asked = Asked(op=1)
        asked.number = 21
        given = serve.call(asked)
        assert (given.return_value, given.context.result) == (5, 42)
        given = serve.call(Asked(op=2, urgent=1))
        assert (given.return_value, given.context.result) == (-5, -1)


def test_raw_tracepoint_arguments_are_handed_over() -> None:
    with program_runs().load() as loaded:
        loaded.programs.raw_args.run(ctx=struct.pack("=QQ", 2**40, 7))
        assert loaded.bss.raw_sum == 2**40 + 7
