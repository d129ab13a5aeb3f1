"""A kernel that is not there: what stands behind the one door to bpf(2) in these tests."""

from __future__ import annotations

import ctypes
import os
import sys
from collections.abc import Callable, Iterator

import pytest

from bpf2py.runtime.syscalls import bpf as door
from bpf2py.uapi import Cmd


class Attr:
    """The ``union bpf_attr`` of one call, as the kernel would see it."""

    def __init__(self, place: int, size: int) -> None:
        self._place = place
        self.bytes = ctypes.string_at(place, size)

    def u32(self, offset: int) -> int:
        return int.from_bytes(self.bytes[offset : offset + 4], sys.byteorder)

    def u64(self, offset: int) -> int:
        return int.from_bytes(self.bytes[offset : offset + 8], sys.byteorder)

    def memory(self, offset: int, size: int) -> bytes:
        """What the address at *offset* points to."""
        return ctypes.string_at(self.u64(offset), size)

    def text(self, offset: int) -> str:
        return ctypes.string_at(self.u64(offset)).decode()

    def write(self, offset: int, data: bytes) -> None:
        ctypes.memmove(self._place + offset, data, len(data))

    def write_memory(self, offset: int, data: bytes) -> None:
        ctypes.memmove(self.u64(offset), data, len(data))


#: Gives a result, or an errno as a negative number.
Handler = Callable[[Attr], int]


class FakeKernel:
    """Answers bpf(2): with what a test says, else with a descriptor or 0; remembers every call."""

    CREATES = frozenset(
        {
            Cmd.MAP_CREATE,
            Cmd.PROG_LOAD,
            Cmd.BTF_LOAD,
            Cmd.LINK_CREATE,
            Cmd.RAW_TRACEPOINT_OPEN,
        }
    )

    def __init__(self) -> None:
        self.calls: list[tuple[Cmd, Attr]] = []
        self.handlers: dict[Cmd, Handler] = {}

    def __call__(self, number: int, cmd: int, place: int, size: int) -> int:
        attr = Attr(place, size)
        command = Cmd(cmd)
        self.calls.append((command, attr))
        handler = self.handlers.get(command)
        result = self.default(command) if handler is None else handler(attr)
        if result < 0:
            ctypes.set_errno(-result)
            return -1
        return result

    def default(self, cmd: Cmd) -> int:
        return self.descriptor() if cmd in self.CREATES else 0

    @staticmethod
    def descriptor() -> int:
        return os.open("/dev/null", os.O_RDONLY | os.O_CLOEXEC)

    def of(self, cmd: Cmd) -> list[Attr]:
        """The attrs of every call of *cmd*."""
        return [attr for command, attr in self.calls if command == cmd]


def forget_answers() -> None:
    for name, module in list(sys.modules.items()):
        if name == "bpf2py.runtime.features" or name.startswith("bpf2py.runtime.probes."):
            for each in vars(module).values():
                if hasattr(each, "cache_clear"):
                    each.cache_clear()


@pytest.fixture
def kernel(monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeKernel]:
    """Nothing is known of this kernel from before, and nothing is left of one that is not there."""
    fake = FakeKernel()
    forget_answers()
    monkeypatch.setattr(door, "_syscall", fake)
    yield fake
    forget_answers()


@pytest.fixture
def no_open_files() -> Iterator[None]:
    """The test leaves no descriptor behind."""
    before = set(os.listdir("/proc/self/fd"))
    yield
    assert len(os.listdir("/proc/self/fd")) == len(before)
