"""struct_ops in the kernel: congestion controls that sockets of this machine use."""

from __future__ import annotations

import socket
import time
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

import pytest

from bpf2py import runtime
from bpf2py.elf import read_object_file
from bpf2py.runtime import NotSupportedError, StructOpsLink
from bpf2py.uapi import LinkType, MapType
from generated_fixtures.struct_ops_bpf import StructOps, StructOpsSpec
from generated_fixtures.tail_calls_filled_bpf import TailCallsFilled
from tests.kernel.abilities import requires

FIXTURES = Path(__file__).parents[2] / "generated_fixtures"
AVAILABLE = Path("/proc/sys/net/ipv4/tcp_available_congestion_control")


@pytest.fixture(autouse=True)
def needs_struct_ops() -> None:
    requires("struct_ops (5.6)")


def registered() -> set[str]:
    return {name for name in AVAILABLE.read_text().split() if name.startswith("b2p_")}


def alone(*names: str) -> StructOpsSpec:
    """The spec with these maps only."""
    if set(names) != {"by_map"}:
        requires("struct_ops links (6.4)")
    spec = StructOps.spec()
    for name in spec.maps:
        if spec.maps[name].map_type == MapType.STRUCT_OPS:
            spec.maps[name].autocreate = name in names
    return spec


@contextmanager
def connection(control: str) -> Generator[tuple[socket.socket, socket.socket]]:
    """Both ends of a connection over loopback; the first one uses that congestion control."""
    with socket.create_server(("127.0.0.1", 0)) as server, socket.socket() as client:
        client.settimeout(10)
        client.setsockopt(socket.IPPROTO_TCP, socket.TCP_CONGESTION, control.encode())
        client.connect(server.getsockname())
        served, _ = server.accept()
        with served:
            served.settimeout(10)
            yield client, served


def send_some(control: str) -> None:
    with connection(control) as (client, served):
        used = client.getsockopt(socket.IPPROTO_TCP, socket.TCP_CONGESTION, 16)
        assert used.partition(b"\0")[0].decode() == control
        for _ in range(20):
            client.sendall(bytes(10_000))
            left = 10_000
            while left:
                left -= len(served.recv(left))


def test_a_struct_ops_is_registered_used_by_a_socket_and_gone_after_closing() -> None:
    with alone("by_link").load() as loaded:
        assert registered() == set()
        with loaded.maps.by_link.attach() as link:
            assert registered() == {"b2p_link"}
            assert link.info().link_type == LinkType.STRUCT_OPS
            send_some("b2p_link")
            assert loaded.bss.connections == 1
            assert loaded.bss.acknowledged > 0
        assert registered() == set()


def test_a_struct_ops_without_a_link_is_registered_by_its_map() -> None:
    with alone("by_map").load() as loaded:
        link = loaded.maps.by_map.attach()
        assert registered() == {"b2p_map"}
        send_some("b2p_map")
        assert loaded.bss.connections == 1
        for refused in (
            link.info,
            lambda: link.pin("/nowhere"),
            lambda: link.update_map(loaded.maps.by_map),
        ):
            with pytest.raises(NotSupportedError, match=r"struct_ops\.link"):
                refused()
        link.close()
        link.close()
        assert registered() == set()


def test_attach_registers_every_struct_ops_that_is_created() -> None:
    requires("struct_ops links (6.4)")
    spec = StructOps.spec()
    spec.maps.replacement.autoattach = False
    with spec.load() as loaded:
        with loaded.attach() as links:
            assert set(links) == {"by_map", "by_link"}
            assert registered() == {"b2p_map", "b2p_link"}
            assert all(isinstance(link, StructOpsLink) for link in links.values())
        assert registered() == set()


def test_attach_is_all_or_nothing() -> None:
    requires("struct_ops links (6.4)")
    with StructOps.spec().load() as loaded:
        # by_link and replacement have one name.
        with pytest.raises(FileExistsError, match=r"of that name is registered.*replacement"):
            loaded.attach()
        assert registered() == set()
        assert not loaded.links


def test_a_link_takes_another_struct_ops_without_a_gap() -> None:
    with alone("by_link", "replacement").load() as loaded:
        with loaded.maps.by_link.attach() as link:
            send_some("b2p_link")
            assert (loaded.bss.connections, loaded.bss.fewer) == (1, 0)
            link.update_map(loaded.maps.replacement, expected=loaded.maps.by_link)
            assert registered() == {"b2p_link"}
            send_some("b2p_link")
            assert (loaded.bss.connections, loaded.bss.fewer) == (1, 1)
            with pytest.raises(PermissionError):
                link.update_map(loaded.maps.replacement, expected=loaded.maps.by_link)
        with loaded.maps.by_link.attach():  # the value was written already
            assert registered() == {"b2p_link"}


def test_settings_and_functions_are_changed_before_loading() -> None:
    spec = alone("by_link")
    operations = spec.struct_ops.by_link
    assert operations.name == "b2p_link"
    assert operations.init is spec.programs.on_init
    assert operations.release is None
    operations.name = "b2p_mine"
    operations.init = spec.programs.other_init
    with spec.load() as loaded, loaded.attach():
        assert registered() == {"b2p_mine"}
        send_some("b2p_mine")
        assert (loaded.bss.connections, loaded.bss.fewer) == (0, 1)
        assert not loaded.programs.on_init.loaded


def test_a_function_that_is_taken_out_is_not_loaded_and_not_called() -> None:
    spec = alone("by_link")
    spec.struct_ops.by_link.init = None
    with spec.load() as loaded, loaded.attach():
        send_some("b2p_link")
        assert loaded.bss.connections == 0
        assert not loaded.programs.on_init.loaded


def test_an_optional_struct_ops_is_created_when_asked_for() -> None:
    requires("struct_ops links (6.4)")
    with StructOps.spec().load() as loaded:
        assert loaded.maps.optional.closed
        assert not loaded.programs.on_expand.loaded
    with alone("optional").load() as loaded, loaded.maps.optional.attach():
        assert registered() == {"b2p_short"}
        send_some("b2p_short")


def test_a_function_that_the_kernel_lacks_is_refused_by_name() -> None:
    spec = alone("by_link")
    spec.struct_ops.by_link.nowhere = spec.programs.other_init
    with pytest.raises(NotSupportedError, match=r"'nowhere' is set.*tcp_congestion_ops has none"):
        spec.load()
    spec = alone("by_link")
    spec.struct_ops.by_link.not_in_any_kernel = 1
    with pytest.raises(NotSupportedError, match="'not_in_any_kernel' is set"):
        spec.load()


def test_a_struct_that_the_kernel_lacks_is_refused_by_name() -> None:
    spec = alone("by_link")
    name = b"\0tcp_congestion_ops\0"
    assert name in spec.object_spec.btf
    spec.object_spec.btf = spec.object_spec.btf.replace(name, b"\0tcp_indigestion_ops"[:19] + b"\0")
    with pytest.raises(FileNotFoundError, match="takes no struct_ops of 'struct tcp_indigestion"):
        spec.load()


def test_what_the_kernel_refuses_to_register_is_explained() -> None:
    spec = alone("by_link")
    spec.struct_ops.by_link.ssthresh = None  # needed by every congestion control
    with spec.load() as loaded, pytest.raises(OSError, match="a function that it needs is missing"):
        loaded.attach()


def test_a_program_behind_no_struct_ops_is_refused_with_advice() -> None:
    spec = alone("by_link")
    del spec.maps.by_link.functions["init"]
    del spec.maps.by_map.functions["init"]
    with pytest.raises(ValueError, match=r"program 'on_init'.*behind no member.*autoload = False"):
        spec.load()


def test_an_object_without_a_module_registers_as_well() -> None:
    requires("struct_ops links (6.4)")
    spec = read_object_file(FIXTURES / "struct_ops.bpf.o")
    spec.maps["replacement"].autoattach = False
    with runtime.load(spec) as loaded, loaded.attach():
        assert registered() == {"b2p_map", "b2p_link"}
        assert isinstance(loaded.maps["by_map"], runtime.StructOps)


def test_a_pinned_link_stays_until_it_is_unpinned(bpffs: Path) -> None:
    with alone("by_link").load() as loaded:
        with loaded.maps.by_link.attach() as link:
            link.pin(bpffs / "control")
        assert registered() == {"b2p_link"}
        (bpffs / "control").unlink()
        end = time.monotonic() + 10  # the kernel lets go of what was pinned when it comes to it
        while registered() and time.monotonic() < end:
            time.sleep(0.01)
        assert registered() == set()


def test_a_program_can_belong_to_one_struct_ops() -> None:
    with (
        alone("by_link", "replacement").load() as loaded,
        TailCallsFilled.spec().load() as other,
    ):
        with pytest.raises(ValueError, match="a struct_ops program belongs to its own map"):
            loaded.maps.by_link.associate(loaded.programs.on_init)
        loaded.maps.by_link.associate(other.programs.entry)
        with pytest.raises(OSError, match="program 'entry' with struct_ops map 'replacement'"):
            loaded.maps.replacement.associate(other.programs.entry)
