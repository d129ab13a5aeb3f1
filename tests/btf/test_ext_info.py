"""``.BTF.ext``: records per section, from old and newer compilers."""

from __future__ import annotations

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bpf2py.btf import (
    BTFError,
    CoreRelocationRecord,
    FuncInfo,
    LineInfo,
    decode,
    decode_ext,
    encode,
)
from bpf2py.btf.ext_info import (
    decode_core_relocations,
    decode_func_info,
    decode_line_info,
    encode_core_relocations,
    encode_func_info,
    encode_line_info,
)
from bpf2py.btf.header import ByteOrder
from bpf2py.uapi import BTFKind, CoreRelocationKind

from .strategies import DATA, U32

TABLE = decode(encode([], byte_order="little", strings=["xdp", ".text"]))
XDP, TEXT = 1, 5


@pytest.mark.parametrize(("suffix", "order"), [("", "little"), ("_be", "big")])
def test_a_compiled_object_s_records_are_told_per_section(suffix: str, order: ByteOrder) -> None:
    table = decode((DATA / f"sample{suffix}.btf").read_bytes())
    info = decode_ext((DATA / f"sample{suffix}.btf_ext").read_bytes(), table)
    assert info.byte_order == order
    functions = {
        section: [(f.insn_offset, table.name(f.type_id)) for f in decode_func_info(records, order)]
        for section, records in info.func_info.items()
    }
    assert functions == {
        "tracepoint/one": [(0, "first")],
        ".text": [(0, "helper")],
        "tracepoint/two": [(0, "second")],
    }
    lines = decode_line_info(info.line_info["tracepoint/two"], order)
    assert lines[0].insn_offset == 0
    assert "task->inner.y + task->pid" in table.string(lines[1].line_off)
    assert table.string(lines[1].file_name_off) == "./sample.c"
    source = (DATA / "sample.c").read_text().splitlines()
    for line in lines:
        assert source[line.line - 1] == table.string(line.line_off)
    assert lines[1].column > 1
    relocations = decode_core_relocations(info.core_relocations["tracepoint/two"], order)
    task = table.find("task_struct___old", BTFKind.STRUCT)
    assert [(r.type_id, table.string(r.access_offset), r.kind) for r in relocations] == [
        (task, "0:1", CoreRelocationKind.FIELD_BYTE_OFFSET),
        (task, "0:0", CoreRelocationKind.FIELD_BYTE_OFFSET),
    ]
    assert list(info.core_relocations) == ["tracepoint/two"]


@given(st.lists(st.builds(FuncInfo, U32, U32)), st.sampled_from(["little", "big"]))
def test_func_info_survives_a_round_trip(records: list[FuncInfo], order: ByteOrder) -> None:
    assert decode_func_info(encode_func_info(records, order), order) == records


@given(st.lists(st.builds(LineInfo, U32, U32, U32, U32)), st.sampled_from(["little", "big"]))
def test_line_info_survives_a_round_trip(records: list[LineInfo], order: ByteOrder) -> None:
    assert decode_line_info(encode_line_info(records, order), order) == records


@given(
    st.lists(st.builds(CoreRelocationRecord, U32, U32, U32, U32)),
    st.sampled_from(["little", "big"]),
)
def test_core_relocations_survive_a_round_trip(
    records: list[CoreRelocationRecord], order: ByteOrder
) -> None:
    assert decode_core_relocations(encode_core_relocations(records, order), order) == records


def ext(*tables: bytes, header_size: int) -> bytes:
    places, at = [], 0
    for table in tables:
        places += [at, len(table)]
        at += len(table)
    header = struct.pack("<HBBI", 0xEB9F, 1, 0, header_size)
    header += struct.pack(f"<{len(places)}I", *places)
    return header.ljust(header_size, b"\0") + b"".join(tables)


def section(name: int, *records: bytes) -> bytes:
    return struct.pack("<II", name, len(records)) + b"".join(records)


def test_the_old_header_has_no_core_relocations() -> None:
    table = struct.pack("<I", 8) + section(XDP, struct.pack("<II", 16, 3))
    info = decode_ext(ext(table, b"", header_size=24), TABLE)
    assert info.func_info == {"xdp": struct.pack("<II", 16, 3)}
    assert info.line_info == info.core_relocations == {}


def test_longer_records_lose_what_is_not_known_here() -> None:
    long = [struct.pack("<IIII", i, i + 1, 77, 88) for i in range(3)]
    table = struct.pack("<I", 16) + section(XDP, *long[:2]) + section(TEXT, long[2])
    info = decode_ext(ext(table, b"", b"", header_size=40), TABLE)
    assert info.func_info == {
        "xdp": struct.pack("<IIII", 0, 1, 1, 2),
        ".text": struct.pack("<II", 2, 3),
    }


def test_two_parts_of_one_section_are_joined() -> None:
    parts = [struct.pack("<II", i, i) for i in range(2)]
    table = struct.pack("<I", 8) + section(XDP, parts[0]) + section(XDP, parts[1])
    assert decode_ext(ext(table, b"", header_size=24), TABLE).func_info == {"xdp": b"".join(parts)}


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "takes 24 bytes"),
        (bytes(24), "magic"),
        (ext(struct.pack("<I", 4), b"", header_size=24), "records of 4 bytes"),
        (ext(struct.pack("<I", 8) + section(999), b"", header_size=24), "string offset 999"),
        (ext(struct.pack("<III", 8, XDP, 1), b"", header_size=24), "1 records"),
        (ext(struct.pack("<II", 8, XDP), b"", header_size=24), "section's header"),
        (ext(b"\0\0", b"", header_size=24), "too short"),
    ],
)
def test_what_makes_no_sense_is_a_btferror(data: bytes, message: str) -> None:
    with pytest.raises(BTFError, match=message):
        decode_ext(data, TABLE)


def test_half_a_record_is_a_btferror() -> None:
    with pytest.raises(BTFError, match="whole records"):
        decode_line_info(bytes(17), "little")
