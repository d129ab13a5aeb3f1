"""Every compiled fixture as libbpf reads and links it, and as we do: no difference but the known.

libbpf runs without a kernel (``tests.oracle``), so no privileges are needed.
"""

from __future__ import annotations

import os
import struct
from array import array
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from bpf2py.elf import ObjectError, read_object_file, section_def
from bpf2py.spec import MapSpec, ObjectSpec, Pinning, ProgramSpec
from bpf2py.uapi import MapType, ProgFlags
from tests.oracle import Kernel, require_libbpf, run_libbpf
from tests.oracle.traces import ProgramTrace, Trace, unhex
from tests.support.byteswap import swapped_btf, swapped_insns, swapped_object

HERE = Path(__file__).parent
FIXTURES = HERE.parents[1] / "generated_fixtures"
OBJECTS = [*sorted(FIXTURES.glob("*.bpf.o")), *sorted((HERE / "objects").glob("*.bpf.o"))]
BIG_ENDIAN = [path for path in OBJECTS if path.read_bytes()[5:6] == b"\x02"]
PAGE = os.sysconf("SC_PAGE_SIZE")
_EVENTS = (MapType.RINGBUF, MapType.USER_RINGBUF, MapType.PERF_EVENT_ARRAY)


@dataclass
class Oracle:
    """What libbpf said about one object."""

    trace: Trace
    version: tuple[int, int]
    maps: list[list[str]] = field(default_factory=list)
    programs: dict[str, list[str]] = field(default_factory=dict)
    autoload: dict[str, bool] = field(default_factory=dict)
    btf: bytes = b""

    @property
    def core_failed(self) -> bool:
        return any("failed to perform CO-RE relocations" in line for line in self.trace.says)


@pytest.fixture(scope="module")
def little_twins(tmp_path_factory: pytest.TempPathFactory) -> dict[Path, Path]:
    """Each object, or what it would be in little endian: all that libbpf links on this machine."""
    folder = tmp_path_factory.mktemp("little")
    twins = {path: path for path in OBJECTS}
    for path in BIG_ENDIAN:
        twins[path] = folder / path.name
        twins[path].write_bytes(swapped_object(path.read_bytes()))
    return twins


@pytest.fixture
def little(path: Path, little_twins: dict[Path, Path]) -> Path:
    return little_twins[path]


@pytest.fixture(scope="module")
def answers(little_twins: dict[Path, Path]) -> dict[Path, Oracle]:
    """What libbpf says of every object; it is asked once."""
    require_libbpf()
    paths = list(little_twins.values())
    version, traces = run_libbpf(paths, kernel=Kernel.NONE, everything=True)
    major, minor = version.split(".")
    found = {}
    for path, trace in zip(paths, traces, strict=True):
        assert trace.outcome in ("loaded", "not-loaded"), (path, trace.reason, trace.says)
        lines = trace.lines
        found[path] = Oracle(
            trace,
            (int(major), int(minor)),
            maps=lines.get("map", []),
            programs={words[0]: words for words in lines.get("program", [])},
            autoload={name: flag == "1" for name, flag in lines.get("autoload", [])},
            btf=unhex(lines["types"][0][0]) if "types" in lines else b"",
        )
    return found


@pytest.fixture
def oracle(little: Path, answers: dict[Path, Oracle]) -> Oracle:
    return answers[little]


def read_or_skip(path: Path) -> ObjectSpec:
    try:
        return read_object_file(path)
    except ObjectError as exc:
        if "not supported yet" in str(exc):
            pytest.skip(str(exc))
        raise


def all_maps(spec: ObjectSpec) -> list[MapSpec]:
    """The maps in file order, each inner map behind its outer one."""
    return [
        each
        for outer in spec.maps.values()
        for each in ([outer] if outer.inner is None else [outer, outer.inner])
    ]


def ring_size(size: int) -> int:
    """libbpf rounds up to a power of two pages when it opens an object; we do when loading."""
    if size % PAGE == 0 and (size // PAGE).bit_count() == 1:
        return size
    return PAGE << (size // PAGE).bit_length() if size else 0


@pytest.mark.parametrize("path", OBJECTS, ids=lambda path: path.name)
def test_maps_are_those_that_libbpf_finds(little: Path, oracle: Oracle) -> None:
    spec = read_or_skip(little)
    theirs = oracle.maps
    ours = all_maps(spec)
    assert len(ours) == len(theirs)
    for mine, words in zip(ours, theirs, strict=True):
        name, data = words[0], unhex(words[12])
        numbers = [int(word) for word in words[1:11]]
        if mine.section:
            assert name.endswith(mine.section[: len(name)]) or mine.section.startswith(name)
        else:
            assert name == mine.name
        rings = mine.map_type in (MapType.RINGBUF, MapType.USER_RINGBUF)
        assert numbers[0] == mine.map_type
        if mine.map_type is MapType.PERF_EVENT_ARRAY:
            # libbpf leaves out what the source leaves out, and cannot load it; 4 is all there is.
            assert numbers[1] in (0, 4)
            assert mine.key_size == mine.value_size == 4
        else:
            assert numbers[1] == mine.key_size
        assert numbers[3] == (ring_size(mine.max_entries) if rings else mine.max_entries)
        assert numbers[4] == mine.flags
        assert numbers[5] == (mine.numa_node or 0)
        assert numbers[6] == mine.map_extra
        assert numbers[7] == mine.key_type_id
        assert bool(numbers[9]) == (mine.pinning is Pinning.BY_NAME)
        if mine.map_type in _EVENTS:
            # libbpf takes what the events look like for the size of a slot, and cannot load it.
            assert mine.value_type_id == 0
            assert mine.event_type_id in (0, numbers[8])
        else:
            assert numbers[2] == mine.value_size
            assert numbers[8] == mine.value_type_id
        if mine.data is not None:
            assert data == mine.data


def normalised(spec: ProgramSpec, insns: bytes) -> bytes:
    """The instructions without what belongs to the running kernel: descriptors, CO-RE results."""
    code = bytearray(insns)
    for relocation in spec.map_relocations:
        at = relocation.insn * 8
        assert code[at] == 0x18
        offset = struct.unpack_from("<i", code, at + 12)[0]
        assert code[at + 1] >> 4 == (1 if relocation.offset is None else 2)
        assert offset == (relocation.offset or 0)
        code[at + 1] &= 0x0F
        code[at + 4 : at + 8] = code[at + 12 : at + 16] = bytes(4)
    return without_core(spec, bytes(code))


def without_core(spec: ProgramSpec, insns: bytes) -> bytes:
    """The instructions without those that depend on the kernel's types."""
    code = bytearray(insns)
    for insn, *_ in struct.iter_unpack("<IIII", spec.core_relocations):
        at = insn * 8
        size = 16 if spec.insns[at] == 0x18 else 8
        code[at : at + size] = bytes(size)
    return bytes(code)


@pytest.mark.parametrize("path", OBJECTS, ids=lambda path: path.name)
def test_programs_are_linked_to_the_same_instructions(little: Path, oracle: Oracle) -> None:
    spec = read_or_skip(little)
    theirs = oracle
    if theirs.core_failed:
        pytest.skip("libbpf gives up on the CO-RE relocations of this object before linking it")
    assert list(spec.programs) == list(theirs.programs)
    for program in spec.programs.values():
        _, section, prog_type, attach_type, insns = theirs.programs[program.name]
        assert section == program.section
        assert theirs.autoload[program.name] == program.autoload
        if int(prog_type) or section_def(section) is None:
            assert (int(prog_type), int(attach_type)) == (
                program.prog_type,
                program.attach_type or 0,
            )
        else:
            assert theirs.version < (1, 7), f"libbpf does not know {section!r}"
        assert normalised(program, unhex(insns)) == without_core(program, program.insns)


def says_the_same(theirs: ProgramTrace, ours: ProgramSpec, spec: ObjectSpec) -> bool:
    """Whether what libbpf gave the kernel beside the instructions is what our spec has."""
    attr = theirs.attr
    return (
        attr["func_info"] == ours.func_info
        and attr["line_info"] == ours.line_info
        and attr["expected_attach_type"] == (ours.attach_type or 0)
        and ProgFlags(int(str(attr["prog_flags"]))) == ours.flags
        and attr["license"] == spec.license.encode()
    )


@pytest.mark.parametrize("path", OBJECTS, ids=lambda path: path.name)
def test_records_and_btf_are_those_that_libbpf_gives_the_kernel(
    little: Path, oracle: Oracle
) -> None:
    spec = read_or_skip(little)
    assert oracle.btf == spec.btf
    # Those behind one whose BTF target is missing are never loaded; most objects have none.
    assert oracle.trace.programs or not spec.programs or oracle.trace.outcome == "not-loaded"
    for name, loaded in oracle.trace.programs.items():
        # The kernel is told the first fifteen characters of a name.
        short = name.partition(" #")[0]
        candidates = [each for each in spec.programs.values() if each.name[:15] == short]
        assert any(says_the_same(loaded, each, spec) for each in candidates), name


@pytest.mark.parametrize("path", BIG_ENDIAN, ids=lambda path: path.name)
def test_a_big_endian_object_is_read_as_its_little_endian_twin(path: Path, little: Path) -> None:
    """What libbpf confirmed of the twin then holds for the big-endian object as well."""
    big, twin = read_or_skip(path), read_or_skip(little)
    assert (big.byte_order, twin.byte_order) == ("big", "little")
    assert swapped_btf(big.btf) == twin.btf
    assert big.maps == twin.maps
    assert list(big.programs) == list(twin.programs)
    for theirs, ours in zip(twin.programs.values(), big.programs.values(), strict=True):
        assert swapped_insns(ours.insns) == theirs.insns
        assert ours.map_relocations == theirs.map_relocations
        for name in ("func_info", "line_info", "core_relocations"):
            records = array("I", getattr(ours, name))
            records.byteswap()
            assert records.tobytes() == getattr(theirs, name)
