"""For tests on the real kernel: who may run them, what may be missing, what must not leak.

A test skips for two reasons only: this process may not use bpf(2), or the kernel has not got the
feature (:class:`NotSupportedError`, ``needs``, or ``requires`` of ``abilities``).  With ``CI`` set, a feature of EXPECTED_IN_CI
that is missing fails instead: a skip must not hide a regression.
"""

from __future__ import annotations

import gc
import os
import subprocess
from collections.abc import Callable, Generator, Iterator
from pathlib import Path
from typing import NoReturn

import pytest

from bpf2py.runtime import NotSupportedError
from tests.conftest import bpf_works

#: What the kernel of continuous integration has; ``needs`` and NotSupportedError use these names.
EXPECTED_IN_CI = frozenset(
    {
        "XDP links",
        "tcx links",
        "tracepoints",
        "raw tracepoints",
        "BTF tracepoints",
        "bpffs",
        "kernel BTF",
        "network namespaces",
        "arenas (6.9)",
        "attach targets in program information (5.19)",
        "bloom filters (5.16)",
        "bpf_loop (5.17)",
        "bpf_strncmp (5.17)",
        "cgroup storage of any program (6.2)",
        "inode storage (5.10)",
        "cpu v4 instructions (6.6)",
        "exceptions (6.7)",
        "iterators over numbers (6.4)",
        "fetching atomics (5.12)",
        "links for perf events (5.15)",
        "struct_ops (5.6)",
        "struct_ops links (6.4)",
        "syscall programs (5.14)",
        "task storage (5.11)",
        "timers (5.15)",
        "types of kernel variables",
        "untrusted kernel pointers (6.3)",
        "work queues (6.10)",
        "verified instructions in program information (5.16)",
        "XDP fragments (5.18)",
        "streams of programs (6.17)",
        "BPF tokens (6.9)",
        "programs bound to a device (6.3)",
        "exclusive maps (6.18)",
    }
)

#: What it has not: tests that need one of these are run under emulation (CONTRIBUTING).
MISSING_IN_CI = frozenset(
    {
        "addresses of kernel variables (CONFIG_KALLSYMS_ALL)",
        "jump tables (6.19)",
        "tracing of functions (5.5)",
        "memory for streams of programs (6.17)",
        "tracing of many functions (7.2)",
        "tracing of calls as sessions (7.0)",
    }
)

Needs = Callable[[str, bool], None]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    if bpf_works():
        return
    here = Path(__file__).parent
    skip = pytest.mark.skip(reason="needs root (or CAP_BPF and friends) and a kernel with bpf(2)")
    for item in items:
        if here in item.path.parents:
            item.add_marker(skip)


def missing(feature: str) -> NoReturn:
    """Skip because the kernel lacks *feature*, or fail where it must have it."""
    if os.environ.get("CI") and feature in EXPECTED_IN_CI:
        pytest.fail(f"this machine must have {feature}, but has not", pytrace=False)
    pytest.skip(f"this machine has no {feature}")


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item: pytest.Item) -> Generator[None, None, None]:
    try:
        return (yield)
    except NotSupportedError as exc:
        missing(exc.feature)
        raise AssertionError("unreachable") from exc


@pytest.fixture
def needs() -> Needs:
    """``needs("tcx links", there)`` skips the test unless *there* is true."""

    def require(feature: str, there: bool) -> None:
        if not there:
            missing(feature)

    return require


#: Open for the life of the process, once for all objects: the kernel's BTF and its index.
_KEPT = ("/sys/kernel/btf/", "/bpf2py/btf-")


def _open_files() -> dict[int, str]:
    found = {}
    for name in os.listdir("/proc/self/fd"):
        try:
            target = os.readlink(f"/proc/self/fd/{name}")
        except FileNotFoundError:  # the descriptor of the listing itself
            continue
        if not any(kept in target for kept in _KEPT):
            found[int(name)] = target
    return found


@pytest.fixture(autouse=True)
def no_leaked_descriptors() -> Iterator[None]:
    """Every test closes what it opened."""
    before = _open_files()
    yield
    after = _open_files()
    if after.keys() - before.keys():
        gc.collect()
        after = _open_files()
    leaked = {fd: after[fd] for fd in after.keys() - before.keys()}
    assert not leaked, f"descriptors left open: {leaked}"


def _run(*command: str) -> None:
    subprocess.run(command, check=True, capture_output=True, timeout=30)


def _mounted(kind: str, path: str) -> bool:
    with open("/proc/self/mounts", encoding="ascii", errors="replace") as mounts:
        return any(line.split()[1:3] == [path, kind] for line in mounts)


@pytest.fixture(scope="session")
def bpffs(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A bpf file system of its own, away from the machine's."""
    path = tmp_path_factory.mktemp("bpffs")
    try:
        _run("mount", "-t", "bpf", "bpf", str(path))
    except (OSError, subprocess.CalledProcessError):
        missing("bpffs")
    yield path
    _run("umount", "-l", str(path))


@pytest.fixture(scope="session")
def tracefs() -> Iterator[Path]:
    """tracefs, mounted for these tests if nobody did."""
    path = "/sys/kernel/tracing"
    if _mounted("tracefs", path) or _mounted("tracefs", "/sys/kernel/debug/tracing"):
        yield Path(path) if _mounted("tracefs", path) else Path("/sys/kernel/debug/tracing")
        return
    try:
        _run("mount", "-t", "tracefs", "tracefs", path)
    except (OSError, subprocess.CalledProcessError):
        missing("tracepoints")
    yield Path(path)
    _run("umount", path)


@pytest.fixture
def veth(needs: Needs) -> Iterator[tuple[str, str]]:
    """A pair of connected interfaces in this network namespace, both up, gone afterwards."""
    name = f"b2p{os.getpid() % 100000}"
    ends = f"{name}a", f"{name}b"
    try:
        _run("ip", "link", "add", ends[0], "type", "veth", "peer", "name", ends[1])
    except (OSError, subprocess.CalledProcessError):
        missing("network namespaces")
    try:
        for end in ends:
            _run("ip", "link", "set", end, "up")
        yield ends
    finally:
        _run("ip", "link", "del", ends[0])
