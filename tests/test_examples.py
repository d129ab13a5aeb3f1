"""Every example runs as its user would run it, against the real kernel, and tells the truth.

Each test starts ``main.py`` as a process, makes something happen that only it can have made, and
looks for that in the output.  Nothing waits without a deadline.
"""

from __future__ import annotations

import contextlib
import importlib.util
import os
import re
import struct
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType

import pytest

from tests.conftest import bpf_works
from tests.example_process import DEADLINE, EXAMPLES, example

needs_bpf = pytest.mark.skipif(not bpf_works(), reason="needs root and bpf(2)")


def generated(name: str) -> ModuleType:
    """The module beside an example, imported from its path."""
    path = EXAMPLES / name / f"{name}_bpf.py"
    spec = importlib.util.spec_from_file_location(path.stem, path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[path.stem] = module
    spec.loader.exec_module(module)
    return module


# ---- what holds for all --------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["opensnoop", "runqlat", "xdp_stats"])
def test_help_needs_no_rights(name: str) -> None:
    with example(name, "--help") as running:
        running.finish()
        assert "usage: main.py" in running.output()


@needs_bpf
@pytest.mark.parametrize("arguments", [["opensnoop"], ["runqlat"], ["xdp_stats", "lo"]])
def test_without_rights_there_is_one_line_and_no_traceback(arguments: list[str]) -> None:
    # In a user namespace of its own a process is root in name only: no setuid, no file modes.
    name, *rest = arguments
    script = EXAMPLES / name / "main.py"
    result = subprocess.run(
        ["unshare", "--user", "--map-root-user", sys.executable, str(script), *rest],
        capture_output=True,
        text=True,
        timeout=DEADLINE,
    )
    if "unshare" in result.stderr:
        pytest.skip("user namespaces are switched off here")
    assert result.returncode == 1
    assert result.stderr.startswith(f"{name}: ")
    assert "Operation not permitted" in result.stderr or "CAP_" in result.stderr
    assert "Traceback" not in result.stderr
    assert len(result.stderr.splitlines()) == 1


@pytest.fixture(scope="module")
def tracefs() -> Iterator[None]:
    """tracefs, mounted for these tests if nobody did."""
    path = "/sys/kernel/tracing"
    if os.path.ismount(path) or Path("/sys/kernel/debug/tracing/events").exists():
        yield
        return
    try:
        subprocess.run(["mount", "-t", "tracefs", "tracefs", path], check=True, timeout=DEADLINE)
    except (OSError, subprocess.CalledProcessError):
        pytest.skip("tracefs cannot be mounted here")
    yield
    subprocess.run(["umount", path], check=True, timeout=DEADLINE)


# ---- opensnoop -----------------------------------------------------------------------------------


@pytest.fixture
def unique(tmp_path: Path) -> Path:
    """A path that nobody else opens."""
    path = tmp_path / f"opened-{os.getpid()}-{time.monotonic_ns()}"
    path.write_text("x")
    return path


def opened(path: Path) -> Callable[[], None]:
    def nudge() -> None:
        with contextlib.suppress(FileNotFoundError):
            os.close(os.open(path, os.O_RDONLY))

    return nudge


def columns(line: str) -> tuple[int, str, int, int, str]:
    """PID, COMM, FD, ERR and PATH of a line of opensnoop."""
    found = re.fullmatch(r"(\d+) +(.{16}) +(-?\d+) +(\d+) +[\d.]+ .{16} (.*)", line)
    assert found, line
    pid, comm, descriptor, error, path = found.groups()
    return int(pid), comm.strip(), int(descriptor), int(error), path


@needs_bpf
@pytest.mark.usefixtures("tracefs")
def test_opensnoop_shows_who_opened_a_file_and_how_it_ended(unique: Path) -> None:
    missing = unique.with_name("missing")
    with example("opensnoop", "--pid", os.getpid()) as running:
        running.wait_for(lambda line: line.startswith("PID"))
        line = running.wait_for(lambda line: line.endswith(str(unique)), opened(unique))
        pid, comm, descriptor, error, path = columns(line)
        assert (pid, error, path) == (os.getpid(), 0, str(unique))
        assert comm == Path("/proc/self/comm").read_text().strip()
        assert descriptor > 2
        line = running.wait_for(lambda line: line.endswith(str(missing)), opened(missing))
        assert columns(line)[2:] == (-1, 2, str(missing))
        running.interrupt()
        pids = {columns(line)[0] for line in running.lines[1:]}
        assert pids == {os.getpid()}


@needs_bpf
@pytest.mark.usefixtures("tracefs")
def test_opensnoop_failed_leaves_out_what_worked(unique: Path) -> None:
    missing = unique.with_name("missing")

    def nudge() -> None:
        opened(unique)()
        opened(missing)()

    with example("opensnoop", "--pid", os.getpid(), "--failed", "--duration", 60) as running:
        running.wait_for(lambda line: line.endswith(str(missing)), nudge)
        running.interrupt()
        assert str(unique) not in running.output()


@needs_bpf
@pytest.mark.usefixtures("tracefs")
def test_opensnoop_uid_follows_one_user(unique: Path) -> None:
    uid = 54321
    script = "import os, sys; os.setuid(int(sys.argv[1])); open(sys.argv[2]).close()"
    unique.chmod(0o644)

    def nudge() -> None:
        # /proc/version may be read by anybody, the test's own folder may not
        subprocess.run(
            [sys.executable, "-I", "-S", "-c", script, str(uid), "/proc/version"], check=True
        )
        opened(unique)()

    with example("opensnoop", "--uid", uid) as running:
        running.wait_for(lambda line: line.endswith("/proc/version"), nudge)
        running.interrupt()
        assert str(unique) not in running.output()


@needs_bpf
@pytest.mark.usefixtures("tracefs")
def test_opensnoop_once_ends_after_one_event(unique: Path) -> None:
    with example("opensnoop", "--once", "--pid", os.getpid()) as running:
        running.wait_for(lambda line: line.endswith(str(unique)), opened(unique))
        running.finish()
        assert len(running.lines) == 2


@needs_bpf
@pytest.mark.usefixtures("tracefs")
def test_opensnoop_duration_ends_though_nothing_happens() -> None:
    begun = time.monotonic()
    with example("opensnoop", "--duration", 0.5, "--pid", 2**22) as running:
        running.finish()
        assert time.monotonic() - begun < 20
        assert len(running.lines) == 1


# ---- xdp_stats -----------------------------------------------------------------------------------


@pytest.fixture
def veth() -> Iterator[tuple[str, str]]:
    """An interface here, and a network namespace at the other end of its wire."""
    tag = f"b2x{os.getpid() % 100000}"
    here, there, namespace = f"{tag}a", f"{tag}b", f"{tag}n"

    def ip(*words: str) -> None:
        subprocess.run(["ip", *words], check=True, capture_output=True, timeout=DEADLINE)

    try:
        ip("netns", "add", namespace)
    except (OSError, subprocess.CalledProcessError):
        pytest.skip("network namespaces cannot be made here")
    try:
        ip("link", "add", here, "type", "veth", "peer", "name", there, "netns", namespace)
        # no IPv6: router solicitations would be counted, too
        Path(f"/proc/sys/net/ipv6/conf/{here}/disable_ipv6").write_text("1")
        ip("addr", "add", "198.18.7.1/30", "dev", here)
        ip("link", "set", here, "up")
        ip("-n", namespace, "addr", "add", "198.18.7.2/30", "dev", there)
        ip("-n", namespace, "link", "set", there, "up")
        yield here, namespace
    finally:
        ip("netns", "del", namespace)
        subprocess.run(["ip", "link", "del", here], capture_output=True, timeout=DEADLINE)


SEND = """
import socket
with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as udp:
    for _ in range(20):
        udp.sendto(bytes(100), ("198.18.7.1", 9))
"""


@needs_bpf
def test_xdp_stats_counts_the_packets_that_were_sent(veth: tuple[str, str]) -> None:
    interface, namespace = veth
    with example("xdp_stats", interface, "--interval", 0.2, "--mode", "generic") as running:
        running.wait_for(lambda line: line.startswith("counting"))
        command = ["ip", "netns", "exec", namespace, sys.executable, "-I", "-S", "-c", SEND]
        subprocess.run(command, check=True, timeout=DEADLINE)
        line = running.wait_for(lambda line: re.match(r"UDP +20 ", line) is not None)
        # Ethernet, IPv4 and UDP headers, and the 100 bytes
        assert line.split()[:4] == ["UDP", "20", str(20 * (14 + 20 + 8 + 100)), "0"]
        running.wait_for(lambda line: line == "")  # the end of that report
        running.interrupt()
        assert any(line.startswith("ARP ") for line in running.lines), running.output()
    shown = subprocess.run(["ip", "link", "show", interface], capture_output=True, text=True)
    assert "xdp" not in shown.stdout  # it took the program off


@needs_bpf
def test_xdp_stats_says_when_there_is_no_such_interface() -> None:
    with example("xdp_stats", "no-such-link") as running:
        assert "no-such-link" in running.finish(returncode=1)


def ethernet(kind: int, payload: bytes) -> bytes:
    return bytes(12) + struct.pack("!H", kind) + payload


def ipv4(protocol: int) -> bytes:
    return struct.pack("!BBHHHBBHII", 0x45, 0, 28, 0, 0, 64, protocol, 0, 1, 2) + bytes(8)


def ipv6(next_header: int, payload: bytes = bytes(8)) -> bytes:
    return struct.pack("!IHBB", 6 << 28, len(payload), next_header, 64) + bytes(32) + payload


def tag(kind: int, payload: bytes) -> bytes:
    return struct.pack("!HH", 5, kind) + payload


ARP, NOT_IP, CUT_SHORT = 256, 257, 258
HOP_BY_HOP = bytes([17, 1]) + bytes(14)  # followed by UDP; 16 bytes long
FRAGMENT = bytes([0, 200]) + bytes(6)  # its second byte is no length

PACKETS = {
    "UDP over IPv4": (ethernet(0x0800, ipv4(17)), 17, False),
    "TCP over IPv4": (ethernet(0x0800, ipv4(6)), 6, False),
    "an unusual protocol": (ethernet(0x0800, ipv4(255)), 255, False),
    "ICMPv6": (ethernet(0x86DD, ipv6(58)), 58, False),
    "hop-by-hop options": (ethernet(0x86DD, ipv6(0, HOP_BY_HOP + bytes(8))), 17, False),
    "a fragment": (ethernet(0x86DD, ipv6(44, bytes([6]) + FRAGMENT[1:] + bytes(8))), 6, False),
    "VLAN": (ethernet(0x8100, tag(0x0800, ipv4(17))), 17, True),
    "two VLANs": (ethernet(0x88A8, tag(0x8100, tag(0x86DD, ipv6(6)))), 6, True),
    "ARP": (ethernet(0x0806, bytes(28)), ARP, False),
    "not IP": (ethernet(0x88CC, bytes(20)), NOT_IP, False),
    "IPv4 cut short": (ethernet(0x0800, ipv4(17)[:19]), CUT_SHORT, False),
    "IPv6 cut short": (ethernet(0x86DD, ipv6(58)[:39]), CUT_SHORT, False),
    "VLAN cut short": (ethernet(0x8100, bytes(3)), CUT_SHORT, False),
    "options cut short": (ethernet(0x86DD, ipv6(0, bytes([60]))), CUT_SHORT, False),
}


@needs_bpf
@pytest.mark.parametrize("name", PACKETS)
def test_xdp_stats_tells_protocols_apart(name: str) -> None:
    packet, slot, tagged = PACKETS[name]
    with generated("xdp_stats").XdpStats.spec().load() as stats:
        assert stats.programs.count.run(packet).return_value == 2  # XDP_PASS
        counted = {
            slot: (
                sum(t.packets for t in cpus),
                sum(t.bytes for t in cpus),
                sum(t.tagged for t in cpus),
            )
            for slot, cpus in stats.maps.traffic.items()
            if any(t.packets for t in cpus)
        }
        assert counted == {slot: (1, len(packet), int(tagged))}


# ---- runqlat -------------------------------------------------------------------------------------

BUSY = "import time; end = time.monotonic() + 60\nwhile time.monotonic() < end: pass"


@pytest.fixture
def load() -> Iterator[list[subprocess.Popen[bytes]]]:
    """More processes that want the CPU than there are CPUs."""
    busy = [
        subprocess.Popen([sys.executable, "-I", "-S", "-c", BUSY])
        for _ in range(len(os.sched_getaffinity(0)) + 2)
    ]
    try:
        yield busy
    finally:
        for process in busy:
            process.kill()
            process.wait()


def histogram(lines: list[str]) -> tuple[list[tuple[int, int, int]], int]:
    """Low, high and count of each slot, and the total that the example says."""
    rows = [re.match(r" *(\d+) -> (\d+) +: (\d+) +\|", line) for line in lines]
    totals = [re.match(r"(\d+) waits", line) for line in lines]
    return (
        [(int(row[1]), int(row[2]), int(row[3])) for row in rows if row],
        next(int(found[1]) for found in totals if found),
    )


@needs_bpf
def test_runqlat_sees_tasks_wait_under_load(load: list[subprocess.Popen[bytes]]) -> None:
    with example("runqlat", "--interval", 1, "--count", 1) as running:
        running.finish()
    rows, total = histogram(running.lines)
    assert total == sum(count for _, _, count in rows) > 0
    assert rows[0][0] == 0
    assert all(low == 1 << slot for slot, (low, _, _) in enumerate(rows[1:], 1))
    # More tasks than CPUs: some wait for a whole time slice of the scheduler.
    assert sum(count for low, _, count in rows if low >= 512) > 0


@needs_bpf
def test_runqlat_pid_follows_one_process(load: list[subprocess.Popen[bytes]]) -> None:
    with example("runqlat", "--interval", 1, "--count", 1, "--pid", load[0].pid) as running:
        running.finish()
    rows, total = histogram(running.lines)
    assert total == sum(count for _, _, count in rows) > 0
    nobody = 2**22  # larger than any process id
    with example("runqlat", "--interval", 1, "--count", 1, "--pid", nobody) as running:
        running.finish()
    assert running.lines[1:2] == ["no task waited"]


@needs_bpf
def test_runqlat_shows_what_it_has_when_interrupted(load: list[subprocess.Popen[bytes]]) -> None:
    with example("runqlat", "--milliseconds") as running:
        running.wait_for(lambda line: line.startswith("measuring"))
        time.sleep(0.5)  # something to measure
        running.interrupt()
    assert "msecs" in running.output()
    assert histogram(running.lines)[1] > 0
