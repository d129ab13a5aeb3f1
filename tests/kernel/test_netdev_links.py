"""Programs on interfaces and sockets of the real kernel: XDP, tcx, socket filters."""

from __future__ import annotations

import socket
from pathlib import Path

import pytest

from bpf2py import runtime
from bpf2py.spec import ObjectSpec
from bpf2py.uapi import AttachType, LinkType, ProgType, XDPAction
from tests.kernel.counting import count, counter, settles
from tests.runtime.bpf_code import (
    EXIT,
    an_object,
    code,
    mov,
    program,
)


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
