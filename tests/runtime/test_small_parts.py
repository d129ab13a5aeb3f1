"""Kernel facts, blobs, public names, memory limits: the runtime's small parts."""

from __future__ import annotations

import base64
import errno
import resource
import subprocess
import sys
import zlib

import pytest

from bpf2py import runtime
from bpf2py.runtime import privileges
from bpf2py.runtime.kernel import count_cpu_list
from bpf2py.spec import FORMAT
from bpf2py.uapi import ProgType


@pytest.mark.parametrize(
    ("text", "count"), [("0\n", 1), ("0-3\n", 4), ("0-3,8", 5), ("0,2,4-5", 4), ("0-4095", 4096)]
)
def test_a_cpu_list_is_counted(text: str, count: int) -> None:
    assert count_cpu_list(text) == count


@pytest.mark.parametrize("text", ["", "x", "3-1", "0,,1"])
def test_what_is_no_cpu_list_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="no list of CPUs"):
        count_cpu_list(text)


def encoded(data: bytes) -> str:
    return base64.b64encode(zlib.compress(data)).decode()


@pytest.mark.parametrize("data", [b"x", bytes(range(256)) * 100])
def test_a_blob_gives_back_its_bytes(data: bytes) -> None:
    assert runtime.blob(encoded(data)) == data
    assert runtime.blob("") == b""


def test_a_damaged_blob_is_refused() -> None:
    text = encoded(b"abcabcabc" * 10)
    for damaged in (text[:-4], text[:6] + "!!" + text[8:], "AAAA" + text):
        with pytest.raises(ValueError, match="damaged"):
            runtime.blob(damaged)


def test_a_module_of_another_format_says_what_to_renew() -> None:
    runtime.require_format(FORMAT)
    with pytest.raises(RuntimeError, match="generate the module again"):
        runtime.require_format(FORMAT - 1)
    with pytest.raises(RuntimeError, match="install a newer bpf2py"):
        runtime.require_format(FORMAT + 1)


def test_every_public_name_exists_and_is_nothing_else() -> None:
    for name in runtime.__all__:
        assert getattr(runtime, name) is not None
    assert len(set(runtime.__all__)) == len(runtime.__all__)
    with pytest.raises(AttributeError, match="no attribute 'Nothing'"):
        runtime.Nothing  # type: ignore[attr-defined]  # noqa: B018


@pytest.mark.parametrize(
    ("prog_type", "needed"),
    [
        (ProgType.SOCKET_FILTER, ("CAP_BPF",)),
        (ProgType.XDP, ("CAP_BPF", "CAP_NET_ADMIN")),
        (ProgType.TRACING, ("CAP_BPF", "CAP_PERFMON")),
    ],
)
def test_each_program_type_needs_its_capabilities(
    prog_type: ProgType, needed: tuple[str, ...]
) -> None:
    assert privileges.needed_capabilities(prog_type) == needed


class Limits:
    """RLIMIT_MEMLOCK that is not there."""

    def __init__(self, soft: int, hard: int, *, may_raise: bool) -> None:
        self.soft, self.hard, self.may_raise = soft, hard, may_raise

    def get(self, _: int) -> tuple[int, int]:
        return self.soft, self.hard

    def set(self, _: int, limits: tuple[int, int]) -> None:
        wanted = [2**63 if limit == resource.RLIM_INFINITY else limit for limit in limits]
        if not self.may_raise and wanted[1] > self.hard:
            raise ValueError("not allowed to raise maximum limit")
        self.soft, self.hard = limits


def install(monkeypatch: pytest.MonkeyPatch, limits: Limits) -> Limits:
    monkeypatch.setattr(resource, "getrlimit", limits.get)
    monkeypatch.setattr(resource, "setrlimit", limits.set)
    return limits


class Call:
    """Refuses until the limit is at least *enough*."""

    def __init__(self, limits: Limits, enough: int) -> None:
        self.limits, self.enough, self.count = limits, enough, 0

    def __call__(self) -> str:
        self.count += 1
        soft = 2**63 if self.limits.soft == resource.RLIM_INFINITY else self.limits.soft
        if soft < self.enough:
            raise PermissionError(errno.EPERM, "refused")
        return "done"


def test_the_memory_limit_is_not_touched_where_it_is_enough(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    limits = install(monkeypatch, Limits(64, 64, may_raise=True))
    assert privileges.with_memlock(Call(limits, 10)) == "done"
    assert (limits.soft, limits.hard) == (64, 64)


@pytest.mark.parametrize(("may_raise", "hard"), [(True, 64), (False, 1000)])
def test_the_memory_limit_is_raised_as_far_as_allowed(
    monkeypatch: pytest.MonkeyPatch, may_raise: bool, hard: int
) -> None:
    limits = install(monkeypatch, Limits(64, hard, may_raise=may_raise))
    call = Call(limits, 500)
    assert privileges.with_memlock(call) == "done"
    assert call.count == 2


def test_a_memory_limit_that_did_not_help_is_put_back(monkeypatch: pytest.MonkeyPatch) -> None:
    limits = install(monkeypatch, Limits(64, 1000, may_raise=True))
    with pytest.raises(PermissionError):
        privileges.with_memlock(Call(limits, 2**64))
    assert (limits.soft, limits.hard) == (64, 1000)


def test_a_memory_limit_that_cannot_be_raised_is_no_new_error(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    limits = install(monkeypatch, Limits(64, 64, may_raise=False))
    call = Call(limits, 500)
    with pytest.raises(PermissionError, match="refused"):
        privileges.with_memlock(call)
    assert call.count == 1


def test_a_descriptor_is_never_one_of_the_standard_streams() -> None:
    code = """
import os
os.close(0)
from bpf2py.runtime.syscalls.fd import FD
fd = FD(os.open("/dev/null", os.O_RDONLY))
assert fd.fileno() > 2, fd
assert not os.get_inheritable(fd.fileno())
fd.close()
try:
    os.fstat(0)
except OSError:
    pass
else:
    raise AssertionError("descriptor 0 is still open")
"""
    subprocess.run([sys.executable, "-W", "error", "-c", code], check=True, timeout=60)
