"""What is an object and what is not, and damage that the reader must name."""

from __future__ import annotations

import random
import shutil
import struct
from pathlib import Path

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from bpf2py.elf import ObjectError, read_object, read_object_file
from bpf2py.spec import ObjectSpec
from tests.support.elfwriter import (
    COMPRESSED,
    EM_NONE,
    EM_X86_64,
    EXIT,
    LOCAL,
    MOV,
    NOBITS,
    R_64_64,
    RELA,
    SECTION,
    ElfWriter,
    insn,
)

FIXTURES = Path(__file__).resolve().parents[2] / "generated_fixtures"
CODE = insn(MOV, order="little") + insn(EXIT, order="little")


def read(writer: ElfWriter) -> ObjectSpec:
    return read_object(writer.build(), name="t.bpf.o")


def minimal(**options: int) -> ElfWriter:
    elf = ElfWriter(**options)  # type: ignore[arg-type]
    tc = elf.code("tc", CODE)
    elf.symbol("main", tc, size=16)
    return elf


def test_the_smallest_object_has_a_program_and_nothing_else() -> None:
    spec = read(minimal())
    assert spec.name == "t"
    assert (spec.maps, spec.license, spec.btf) == ({}, "", b"")
    assert spec.programs["main"].insns == CODE
    assert len(spec.digest) == 64


def test_objects_of_old_compilers_say_no_machine() -> None:
    assert list(read(minimal(machine=EM_NONE)).programs) == ["main"]


@pytest.mark.parametrize(
    ("data", "complaint"),
    [
        (b"", "not an ELF file"),
        (b"\x7fEL", "not an ELF file"),
        (b"#include <linux/bpf.h>", "not an ELF file"),
        (b"\x7fELF" + bytes(10), "ends inside its ELF header"),
        (b"\x7fELF\x01" + bytes(100), "32-bit"),
        (minimal(machine=EM_X86_64).build(), "EM_X86_64, not a relocatable BPF object"),
        (minimal(type_=2).build(), "ET_EXEC for EM_BPF"),
    ],
)
def test_what_is_no_bpf_object_is_refused_with_advice(data: bytes, complaint: str) -> None:
    with pytest.raises(ObjectError, match=rf"^t\.bpf\.o: .*{complaint}"):
        read_object(data, name="t.bpf.o")


def test_a_shared_library_of_this_machine_is_refused() -> None:
    program = shutil.which("true")
    assert program is not None
    with pytest.raises(ObjectError, match="not a relocatable BPF object"):
        read_object_file(program)


def test_a_missing_file_is_an_oserror_that_names_it(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"no\.bpf\.o"):
        read_object_file(tmp_path / "no.bpf.o")


def test_the_name_ends_at_the_first_dot(tmp_path: Path) -> None:
    path = tmp_path / "open.snoop.bpf.o"
    path.write_bytes(minimal().build())
    assert read_object_file(path).name == "open"


@pytest.mark.parametrize(("name", "refused"), [(".data", True), (".debug_info", False)])
def test_compressed_sections_are_refused_unless_only_debuggers_need_them(
    name: str, refused: bool
) -> None:
    elf = minimal()
    elf.section(name, bytes(24), flags=COMPRESSED)
    if refused:
        with pytest.raises(ObjectError, match=r"section '\.data' is compressed"):
            read(elf)
    else:
        assert list(read(elf).programs) == ["main"]


def test_unwind_tables_and_debug_sections_are_left_alone() -> None:
    elf = minimal()
    text = elf.symbol("", 1, kind=SECTION, bind=LOCAL)
    for name in (".eh_frame", ".debug_line", ".BTF.ext"):
        section = elf.section(name, bytes(24))
        elf.relocate(section, 4, text, 2)
        elf.relocate(section, 1 << 40, 1 << 20, 77)
    assert list(read(elf).programs) == ["main"]


def test_bss_asks_for_no_memory_that_no_kernel_has() -> None:
    elf = minimal()
    elf.section(".bss", kind=NOBITS, size=1 << 60)
    with pytest.raises(ObjectError, match=r"section '\.bss' asks for 1152921504606846976 bytes"):
        read(elf)


def test_a_section_beyond_the_end_of_the_file_is_refused() -> None:
    elf = minimal()
    elf.section(".data", bytes(8), size=1 << 60)
    with pytest.raises(ObjectError, match=r"section #2 reaches byte .* of a file of"):
        read(elf)


@pytest.mark.parametrize(("offset", "symbol"), [(4, 1), (16, 1), (1 << 60, 1), (0, 99)])
def test_relocations_of_nothing_are_refused(offset: int, symbol: int) -> None:
    elf = minimal()
    elf.relocate(1, offset, symbol)
    with pytest.raises(ObjectError, match=r"'\.reltc' re"):
        read(elf)


def test_relocations_with_addends_are_refused() -> None:
    elf = minimal()
    elf.relocate(1, 0, 1, R_64_64)
    data = bytearray(elf.build())
    # The kind of the one SHT_REL section, in its header.
    (headers,) = struct.unpack_from("<Q", data, 40)
    for i in range(len(elf.sections)):
        at = headers + 64 * i + 4
        if struct.unpack_from("<I", data, at) == (9,):
            struct.pack_into("<I", data, at, RELA)
    with pytest.raises(ObjectError, match="not a table of SHT_REL relocations"):
        read_object(bytes(data), name="t.bpf.o")


def test_a_stripped_object_is_refused() -> None:
    elf = minimal()
    data = bytearray(elf.build())
    (headers,) = struct.unpack_from("<Q", data, 40)
    struct.pack_into("<I", data, headers + 64 * 2 + 4, 1)
    with pytest.raises(ObjectError, match="0 symbol tables"):
        read_object(bytes(data), name="t.bpf.o")


@pytest.mark.parametrize(
    ("section", "complaint"),
    [
        (".struct_ops", "not described by any BTF"),
        (".struct_ops.link", "not described by any BTF"),
        ("?.struct_ops", "not described by any BTF"),
        (".addr_space.1", "no map is an arena"),
        ("maps", r"declare the maps in SEC\(\"\.maps\"\)"),
    ],
)
def test_sections_that_cannot_be_loaded_are_refused_by_name(section: str, complaint: str) -> None:
    elf = minimal()
    elf.section(section, bytes(32))
    with pytest.raises(ObjectError, match=rf"section '{section.replace('?', '[?]')}'.*{complaint}"):
        read(elf)


@pytest.mark.parametrize(
    ("text", "license_"),
    [(b"GPL\0", "GPL"), (b"Dual MIT/GPL\0rest", "Dual MIT/GPL"), (b"BSD", "BSD"), (b"", "")],
)
def test_the_license_ends_at_its_nul(text: bytes, license_: str) -> None:
    elf = minimal()
    elf.section("license", text)
    elf.section("version", b"\x01\x02\x03\x04")
    assert read(elf).license == license_


def test_a_license_that_is_no_text_is_refused() -> None:
    elf = minimal()
    elf.section("license", b"\xff\xfe")
    with pytest.raises(ObjectError, match="section 'license' is not text"):
        read(elf)


def test_names_that_are_no_text_are_refused() -> None:
    data = minimal().build().replace(b"\0main\0", b"\0ma\xffn\0")
    with pytest.raises(ObjectError, match="the name of symbol #1 is not UTF-8"):
        read_object(data, name="t.bpf.o")


# ---- damage ----

OBJECTS = [FIXTURES / name for name in ("maps_basic.bpf.o", "subprogs.bpf.o", "globals.eb.bpf.o")]


def survives(data: bytes) -> None:
    """Reading answers or names the fault; whatever else it raises fails the test."""
    complaint, size = "broken.bpf.o: ", 0
    try:
        spec = read_object(data, name="broken.bpf.o")
        size = sum(len(program.insns) for program in spec.programs.values())
    except ObjectError as exc:
        complaint = str(exc)
    assert complaint.startswith("broken.bpf.o: ")
    assert size <= 128 << 20


@pytest.mark.parametrize("path", OBJECTS, ids=lambda path: path.name)
def test_every_truncation_is_survived(path: Path) -> None:
    data = path.read_bytes()
    for size in range(0, len(data), max(1, len(data) // 400)):
        survives(data[:size])


@pytest.mark.parametrize("path", OBJECTS, ids=lambda path: path.name)
def test_every_damaged_header_is_survived(path: Path) -> None:
    """Each word of the ELF header, the section headers and the symbols, with awkward numbers."""
    data = path.read_bytes()
    order = "<" if data[5] == 1 else ">"
    (headers,) = struct.unpack_from(order + "Q", data, 40)
    rng = random.Random(path.name)
    places = [*range(16, 64, 2), *rng.sample(range(headers, len(data) - 8, 4), 50)]
    for place in places:
        for word in (0, 1, 0x7FFFFFFF, 0xFFFFFFFF, 0xFFFFFFF8, 16, 24):
            broken = bytearray(data)
            struct.pack_into(order + "I", broken, place, word)
            survives(bytes(broken))


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    path=st.sampled_from(OBJECTS),
    flips=st.lists(st.integers(0, 1 << 20), min_size=1, max_size=20),
)
@example(path=OBJECTS[0], flips=[0])
def test_any_flipped_bits_are_survived(path: Path, flips: list[int]) -> None:
    broken = bytearray(path.read_bytes())
    for flip in flips:
        flip %= len(broken) * 8
        broken[flip // 8] ^= 1 << flip % 8
    survives(bytes(broken))


@settings(max_examples=100, deadline=None)
@given(st.binary(max_size=300))
def test_any_bytes_behind_a_magic_number_are_survived(data: bytes) -> None:
    survives(b"\x7fELF\x02\x01\x01" + data)
