"""Every compiled fixture as libbpf reads and links it, and as we do: no difference but the known.

libbpf is asked by ``tests.oracle``, with the kernel kept out of it: no privileges are needed, and
all programs are looked at.  Here the spec is compared, before any kernel; what both then tell a
kernel is compared in ``tests/oracle/test_compare.py``.
"""

from __future__ import annotations

import os
import struct
import sys
from array import array
from contextlib import ExitStack
from functools import cache
from pathlib import Path

import pytest

from bpf2py.btf import decode, types
from bpf2py.btf.arg_ctx import Tagged, retyped
from bpf2py.btf.kept import kept_events
from bpf2py.elf import ObjectError, read_object_file, section_def
from bpf2py.records import replace
from bpf2py.runtime.externs.kconfig import kconfig_data
from bpf2py.runtime.externs.ksyms import Symbols
from bpf2py.runtime.kernel import VMLINUX_BTF
from bpf2py.runtime.kernel_btf import kernel_btf
from bpf2py.runtime.relocate import patch_extern
from bpf2py.runtime.struct_ops import make_plan
from bpf2py.spec import KCONFIG, MapSpec, ObjectSpec, Pinning, ProgramSpec
from bpf2py.uapi import MapType, ProgType
from tests.oracle import Kernel, require_libbpf, run_libbpf
from tests.oracle.traces import Trace, unhex
from tests.support.byteswap import swapped_btf, swapped_insns, swapped_object

HERE = Path(__file__).parent
FIXTURES = HERE.parents[1] / "generated_fixtures"
OBJECTS = [*sorted(FIXTURES.glob("*.bpf.o")), *sorted((HERE / "objects").glob("*.bpf.o"))]
BIG_ENDIAN = [path for path in OBJECTS if path.read_bytes()[5:6] == b"\x02"]
#: BPF_OBJ_NAME_LEN: a map or a program is known to the kernel by so many bytes, with the NUL.
NAME_LENGTH = 16
PAGE = os.sysconf("SC_PAGE_SIZE")
#: Objects that an older libbpf cannot open at all: optional struct_ops, variables in arenas, jump
#: tables.
NEEDS_LIBBPF = {
    "struct_ops": (1, 4),
    "module_ops": (1, 4),
    "arena": (1, 5),
    "jump_tables": (1, 7),
    "jumps": (1, 7),
}
#: What kconfig_kinds.bpf.c wants to know, the same for libbpf and for us.
KCONFIG_TEXT = """\
CONFIG_T_BOOL=y
CONFIG_T_TRISTATE=m
CONFIG_T_CHAR=y
CONFIG_T_S8=-5
CONFIG_T_U8=0xfa
CONFIG_T_S16=-300
CONFIG_T_U16=65535
CONFIG_T_S32=-70000
CONFIG_T_U32=0xfffffff0
CONFIG_T_S64=-1099511627776
CONFIG_T_U64=0xffffffff80000000
# CONFIG_T_WEAK is not set
CONFIG_T_S8=7
CONFIG_T_TEXT="eleven char"
"""
_EVENTS = (MapType.RINGBUF, MapType.USER_RINGBUF, MapType.PERF_EVENT_ARRAY)


class Oracle:
    """What libbpf said about one object, by the names that are in the object."""

    def __init__(self, version: str, trace: Trace) -> None:
        major, minor = version.split(".")
        self.version = int(major), int(minor)
        self.maps = trace.lines.get("map", [])
        self.programs = {words[0]: words for words in trace.lines.get("program", [])}
        self.autoload = {name: flag == "1" for name, flag in trace.lines.get("autoload", [])}
        #: What got as far as BPF_PROG_LOAD: all, or those before the one that libbpf gave up at.
        self.loaded = dict(zip(self.programs, trace.programs.values(), strict=False))
        for name, program in self.loaded.items():
            assert program.name.partition(" ")[0] == name[: NAME_LENGTH - 1]
        self.given = {each.name: each.elements for each in trace.maps}
        self.btf = unhex(trace.lines["types"][0][0]) if "types" in trace.lines else b""
        self.not_opened = trace.outcome == "not-opened"
        self.not_loaded = trace.outcome == "not-loaded"
        said = "\n".join(trace.says)
        self.not_there = "not found in kernel" in said
        self.core_failed = "failed to perform CO-RE relocations" in said

    @property
    def kconfig(self) -> bytes:
        """What .kconfig was filled with."""
        ((_, value),) = next(e for name, e in self.given.items() if name.endswith(KCONFIG))
        assert isinstance(value, bytes)
        return value


@pytest.fixture
def little(path: Path, tmp_path: Path) -> Path:
    """The object, or what it would be in little endian: all that libbpf links on this machine."""
    if path not in BIG_ENDIAN:
        return path
    swapped = tmp_path / path.name
    swapped.write_bytes(swapped_object(path.read_bytes()))
    return swapped


def ask(path: Path, kernel: Kernel = Kernel.NONE) -> Oracle:
    """What libbpf makes of the object, or skip where this libbpf cannot say."""
    require_libbpf()
    version, found = _all_asked() if kernel is Kernel.NONE else _asked((path,), kernel)
    if path not in found:
        version, found = _asked((path,), kernel)
    oracle = Oracle(version, found[path])
    since = NEEDS_LIBBPF.get(path.name.partition(".")[0], (0, 0))
    if oracle.version < since:
        pytest.skip(f"libbpf {version} does not know what {path.name} uses")
    assert not oracle.not_opened, found[path].says
    return oracle


@cache
def _all_asked() -> tuple[str, dict[Path, Trace]]:
    return _asked(tuple(path for path in OBJECTS if path not in BIG_ENDIAN), Kernel.NONE)


def _asked(paths: tuple[Path, ...], kernel: Kernel) -> tuple[str, dict[Path, Trace]]:
    version, found = run_libbpf(paths, kernel=kernel, kconfig=KCONFIG_TEXT, everything=True)
    return version, dict(zip(paths, found, strict=True))


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
def test_maps_are_those_that_libbpf_finds(little: Path) -> None:
    spec = read_or_skip(little)
    theirs = ask(little).maps
    ours = all_maps(spec)
    kept = kept_events(decode(spec.btf)) if spec.btf else {}
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
            # libbpf takes what the events look like for the size of a slot, and cannot load it;
            # BPF2PY_EVENT() says it where libbpf does not look.
            assert mine.value_type_id == 0
            assert mine.event_type_id in (0, numbers[8], kept.get(mine.name))
        else:
            assert numbers[2] == mine.value_size
            assert numbers[8] == mine.value_type_id
        if mine.map_type is MapType.STRUCT_OPS:
            # There, addresses of its own stand for the programs.
            table = decode(spec.btf)
            struct_type = table[mine.value_type_id]
            assert isinstance(struct_type, types.Struct)
            pointers = {member.name: member.bit_offset // 8 for member in struct_type.members}
            blank = bytearray(data)
            for member in mine.functions:
                at = pointers[member]
                assert any(blank[at : at + 8])
                blank[at : at + 8] = bytes(8)
            assert blank == mine.data
        elif mine.data is not None:
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


def resolved(spec: ObjectSpec, program: ProgramSpec, version: tuple[int, int]) -> bytes:
    """The instructions with the symbols of the running kernel, as a libbpf of *version* finds them."""
    code = bytearray(program.insns)
    if not program.extern_relocations:
        return bytes(code)
    alone = replace(spec, programs={program.name: replace(program, autoload=True)})
    try:
        symbols = Symbols(alone)
    except PermissionError as exc:
        pytest.skip(str(exc))
    for relocation in program.extern_relocations:
        found = symbols.found[relocation.extern]
        # libbpf knows versions of functions since 1.3, and gave missing ones the number 0 until then.
        if version < (1, 3) and "___" in relocation.extern:
            found = found._replace(type_id=0)
        patch_extern(code, relocation, program.name, {relocation.extern: found})
        if version < (1, 3) and code[8 * relocation.insn] == 0x85 and not found.type_id:
            code[8 * relocation.insn : 8 * relocation.insn + 8] = bytes.fromhex("8520000000000000")
    symbols.close()
    return bytes(code)


def skip_exceptions(spec: ObjectSpec, theirs: Oracle) -> None:
    if "bpf_throw" in spec.externs and theirs.version < (1, 3):
        pytest.skip("this libbpf does not know exception callbacks")


def without_core(spec: ProgramSpec, insns: bytes) -> bytes:
    """The instructions without those that depend on the kernel's types."""
    code = bytearray(insns)
    for insn, *_ in struct.iter_unpack("<IIII", spec.core_relocations):
        at = insn * 8
        size = 16 if spec.insns[at] == 0x18 else 8
        code[at : at + size] = bytes(size)
    return bytes(code)


@pytest.mark.parametrize("path", OBJECTS, ids=lambda path: path.name)
def test_programs_are_linked_to_the_same_instructions(little: Path) -> None:
    spec = read_or_skip(little)
    theirs = ask(little)
    if theirs.core_failed:
        pytest.skip("libbpf gives up on the CO-RE relocations of this object before linking it")
    if theirs.not_there:
        pytest.skip("libbpf gives up on externs of programs that are not to be loaded")
    skip_exceptions(spec, theirs)
    assert list(spec.programs) == list(theirs.programs)
    for program in spec.programs.values():
        _, section, prog_type, attach_type, insns = theirs.programs[program.name]
        assert section == program.section
        assert theirs.autoload[program.name] == program.autoload
        if program.prog_type is ProgType.STRUCT_OPS:
            assert int(prog_type) == program.prog_type  # the attach type is the kernel's to say
        elif int(prog_type) or section_def(section) is None:
            assert (int(prog_type), int(attach_type)) == (
                program.prog_type,
                program.attach_type or 0,
            )
        else:
            assert theirs.version < (1, 7), f"libbpf does not know {section!r}"
        ours = resolved(spec, program, theirs.version)
        assert normalised(program, unhex(insns)) == without_core(program, ours)


@pytest.mark.parametrize("path", OBJECTS, ids=lambda path: path.name)
def test_records_and_btf_are_those_that_libbpf_gives_the_kernel(little: Path) -> None:
    spec = read_or_skip(little)
    theirs = ask(little)
    assert theirs.btf == spec.btf
    skip_exceptions(spec, theirs)
    # Those behind one whose BTF target is missing are never loaded; most objects have none.
    assert theirs.loaded or not spec.programs or theirs.not_loaded
    for name, their in theirs.loaded.items():
        program = spec.programs[name]
        assert their.attr["func_info"] == program.func_info
        assert their.attr["line_info"] == program.line_info
        if program.prog_type is not ProgType.STRUCT_OPS:
            assert their.attr["expected_attach_type"] == (program.attach_type or 0)
        assert their.attr["prog_flags"] == program.flags
        assert their.attr["license"] == spec.license.encode()


@pytest.mark.parametrize("path", OBJECTS, ids=lambda path: path.name)
def test_slots_are_filled_as_libbpf_fills_them(little: Path) -> None:
    spec = read_or_skip(little)
    theirs = ask(little)
    if theirs.not_loaded:
        pytest.skip("libbpf does not load this object")
    ours = {each.name: each.values for each in spec.maps.values() if each.values}
    slots = {
        name: {int.from_bytes(key, sys.byteorder): what for key, what in elements}
        for name, elements in theirs.given.items()
        if elements and all(isinstance(what, str) for _, what in elements)
    }
    assert slots.keys() == {name[: NAME_LENGTH - 1] for name in ours}
    for name, values in ours.items():
        names = {key: what[: NAME_LENGTH - 1] for key, what in values.items()}
        theirs_here = slots[name[: NAME_LENGTH - 1]]
        assert {k: w.partition(" ")[2].partition(" ")[0] for k, w in theirs_here.items()} == names


@pytest.mark.skipif(not Path(VMLINUX_BTF).exists(), reason="the kernel does not show its BTF")
def test_struct_ops_are_laid_out_for_this_kernel_as_libbpf_does() -> None:
    path = FIXTURES / "struct_ops.bpf.o"
    spec = read_object_file(path)
    theirs = ask(path)
    with ExitStack() as stack:
        plan = make_plan(spec, decode(spec.btf), kernel_btf, stack)
    assert plan.structs.keys() == {"by_map", "by_link", "replacement"}
    for name, struct_value in plan.structs.items():
        ((_, (value, functions)),) = theirs.given[name]
        assert bytes(struct_value.value) == value
        assert dict(struct_value.functions) == functions
    assert plan.targets.keys() == theirs.loaded.keys()
    for name, target in plan.targets.items():
        assert target.type_id == theirs.loaded[name].attr["attach_btf_id"]
        assert target.attach_type == theirs.loaded[name].attr["expected_attach_type"]


@pytest.mark.parametrize(
    "path",
    [path for path in OBJECTS if path.name in ("externs.bpf.o", "kconfig_kinds.bpf.o")],
    ids=lambda path: path.name,
)
def test_configuration_values_are_those_that_libbpf_finds(little: Path) -> None:
    spec = read_or_skip(little)
    theirs = ask(little).kconfig
    ours = kconfig_data(spec, KCONFIG_TEXT.encode())
    for name, variable in spec.maps[KCONFIG].variables.items():
        # What libbpf finds by asking a kernel, which is kept out of this, is not compared.
        if not name.startswith("LINUX_HAS_"):
            place = slice(variable.offset, variable.offset + variable.size)
            assert (name, ours[place]) == (name, theirs[place])
    assert any(ours)


def test_contexts_are_typed_as_by_libbpf_for_kernels_without_the_tag() -> None:
    path = FIXTURES / "arg_ctx.bpf.o"
    theirs = ask(path, Kernel.OLD)
    if theirs.version < (1, 4):
        pytest.skip("this libbpf does not know the tag either")
    spec = read_object_file(path)
    programs = {
        name: Tagged(program.prog_type, program.func_info)
        for name, program in spec.programs.items()
    }
    btf, func_info = retyped(spec.btf, programs)
    for name, records in func_info.items():
        their = theirs.loaded[name].attr
        assert btf == their["btf"] != spec.btf
        assert records == their["func_info"] != spec.programs[name].func_info


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
