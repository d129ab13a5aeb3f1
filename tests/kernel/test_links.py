"""Attaching on the real kernel, each kind by what its program then counts."""

from __future__ import annotations

import gc
import os
import socket
import sys
import time
import warnings
from pathlib import Path

import pytest

from bpf2py import runtime
from bpf2py.runtime.syscalls import obj
from bpf2py.spec import MapRelocation, MapSpec, ObjectSpec, ProgramSpec
from bpf2py.uapi import AttachType, LinkType, MapType, ProgType, XDPAction
from tests.kernel.conftest import missing
from tests.runtime.bpf_code import (
    EXIT,
    add,
    an_object,
    code,
    load,
    load_map,
    mov,
    program,
    store_reg,
)


def counter(
    prog_type: ProgType,
    section: str,
    attach_to: str = "",
    *,
    attach_type: AttachType | None = None,
    returns: int = 0,
    name: str = "count",
) -> tuple[MapSpec, ProgramSpec]:
    """A program that adds one to ``.bss`` each time it runs."""
    bss = MapSpec(
        name=".bss",
        map_type=MapType.ARRAY,
        key_size=4,
        value_size=8,
        max_entries=1,
        section=".bss",
    )
    insns = code(load_map(1), load(2, 1, 0), add(2, 1), store_reg(1, 0, 2), mov(0, returns), EXIT)
    return bss, program(
        insns,
        name=name,
        prog_type=prog_type,
        section=section,
        attach_to=attach_to,
        attach_type=attach_type,
        map_relocations=(MapRelocation(0, ".bss", 0),),
    )


def count(loaded: runtime.DynamicObject) -> int:
    return int.from_bytes(loaded.maps[".bss"][0], sys.byteorder)


def settles(loaded: runtime.DynamicObject, at_least: int) -> bool:
    """Wait, with a deadline, until the program ran *at_least* that often."""
    deadline = time.monotonic() + 5
    while count(loaded) < at_least:
        if time.monotonic() > deadline:
            return False
        time.sleep(0.001)
    return True


def call_getpgid(times: int) -> None:
    for _ in range(times):
        os.getpgid(0)


TRACEPOINT = (ProgType.TRACEPOINT, "tp/syscalls/sys_enter_getpgid", "syscalls/sys_enter_getpgid")


@pytest.mark.usefixtures("tracefs")
def test_a_tracepoint_program_runs_while_it_is_attached() -> None:
    with runtime.load(an_object(*counter(*TRACEPOINT))) as loaded:
        with loaded.attach() as links:
            assert list(links) == ["count"]
            before = count(loaded)
            call_getpgid(100)
            assert count(loaded) >= before + 100
            info = links["count"].info()
            assert info.link_type == LinkType.PERF_EVENT
            assert info.prog_id == loaded.programs["count"].info().id
        after = count(loaded)
        call_getpgid(100)
        assert count(loaded) == after
        assert not loaded.links


@pytest.mark.usefixtures("tracefs")
def test_a_tracepoint_works_without_links_for_perf_events(monkeypatch: pytest.MonkeyPatch) -> None:
    def old_kernel(*_: object, **__: object) -> int:
        raise OSError(22, "Invalid argument")

    monkeypatch.setattr("bpf2py.runtime.links.perf_event.link_create", old_kernel)
    monkeypatch.setattr("bpf2py.runtime.features.has_perf_event_links", lambda: False)
    with runtime.load(an_object(*counter(*TRACEPOINT))) as loaded:
        with loaded.attach():
            call_getpgid(10)
            assert count(loaded) >= 10
        after = count(loaded)
        call_getpgid(10)
        assert count(loaded) == after
        with pytest.raises(runtime.NotSupportedError, match=r"cookies of perf events.*5\.15"):
            loaded.programs["count"].attach(cookie=1)  # type: ignore[attr-defined]


@pytest.mark.usefixtures("tracefs")
@pytest.mark.parametrize(
    ("where", "message"),
    [
        ("syscalls/sys_enter_nothing", "has other names in 'syscalls'"),
        ("nowhere/nothing", "has no category 'nowhere'"),
    ],
)
def test_a_tracepoint_that_does_not_exist_is_named(where: str, message: str) -> None:
    with runtime.load(an_object(*counter(*TRACEPOINT))) as loaded:
        prog = loaded.programs["count"]
        assert isinstance(prog, runtime.Tracepoint)
        with pytest.raises(FileNotFoundError, match=message):
            prog.attach(where)
        with pytest.raises(ValueError, match="say 'category/name'"):
            prog.attach("../../etc/passwd")


def test_without_tracefs_the_mount_command_is_given(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bpf2py.runtime.kernel.TRACEFS_PATHS", ("/nonexistent/tracing",))
    with (
        runtime.load(an_object(*counter(*TRACEPOINT))) as loaded,
        pytest.raises(FileNotFoundError, match="mount -t tracefs tracefs /nonexistent/tracing"),
    ):
        loaded.attach()


def test_a_raw_tracepoint_program_runs_while_it_is_attached() -> None:
    parts = counter(ProgType.RAW_TRACEPOINT, "raw_tp/sys_enter", "sys_enter")
    with runtime.load(an_object(*parts)) as loaded:
        with loaded.attach() as links:
            before = count(loaded)
            call_getpgid(100)
            assert count(loaded) >= before + 100
            info = links["count"].info()
            assert (info.link_type, info.target) == (LinkType.RAW_TRACEPOINT, "sys_enter")
        prog = loaded.programs["count"]
        assert isinstance(prog, runtime.RawTracepoint)
        with pytest.raises(FileNotFoundError, match="no such raw tracepoint"):
            prog.attach("no_such_tracepoint")


def test_a_btf_tracepoint_program_finds_its_target_and_runs() -> None:
    parts = counter(
        ProgType.TRACING, "tp_btf/sys_enter", "sys_enter", attach_type=AttachType.TRACE_RAW_TP
    )
    with runtime.load(an_object(*parts)) as loaded:
        assert loaded.programs["count"].info().attach_btf_id > 0
        with loaded.attach():
            before = count(loaded)
            call_getpgid(100)
            assert count(loaded) >= before + 100


def test_a_btf_target_the_kernel_does_not_have_is_named() -> None:
    parts = counter(ProgType.TRACING, "tp_btf/nope", "nope", attach_type=AttachType.TRACE_RAW_TP)
    with pytest.raises(FileNotFoundError, match="no tracepoint 'nope' in the BTF"):
        runtime.load(an_object(*parts))


def test_a_function_program_runs_or_the_kernel_is_blamed() -> None:
    parts = counter(
        ProgType.TRACING,
        "fentry/__x64_sys_getpgid",
        "__x64_sys_getpgid",
        attach_type=AttachType.TRACE_FENTRY,
    )
    refusal = ""
    try:
        with runtime.load(an_object(*parts)) as loaded, loaded.attach():
            call_getpgid(100)
            assert count(loaded) >= 100
    except PermissionError as exc:
        refusal = str(exc)
    if refusal:
        assert "refuses programs of type TRACING with attach type TRACE_FENTRY" in refusal
        missing("function programs (fentry)")


def send(source: socket.socket, frames: int) -> None:
    frame = b"\xff" * 6 + bytes(6) + b"\x88\xb5" + bytes(50)
    for _ in range(frames):
        source.send(frame)


def raw_socket(interface: str) -> socket.socket:
    raw = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0)
    raw.bind((interface, 0))
    return raw


def xdp_counter(returns: XDPAction = XDPAction.DROP, name: str = "count") -> ObjectSpec:
    return an_object(
        *counter(ProgType.XDP, "xdp", attach_type=AttachType.XDP, returns=returns, name=name)
    )


@pytest.mark.parametrize("mode", [runtime.XDPMode.GENERIC, runtime.XDPMode.NATIVE])
def test_an_xdp_program_sees_packets_of_its_interface(
    veth: tuple[str, str], mode: runtime.XDPMode
) -> None:
    ours, theirs = veth
    with runtime.load(xdp_counter()) as loaded, raw_socket(theirs) as peer:
        assert not loaded.attach()  # the section does not say which interface
        prog = loaded.programs["count"]
        assert isinstance(prog, runtime.XDP)
        with prog.attach(ours, mode=mode) as link:
            before = count(loaded)
            send(peer, 10)
            assert settles(loaded, before + 10)
            info = link.info()
            assert info.link_type == LinkType.XDP
            assert info.ifindex == socket.if_nametoindex(ours)
        after = count(loaded)
        send(peer, 10)
        assert count(loaded) == after


def test_a_second_xdp_program_on_an_interface_is_refused(veth: tuple[str, str]) -> None:
    with runtime.load(xdp_counter()) as loaded:
        prog = loaded.programs["count"]
        assert isinstance(prog, runtime.XDP)
        with (
            prog.attach(socket.if_nametoindex(veth[0])),
            pytest.raises(OSError, match="another XDP program is attached"),
        ):
            prog.attach(veth[0])


def test_an_interface_that_does_not_exist_is_named_with_those_that_do() -> None:
    with runtime.load(xdp_counter()) as loaded:
        prog = loaded.programs["count"]
        assert isinstance(prog, runtime.XDP)
        with pytest.raises(OSError, match=r"no such network interface.*there are:.*lo"):
            prog.attach("no-such-device")


def test_a_driver_that_cannot_offload_is_explained(veth: tuple[str, str]) -> None:
    with runtime.load(xdp_counter()) as loaded:
        prog = loaded.programs["count"]
        assert isinstance(prog, runtime.XDP)
        with pytest.raises(OSError, match="cannot attach"):
            prog.attach(veth[0], mode=runtime.XDPMode.OFFLOAD)


def test_a_link_changes_its_program_without_a_gap(veth: tuple[str, str]) -> None:
    ours, theirs = veth
    with (
        runtime.load(xdp_counter()) as old,
        runtime.load(xdp_counter()) as new,
        raw_socket(theirs) as peer,
    ):
        first, second = old.programs["count"], new.programs["count"]
        assert isinstance(first, runtime.XDP)
        with first.attach(ours, mode=runtime.XDPMode.GENERIC) as link:
            link.update(second)
            assert link.info().prog_id == second.info().id
            before = count(new)
            send(peer, 5)
            assert settles(new, before + 5)
            with pytest.raises(OSError, match=r"BPF_LINK_UPDATE"):
                link.update(first, expected=first)  # it is second that is attached
            link.update(first, expected=second)
            assert link.info().prog_id == first.info().id


def test_a_detached_link_stays_open_and_runs_nothing(veth: tuple[str, str]) -> None:
    with runtime.load(xdp_counter()) as loaded:
        prog = loaded.programs["count"]
        assert isinstance(prog, runtime.XDP)
        with prog.attach(veth[0]) as link:
            link.detach()
            assert link.info().ifindex == 0
            with prog.attach(veth[0]):
                pass  # the place is free


def test_a_pinned_link_keeps_the_program_attached(veth: tuple[str, str], bpffs: Path) -> None:
    path = bpffs / "link"
    with runtime.load(xdp_counter()) as loaded:
        prog = loaded.programs["count"]
        assert isinstance(prog, runtime.XDP)
        with prog.attach(veth[0]) as link:
            link.pin(path)
            number = link.info().id
    try:
        with runtime.Link.open_pinned(path) as pinned:
            info = pinned.info()
            assert (info.id, info.ifindex) == (number, socket.if_nametoindex(veth[0]))
    finally:
        path.unlink()


@pytest.mark.usefixtures("tracefs")
def test_a_pinned_tracepoint_link_goes_on_counting(bpffs: Path) -> None:
    path = bpffs / "tracepoint"
    with runtime.load(an_object(*counter(*TRACEPOINT))) as loaded:
        with loaded.attach() as links:
            links["count"].pin(path)
        before = count(loaded)
        call_getpgid(10)
        assert count(loaded) >= before + 10
        path.unlink()
        after = count(loaded)
        call_getpgid(10)
        assert count(loaded) == after


def test_a_section_that_cannot_be_attached_yet_is_not_passed_over_in_silence() -> None:
    spec = program(
        code(mov(0, 0), EXIT),
        prog_type=ProgType.KPROBE,
        section="kprobe/do_unlinkat",
        attach_to="do_unlinkat",
    )
    with runtime.load(an_object(spec)) as loaded:
        with pytest.raises(NotImplementedError, match=r"'kprobe/do_unlinkat' yet.*autoattach = F"):
            loaded.attach()
        loaded.programs["prog"].spec.autoattach = False
        assert not loaded.attach()


def test_a_tc_program_sees_packets_in_its_direction(veth: tuple[str, str]) -> None:
    ours, theirs = veth
    parts = counter(
        ProgType.SCHED_CLS, "tcx/ingress", attach_type=AttachType.TCX_INGRESS, returns=0
    )
    with runtime.load(an_object(*parts)) as loaded, raw_socket(theirs) as peer:
        prog = loaded.programs["count"]
        assert isinstance(prog, runtime.SchedCLS)
        with prog.attach(ours) as link:
            before = count(loaded)
            send(peer, 10)
            assert settles(loaded, before + 10)
            assert link.info().attach_type == AttachType.TCX_INGRESS
        with prog.attach(theirs, "egress") as link:
            before = count(loaded)
            send(peer, 10)
            assert settles(loaded, before + 10)
            assert link.info().attach_type == AttachType.TCX_EGRESS
        with pytest.raises(ValueError, match="'ingress' or 'egress'"):
            prog.attach(ours, "sideways")  # type: ignore[arg-type]


def test_a_tc_program_without_a_direction_asks_for_one() -> None:
    spec = program(code(mov(0, 0), EXIT), prog_type=ProgType.SCHED_CLS, section="tc")
    with runtime.load(an_object(spec)) as loaded:
        prog = loaded.programs["prog"]
        assert isinstance(prog, runtime.SchedCLS)
        with pytest.raises(ValueError, match="does not say a direction"):
            prog.attach("lo")


@pytest.mark.parametrize("as_number", [False, True], ids=["socket", "descriptor"])
def test_a_socket_filter_cuts_what_its_socket_receives(as_number: bool) -> None:
    # keep one byte of each datagram behind the UDP header
    spec = program(code(mov(0, 9), EXIT), prog_type=ProgType.SOCKET_FILTER, section="socket")
    with (
        runtime.load(an_object(spec)) as loaded,
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as receiver,
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender,
    ):
        receiver.bind(("127.0.0.1", 0))
        receiver.settimeout(5)
        sender.connect(receiver.getsockname())
        prog = loaded.programs["prog"]
        assert isinstance(prog, runtime.SocketFilter)
        with prog.attach(receiver.fileno() if as_number else receiver):
            sender.send(b"whole")
            assert receiver.recv(100) == b"w"
        sender.send(b"whole")
        assert receiver.recv(100) == b"whole"


def test_closing_a_filter_leaves_a_socket_alone_that_took_the_number() -> None:
    spec = program(code(mov(0, 8), EXIT), prog_type=ProgType.SOCKET_FILTER, section="socket")
    with runtime.load(an_object(spec)) as loaded:
        prog = loaded.programs["prog"]
        assert isinstance(prog, runtime.SocketFilter)
        first = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        number = first.fileno()
        link = prog.attach(number)
        first.close()
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as second:
            assert second.fileno() == number
            second.bind(("127.0.0.1", 0))
            second.settimeout(5)
            prog.attach(second)
            link.close()
            with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
                sender.sendto(b"whole", second.getsockname())
            assert second.recv(100) == b""  # its own filter is still on


@pytest.mark.usefixtures("tracefs")
def test_attaching_is_all_or_nothing() -> None:
    bss, good = counter(*TRACEPOINT)
    bad = program(
        code(mov(0, 0), EXIT),
        name="bad",
        prog_type=ProgType.TRACEPOINT,
        section="tp/nowhere/nothing",
        attach_to="nowhere/nothing",
    )
    with runtime.load(an_object(bss, good, bad)) as loaded:
        with pytest.raises(FileNotFoundError, match="nowhere"):
            loaded.attach()
        assert not loaded.links
        before = count(loaded)
        call_getpgid(10)
        assert count(loaded) == before


@pytest.mark.usefixtures("tracefs")
def test_attaching_twice_leaves_one_link_and_autoattach_can_be_off() -> None:
    bss, prog = counter(*TRACEPOINT)
    other = counter(*TRACEPOINT, name="other")[1]
    other.autoattach = False
    with runtime.load(an_object(bss, prog, other)) as loaded:
        loaded.attach()
        link = loaded.links["count"]
        loaded.attach()
        assert loaded.links["count"] is link
        assert list(loaded.links) == ["count"]
        with pytest.raises(KeyError, match="no link of program 'other'; there are: count"):
            loaded.links["other"]


@pytest.mark.usefixtures("tracefs")
def test_closing_the_object_detaches() -> None:
    loaded = runtime.load(an_object(*counter(*TRACEPOINT)))
    link = loaded.attach()["count"]
    number = link.info().id
    loaded.close()
    assert link.closed
    assert number not in set(obj.link_ids())
    with pytest.raises(runtime.ClosedError, match="closed"):
        link.info()


def test_a_forgotten_link_warns_and_names_what_it_was() -> None:
    parts = counter(ProgType.RAW_TRACEPOINT, "raw_tp/sys_enter", "sys_enter")
    with runtime.load(an_object(*parts)) as loaded:
        prog = loaded.programs["count"]
        assert isinstance(prog, runtime.RawTracepoint)
        link = prog.attach()
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            del link
            gc.collect()
    assert any("unclosed raw tracepoint program 'count'" in str(w.message) for w in caught)
