"""BTF that the kernel has, by id; values of maps read by it, beside bpftool's words."""

from __future__ import annotations

import json
import random
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from bpf2py import runtime
from bpf2py.btf.values import decode_value
from bpf2py.elf import read_object_file
from bpf2py.runtime import ClosedError
from bpf2py.runtime.kernel_btf import kernel_btf
from bpf2py.runtime.syscalls.obj import BTFInfo
from bpf2py.uapi import BTFKind
from generated_fixtures.types_check_bpf import TypesCheck
from tests.kernel.conftest import missing

FIXTURES = Path(__file__).parents[2] / "generated_fixtures"


def test_the_kernels_own_btf_is_among_all_and_has_its_types() -> None:
    infos: list[BTFInfo] = []
    last = None
    for btf in runtime.LoadedBTF.all():
        infos.append(btf.info)
        if btf.info.kernel and btf.info.name == "vmlinux":
            assert btf.types() is kernel_btf()
        last = btf
    if not any(info.kernel for info in infos):
        missing("BTF of its own with an id (5.11)")
    assert last is not None
    with pytest.raises(ClosedError):
        last.fileno()
    assert next(info.name for info in infos if info.kernel) == "vmlinux"
    assert [info.id for info in infos] == sorted(info.id for info in infos)


def test_a_loaded_objects_btf_is_opened_by_the_id_that_its_map_tells() -> None:
    with TypesCheck.spec().load() as loaded:
        info = loaded.maps.by_key.info()
        with runtime.LoadedBTF.by_id(info.btf_id) as btf:
            assert not btf.info.kernel
            assert btf.info.size == len(btf.data())
            types = btf.types()
            assert types.find("all", BTFKind.STRUCT)
            assert str(info.btf_id) in repr(btf)
    with pytest.raises(FileNotFoundError):
        runtime.LoadedBTF.by_id(0x7FFFFFFF)


def flat(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """A JSON object; what is in one without a name belongs to its parent."""
    made: dict[str, Any] = {}
    for name, value in pairs:
        made |= value if name in ("", "(anon)") and isinstance(value, dict) else {name: value}
    return made


def same(ours: Any, theirs: Any) -> bool:
    """Whether bpftool says the same: it writes some numbers as texts, and their signs differ."""
    if isinstance(ours, dict):
        mine: dict[str, Any] = ours
        return mine.keys() == theirs.keys() and all(same(mine[k], theirs[k]) for k in mine)
    if isinstance(theirs, list):
        elements: list[Any] = theirs
        if isinstance(ours, list):
            own: list[Any] = ours
            return len(own) == len(elements) and all(map(same, own, elements))
        there = bytes(number(each) & 0xFF for each in elements)
        if isinstance(ours, bytes):
            return ours == there
        text = ours.encode("utf-8", "surrogateescape") + b"\0"
        return bool(text[: len(there)] == there[: len(text)])
    if isinstance(ours, float):
        return ours == float(theirs)
    if isinstance(ours, int):
        # The same number, perhaps with another idea of its sign.
        off = abs(number(theirs) - ours)
        return off == 0 or ((ours < 0) != (number(theirs) < 0) and off & off - 1 == 0)
    # Of a bitfield it writes the number where we have its name.
    return bool(ours == theirs or theirs[:2] == "0x")


def number(text: Any) -> int:
    if isinstance(text, str):
        return int(text, 0) if text[:1].isdigit() or text[:1] == "-" else ord(text)
    return int(text)


@pytest.mark.skipif(
    shutil.which("bpftool") is None, reason="bpftool is missing: apt-get install bpftool"
)
@pytest.mark.parametrize("name", ["types_bitfields", "types_enums", "types_structs"])
def test_values_of_any_map_are_what_bpftool_says(name: str) -> None:
    spec = read_object_file(FIXTURES / f"{name}.bpf.o")
    sections = [s for s in spec.maps.values() if s.variables and s.section in (".data", ".bss")]
    seed = random.Random(name)
    for section in sections:
        # Small numbers, so that enumerators, zeros and the ends of texts come along.
        section.data = bytearray(seed.choice((0, 1, 2, 65, 255)) for _ in range(section.value_size))
    compared = 0
    with runtime.load(spec) as loaded:
        for section in sections:
            info = loaded.maps[section.name].info()
            done = subprocess.run(
                ["bpftool", "-j", "map", "dump", "id", str(info.id)],
                capture_output=True,
                text=True,
                check=True,
            )
            formatted = json.loads(done.stdout, object_pairs_hook=flat)[0]["formatted"]
            theirs = dict[str, Any]()
            for each in formatted["value"][section.section]:
                theirs |= each
            assert section.data is not None
            with runtime.LoadedBTF.by_id(info.btf_id) as btf:
                types = btf.types()
            ours = decode_value(types, info.btf_value_type_id, section.data)
            assert ours.keys() == theirs.keys() == section.variables.keys()
            for variable in ours:
                assert same(ours[variable], theirs[variable]), (ours[variable], theirs[variable])
                compared += 1
    assert compared >= 3
