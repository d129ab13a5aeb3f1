"""Loaded programs on the real kernel: what they say of themselves, test runs, life and death."""

from __future__ import annotations

import os
import signal
import sys
import time
from pathlib import Path

import pytest

from bpf2py import runtime
from bpf2py.asm import opcodes as op
from bpf2py.runtime.syscalls import obj
from bpf2py.spec import MapRelocation, MapSpec
from bpf2py.uapi import AttachType, MapFlags, MapType, ProgType, XDPAction
from tests.runtime.bpf_code import (
    EXIT,
    NOTHING,
    XDP_PASS,
    add,
    an_object,
    array,
    call,
    code,
    load,
    load_map,
    mov,
    program,
    store_reg,
)

ETHERNET = bytes(range(12)) + b"\x08\x00" + bytes(46)

#: XDP: counts[0] += 1 through the map's address, return XDP_PASS
COUNTING = code(
    load_map(1),
    load(2, 1, 0),
    add(2, 1),
    store_reg(1, 0, 2),
    mov(0, XDPAction.PASS),
    EXIT,
)


def counting_object() -> tuple[MapSpec, object]:
    bss = array(".bss")
    bss.section = ".bss"
    return bss, program(COUNTING, map_relocations=(MapRelocation(0, ".bss", 0),))


def test_a_program_runs_on_a_packet_and_says_what_it_returned() -> None:
    with runtime.load(an_object(program(XDP_PASS))) as loaded:
        result = loaded.programs["prog"].run(ETHERNET)
    assert result.return_value == XDPAction.PASS
    assert result.data == ETHERNET
    assert result.context == b""


def test_a_program_that_grows_the_packet_gives_all_of_it() -> None:
    # bpf_xdp_adjust_head(ctx, -200)
    grow = code(mov(2, -200), call("xdp_adjust_head"), mov(0, XDPAction.PASS), EXIT)
    with runtime.load(an_object(program(grow))) as loaded:
        result = loaded.programs["prog"].run(ETHERNET)
        assert len(result.data) == len(ETHERNET) + 200
        assert result.data.endswith(ETHERNET)
        with pytest.raises(OSError, match="room for what comes back was too small"):
            loaded.programs["prog"].run(ETHERNET, data_out_size=20)


def test_repeated_runs_give_a_mean_time_and_repeat_that_often() -> None:
    bss, prog = counting_object()
    with runtime.load(an_object(bss, prog)) as loaded:  # type: ignore[arg-type]
        result = loaded.programs["prog"].run(ETHERNET, repeat=1000)
        assert result.duration < 1_000_000
        data = loaded.maps[".bss"]
        assert int.from_bytes(data[0], sys.byteorder) == 1000


def test_a_context_goes_in_and_comes_back() -> None:
    # __sk_buff.mark (offset 8) += 1, return mark
    spec = program(
        code(
            load(0, 1, 8, op.W),
            add(0, 1),
            store_reg(1, 8, 0, op.W),
            EXIT,
        ),
        prog_type=ProgType.SCHED_CLS,
        section="tc",
    )
    context = bytearray(192)
    context[8:12] = (41).to_bytes(4, sys.byteorder)
    with runtime.load(an_object(spec)) as loaded:
        result = loaded.programs["prog"].run(ETHERNET, ctx=context)
    assert result.return_value == 42
    assert int.from_bytes(result.context[8:12], sys.byteorder) == 42


def test_input_the_kind_cannot_take_is_explained() -> None:
    with (
        runtime.load(
            an_object(program(NOTHING, prog_type=ProgType.SCHED_CLS, section="tc"))
        ) as loaded,
        pytest.raises(OSError, match="at least the 14 bytes of an Ethernet header"),
    ):
        loaded.programs["prog"].run(b"short")


def test_kinds_that_cannot_be_run_say_so() -> None:
    spec = program(code(mov(0, 0), EXIT), prog_type=ProgType.TRACEPOINT, section="tp")
    with (
        runtime.load(an_object(spec)) as loaded,
        pytest.raises(OSError, match="cannot run programs of this kind by themselves"),
    ):
        loaded.programs["prog"].run()


def test_a_signal_during_repeats_does_not_reach_the_caller() -> None:
    hits: list[int] = []
    before = signal.signal(signal.SIGALRM, lambda number, _: hits.append(number))
    try:
        with runtime.load(an_object(program())) as loaded:
            signal.setitimer(signal.ITIMER_REAL, 0.02)
            deadline = time.monotonic() + 10
            while not hits and time.monotonic() < deadline:
                assert loaded.programs["prog"].run(ETHERNET, repeat=1_000_000).return_value == 2
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
    assert hits == [signal.SIGALRM]


def test_information_is_what_was_loaded() -> None:
    bss, prog = counting_object()
    with runtime.load(an_object(bss, prog)) as loaded:  # type: ignore[arg-type]
        info = loaded.programs["prog"].info()
        assert info.prog_type == ProgType.XDP
        assert info.name == "prog"
        assert len(info.tag) == 16
        assert info.gpl_compatible
        assert info.map_ids == (loaded.maps[".bss"].info().id,)
        assert info.created_by_uid == os.geteuid()
        assert info.id in set(obj.program_ids())
        with obj.program_by_id(info.id) as again:
            assert obj.program_info(again.fileno(), what="again").id == info.id
    with pytest.raises(FileNotFoundError, match=f"program with id {info.id}"):
        obj.program_by_id(info.id)


def test_a_long_or_odd_name_is_made_fit_for_the_kernel() -> None:
    spec = program(name="a_very_long_program_name")
    with runtime.load(an_object(spec)) as loaded:
        assert loaded.programs["a_very_long_program_name"].info().name == "a_very_long_pro"


def test_a_pinned_program_outlives_its_object(bpffs: Path) -> None:
    path = bpffs / "program"
    with runtime.load(an_object(program())) as loaded:
        loaded.programs["prog"].pin(path)
        number = loaded.programs["prog"].info().id
    try:
        with runtime.Program.open_pinned(path) as pinned:
            assert isinstance(pinned, runtime.XDP)
            assert (pinned.name, pinned.info().id) == ("prog", number)
            assert pinned.run(ETHERNET).return_value == XDPAction.PASS
        with runtime.XDP.open_pinned(path) as typed:
            assert typed.info().id == number
        with pytest.raises(ValueError, match="type XDP is no Tracepoint"):
            runtime.Tracepoint.open_pinned(path)
        with pytest.raises(ValueError, match="is a program, not a link"):
            runtime.Link.open_pinned(path)
    finally:
        path.unlink()


def test_what_is_closed_says_so() -> None:
    loaded = runtime.load(an_object(array(), program()))
    prog = loaded.programs["prog"]
    loaded.close()
    loaded.close()
    assert loaded.closed
    for use in (prog.fileno, prog.info, prog.run, loaded.attach):
        with pytest.raises(runtime.ClosedError, match="closed"):
            use()


def test_maps_pinned_by_name_are_found_again(bpffs: Path) -> None:
    counts = array()
    counts.pinning = counts.pinning.BY_NAME
    folder = bpffs / "app"
    try:
        with runtime.load(an_object(counts), pin_path=folder) as first:
            number = first.maps["counts"].info().id
        with runtime.load(an_object(counts), pin_path=str(folder)) as second:
            assert second.maps["counts"].info().id == number
        other = array(value_size=16)
        other.pinning = other.pinning.BY_NAME
        with pytest.raises(ValueError, match="value size 8 instead of 16"):
            runtime.load(an_object(other), pin_path=folder)
    finally:
        (folder / "counts").unlink()
        folder.rmdir()


def test_a_pin_path_that_is_not_on_bpffs_is_refused_and_left_as_it_was(tmp_path: Path) -> None:
    counts = array()
    counts.pinning = counts.pinning.BY_NAME
    with pytest.raises(OSError, match="not on a bpf file system"):
        runtime.load(an_object(counts), pin_path=tmp_path / "nowhere")
    assert list(tmp_path.iterdir()) == []


def test_a_map_can_be_given_instead_of_made() -> None:
    with runtime.load(an_object(array())) as first:
        given = first.maps["counts"]
        with runtime.load(an_object(array(), program()), maps={"counts": given}) as second:
            assert second.maps["counts"].info().id == given.info().id
        assert given.info().name == "counts"  # still open: the second object had its own descriptor
        with pytest.raises(ValueError, match="max_entries 1 instead of 2"):
            runtime.load(an_object(array(max_entries=2)), maps={"counts": given})


def test_rings_and_perf_arrays_get_sizes_the_kernel_takes() -> None:
    ring = MapSpec(name="ring", map_type=MapType.RINGBUF, max_entries=5000)
    perf = MapSpec(name="perf", map_type=MapType.PERF_EVENT_ARRAY, key_size=4, value_size=4)
    with runtime.load(an_object(ring, perf)) as loaded:
        assert loaded._loaded.map("ring").info().max_entries == 8192
        assert loaded._loaded.map("perf").info().max_entries >= (os.cpu_count() or 1)


def test_constants_cannot_be_written_after_loading() -> None:
    rodata = array(".rodata")
    rodata.section = ".rodata"
    rodata.data = bytearray(b"constant")
    rodata.flags = MapFlags.RDONLY_PROG
    with runtime.load(an_object(rodata)) as loaded:
        constants = loaded.maps[".rodata"]
        assert constants[0] == b"constant"
        with pytest.raises(PermissionError, match="frozen"):
            constants[0] = b"changed!"


def test_a_map_of_maps_is_made_from_its_template() -> None:
    outer = MapSpec(
        name="outer",
        map_type=MapType.ARRAY_OF_MAPS,
        key_size=4,
        value_size=4,
        max_entries=2,
        inner=array("", max_entries=3),
    )
    with runtime.load(an_object(outer)) as loaded:
        assert loaded._loaded.map("outer").info().map_type == MapType.ARRAY_OF_MAPS


def test_a_program_may_be_replaced_by_attach_type() -> None:
    spec = program(XDP_PASS, attach_type=AttachType.XDP)
    with runtime.load(an_object(spec)) as loaded:
        assert isinstance(loaded.programs["prog"], runtime.XDP)


def test_two_threads_load_and_run_at_once() -> None:
    import threading

    failures: list[BaseException] = []

    def work() -> None:
        try:
            for _ in range(20):
                with runtime.load(an_object(array(), program())) as loaded:
                    assert loaded.programs["prog"].run(ETHERNET).return_value == 2
        except BaseException as exc:
            failures.append(exc)

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert not failures
