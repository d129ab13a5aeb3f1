"""Every bpf(2) call of loading fails once, each in turn: then nothing of the object is left.

The calls are real but for the one that fails, in whose place the kernel's refusal is made up, or
Ctrl-C comes.  A failure may be survived, as on an older kernel that refuses the same: then the
object is whole.  Every object on every way, slowly, with BPF2PY_EVERY_CALL=1.
"""

from __future__ import annotations

import ctypes
import errno
import os
import warnings
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pytest

from bpf2py import runtime
from bpf2py.runtime import NotSupportedError
from bpf2py.runtime.syscalls import bpf as door
from bpf2py.spec import ObjectSpec
from bpf2py.uapi import Cmd
from tests.kernel.abilities import requires
from tests.kernel.conftest import open_files
from tests.kernel.test_fixtures_load import LOADABLE, NEEDS, read
from tests.runtime.conftest import forget_answers

#: What comes in place of an answer: an errno, or what a signal's handler raised.
Fault = int | type[BaseException]
FAULTS: tuple[Fault, ...] = (
    errno.EPERM,
    errno.ENOMEM,
    errno.EINVAL,
    errno.EINTR,
    KeyboardInterrupt,
)
#: Calls that undo another one; where that cannot be done, something does stay.
UNDOING = (Cmd.MAP_DELETE_ELEM,)
EVERY = bool(os.environ.get("BPF2PY_EVERY_CALL"))

#: Those whose calls together are all that loading makes.
NAMES = (
    "arena",
    "arg_ctx",
    "bench_ringbuf",
    "globals",
    "inner_maps_filled",
    "jump_tables.clang22",
    "kernel_fields",
    "kfuncs",
    "ksyms",
    "map_attrs",
    "maps_other",
    "no_programs",
    "optional_prog",
    "resized",
    "streams",
    "struct_ops",
    "tail_calls_filled",
    "variants.v4",
)
OBJECTS = [path for path in LOADABLE if EVERY or path.name.removesuffix(".bpf.o") in NAMES]


class OneFault:
    """bpf(2), of which call number *at* has *fault* in place of an answer."""

    def __init__(self, at: int = -1, fault: Fault = 0) -> None:
        self.commands: list[Cmd] = []
        self._at = at
        self._fault = fault
        self._real = door._syscall

    def __call__(self, number: int, cmd: int, place: int, size: int) -> int:
        self.commands.append(Cmd(cmd))
        if len(self.commands) - 1 != self._at:
            result: int = self._real(number, cmd, place, size)
            return result
        if isinstance(self._fault, int):
            ctypes.set_errno(self._fault)
            return -1
        raise self._fault

    @property
    def happened(self) -> bool:
        return len(self.commands) > self._at


def _load(spec: ObjectSpec, pins: Path) -> None:
    runtime.load(spec, pin_path=pins).close()


def _in_steps(spec: ObjectSpec, pins: Path) -> None:
    with runtime.prepare(spec, pin_path=pins) as prepared:
        prepared.load_programs()


def _and_more(spec: ObjectSpec, pins: Path) -> None:
    with runtime.load(spec, pin_path=pins) as loaded:
        for name in loaded.programs:
            if loaded.programs[name].loaded:
                loaded.clone(loaded.programs[name]).close()
        # Of a kind that bpf2py does not attach; two struct_ops of one name.
        with suppress(NotImplementedError, FileExistsError):
            loaded.attach()


Way = Callable[[ObjectSpec, Path], None]
#: What is done, and what happens to its calls where time is short.
WAYS: dict[str, tuple[Way, tuple[Fault, ...]]] = {
    "load": (_load, FAULTS),
    "prepare": (_in_steps, (errno.ENOMEM, KeyboardInterrupt)),
    "clone and attach": (_and_more, (errno.EPERM, KeyboardInterrupt)),
}


def _state() -> tuple[dict[int, str], int]:
    """What this process has open, and how many maps are mapped into it."""
    with open("/proc/self/maps", encoding="utf-8", errors="replace") as file:
        return open_files(), sum("bpf-map" in line for line in file)


def _unpin(folder: Path) -> list[str]:
    """Take away the folder of pins; what was in it."""
    if not folder.is_dir():
        return []
    names = os.listdir(folder)
    for name in names:
        (folder / name).unlink()
    folder.rmdir()
    return [*names, "its folder"]


def _outcome(way: Way, spec: ObjectSpec, pins: Path, calls: OneFault) -> BaseException | None:
    """What came of it, where nothing is known of this kernel before."""
    forget_answers()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(door, "_syscall", calls)
        try:
            way(spec, pins)
        except BaseException as exc:
            return exc.with_traceback(None)
    return None


def _wrong_with(outcome: BaseException | None, fault: Fault, spec: ObjectSpec) -> str:
    """What somebody who sees *outcome* could complain of."""
    if fault is KeyboardInterrupt:
        return "" if isinstance(outcome, KeyboardInterrupt) else f"swallowed: {outcome!r}"
    if fault == errno.EINTR:
        return "" if outcome is None else f"not made again: {outcome!r}"
    if outcome is None:
        return ""
    if not isinstance(outcome, OSError | NotSupportedError):
        return f"an error of another kind: {outcome!r}"
    parts = (spec.name, *spec.maps, *spec.programs)
    said = "\n".join([str(outcome), *getattr(outcome, "__notes__", ())])
    return "" if any(repr(part) in said for part in parts) else f"names nothing: {outcome!r}"


@pytest.mark.parametrize("name", WAYS)
@pytest.mark.parametrize("path", OBJECTS, ids=lambda path: path.name)
def test_whichever_call_fails_nothing_stays(path: Path, name: str, bpffs: Path) -> None:
    for start, abilities in NEEDS.items():
        if path.name.startswith(f"{start}."):
            requires(*abilities)
    spec, pins, (way, faults) = read(path), bpffs / "pins", WAYS[name]
    found: list[str] = []
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always", ResourceWarning)
        warnings.simplefilter("ignore", RuntimeWarning)  # going on without BTF
        normal = OneFault()
        assert _outcome(way, spec, pins, normal) is None
        _unpin(pins)
        before = _state()
        for at, command in enumerate(normal.commands):
            if command in UNDOING:
                continue
            for fault in FAULTS if EVERY else faults:
                calls = OneFault(at, fault)
                outcome = _outcome(way, spec, pins, calls)
                left = _unpin(pins)
                if (
                    not calls.happened
                ):  # other objects' BTF, which is looked through, comes and goes
                    continue
                wrong = [_wrong_with(outcome, fault, spec)]
                if left and outcome is not None and way is not _and_more:
                    wrong += [f"left in {pins}: {left}"]
                if (now := _state()) != before:
                    wrong += [f"open is {now}, not {before}"]
                    before = now
                wrong += [str(each.message) for each in said]
                said.clear()
                what = errno.errorcode[fault] if isinstance(fault, int) else fault.__name__
                found += [f"{what} at call {at} ({command.name}): {each}" for each in wrong if each]
    forget_answers()
    assert not found, "\n".join(found)
