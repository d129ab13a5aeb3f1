"""The table of sections beside libbpf's own: every name is put to the libbpf of this machine."""

from __future__ import annotations

import ctypes
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from bpf2py.elf import section_def
from bpf2py.elf.sections import SECTION_DEFS

#: What this table follows.  Later ones may know more.
FOLLOWED = (1, 8)

_Print = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_int, ctypes.c_char_p, ctypes.c_void_p)


@pytest.fixture(scope="module")
def libbpf() -> ctypes.CDLL:
    """The machine's libbpf, or the one under the prefix in BPF2PY_LIBBPF."""
    prefix = os.environ.get("BPF2PY_LIBBPF")
    folders = [Path(prefix) / "lib", Path(prefix) / "lib64"] if prefix else []
    places = [str(path) for folder in folders for path in folder.glob("libbpf.so.1")]
    try:
        return ctypes.CDLL((places or ["libbpf.so.1"])[0])
    except OSError:
        pytest.skip("libbpf 1.x is not installed")


def version(libbpf: ctypes.CDLL) -> tuple[int, int]:
    return libbpf.libbpf_major_version(), libbpf.libbpf_minor_version()


def by_name(libbpf: ctypes.CDLL, section: str) -> tuple[int, int] | None:
    """Program type and attach type of a section; None for one that libbpf does not know."""
    found = ctypes.c_int(), ctypes.c_int()
    refused = libbpf.libbpf_prog_type_by_name(
        section.encode(), ctypes.byref(found[0]), ctypes.byref(found[1])
    )
    return None if refused else (found[0].value, found[1].value)


@pytest.fixture(scope="module")
def names(libbpf: ctypes.CDLL) -> Iterator[set[str]]:
    """Every name that libbpf knows: it lists them when it is asked for one that it does not."""
    said: list[str] = []

    def take(level: int, text: bytes, arguments: int) -> int:
        room = ctypes.create_string_buffer(1 << 16)
        ctypes.CDLL(None).vsnprintf(room, len(room), text, ctypes.c_void_p(arguments))
        said.append(room.value.decode())
        return 0

    callback = _Print(take)
    libbpf.libbpf_set_print.restype = ctypes.c_void_p
    before = libbpf.libbpf_set_print(callback)
    try:
        assert by_name(libbpf, "no_such_section") is None
        (line,) = (line for line in said if "supported section(type) names are:" in line)
        yield set(line.partition("are:")[2].split())
    finally:
        libbpf.libbpf_set_print(ctypes.c_void_p(before))


def ours(section: str) -> tuple[int, int] | None:
    row = section_def(section)
    return None if row is None else (int(row.prog_type), int(row.attach_type or 0))


def test_every_name_of_libbpf_is_in_the_table(libbpf: ctypes.CDLL, names: set[str]) -> None:
    assert len(names) > 80
    patterns = {row.pattern for row in SECTION_DEFS}
    if version(libbpf) <= FOLLOWED:
        assert names <= patterns
    if version(libbpf) == FOLLOWED:
        assert names == patterns


@pytest.mark.parametrize("behind", ["", "/", "/target", "_more", ".s", "/a/b:c+0x8"])
@pytest.mark.parametrize("pattern", [row.pattern for row in SECTION_DEFS])
def test_a_section_means_what_it_means_to_libbpf(
    libbpf: ctypes.CDLL, names: set[str], pattern: str, behind: str
) -> None:
    section = pattern.removesuffix("+") + behind
    row = section_def(section)
    if row is not None and row.pattern not in names:
        assert version(libbpf) < FOLLOWED, "libbpf does not know it"
        return
    assert by_name(libbpf, section) == ours(section)
