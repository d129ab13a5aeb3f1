"""``.BTF.ext``: which function, source line or CO-RE relocation belongs to which instruction.

In: the section's bytes and the TypeTable that its string offsets point into.  Out: ``ExtInfo``,
for each ELF section the raw records, cut to the size known here.  Not here: moving records when
functions are linked (the ELF reader), applying relocations (``core``).

In an object file a record's first field counts *bytes* from the start of its ELF section.  In a
``ProgramSpec`` it counts *instructions* from the entry function, for all three tables: that is
what BPF_PROG_LOAD takes for func_info and line_info, while for CO-RE relocations the kernel would
take bytes again, which does not matter because they never get there.  ``FuncInfo``, ``LineInfo``
and ``CoreRelocationRecord`` are the records in either use.  Follows btf_ext_parse() of libbpf.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING

from ..records import dataclass
from ..uapi import CoreRelocationKind
from .errors import BTFError
from .header import MAGIC, MAGIC_BYTES, PREFIX, Blob, ByteOrder

if TYPE_CHECKING:
    from .table import TypeTable

#: magic, version, flags, hdr_len, then (offset, length) of func_info and line_info.
_HEADER_SIZE = 24
#: With (offset, length) of the CO-RE relocations behind them: LLVM 10 and newer.
_CORE_HEADER_SIZE = 32

#: ``struct`` formats of one record, without the byte order's prefix, and sizes in bytes.
FUNC_INFO_FORMAT, FUNC_INFO_SIZE = "II", 8
LINE_INFO_FORMAT, LINE_INFO_SIZE = "IIII", 16
CORE_RELOCATION_FORMAT, CORE_RELOCATION_SIZE = "IIII", 16


@dataclass(slots=True, frozen=True)
class FuncInfo:
    """``struct bpf_func_info``: a function starts here, *type_id* is its Func."""

    insn_offset: int
    type_id: int


@dataclass(slots=True, frozen=True)
class LineInfo:
    """``struct bpf_line_info``: from here on, the instructions come from this line of C.

    *file_name_off* and *line_off* are string offsets: of the file's name and the line's text.
    """

    insn_offset: int
    file_name_off: int
    line_off: int
    line_col: int

    @property
    def line(self) -> int:
        """The line's number, from 1; 0 if unknown."""
        return self.line_col >> 10

    @property
    def column(self) -> int:
        """The column, from 1; 0 if unknown."""
        return self.line_col & 0x3FF


@dataclass(slots=True, frozen=True)
class CoreRelocationRecord:
    """``struct bpf_core_relo``: what the compiler assumed about the kernel's types here.

    *access_offset* is the string offset of the access path (``0:1:2``) from *type_id*.
    """

    insn_offset: int
    type_id: int
    access_offset: int
    kind: CoreRelocationKind | int


@dataclass(slots=True, frozen=True)
class ExtInfo:
    """The three tables: ELF section name to its records, one behind the other, offsets in bytes."""

    byte_order: ByteOrder
    func_info: Mapping[str, bytes]
    line_info: Mapping[str, bytes]
    core_relocations: Mapping[str, bytes]


def decode_ext(data: Blob, table: TypeTable) -> ExtInfo:
    """Read ``.BTF.ext``; *table* is the object's ``.BTF``.  Raises BTFError with a place in *data*."""
    size = len(data)
    if size < _HEADER_SIZE:
        raise BTFError(f"the .BTF.ext header takes {_HEADER_SIZE} bytes, there are {size}", 0)
    byte_order = MAGIC_BYTES.get(bytes(data[:2]))
    if byte_order is None:
        raise BTFError("the magic number of .BTF.ext is wrong", 0)
    order = PREFIX[byte_order]
    version, flags, header_size = struct.unpack_from(order + "BBI", data, 2)
    if version != 1:
        raise BTFError(f"version {version} of .BTF.ext is not known, only version 1", 2)
    if flags:
        raise BTFError(f"flags 0x{flags:02x} of .BTF.ext are not known", 3)
    if not _HEADER_SIZE <= header_size <= size:
        raise BTFError(f"header length {header_size} is not within {_HEADER_SIZE} and {size}", 4)
    tables: list[dict[str, bytes]] = []
    for what, at, record_size in (
        ("func_info", 8, FUNC_INFO_SIZE),
        ("line_info", 16, LINE_INFO_SIZE),
        ("core_relo", 24, CORE_RELOCATION_SIZE),
    ):
        if at + 8 > header_size:
            tables.append({})
            continue
        start, length = struct.unpack_from(order + "II", data, at)
        if start % 4:
            raise BTFError(f"{what} is not aligned to 4 bytes", at)
        if header_size + start + length > size:
            raise BTFError(f"{what} ends behind the section", at)
        tables.append(
            _read_table(
                data,
                (header_size + start, length),
                order=order,
                record_size=record_size,
                what=what,
                table=table,
            )
        )
    return ExtInfo(byte_order, *tables)


def _read_table(
    data: Blob,
    place: tuple[int, int],
    *,
    order: str,
    record_size: int,
    what: str,
    table: TypeTable,
) -> dict[str, bytes]:
    """One of the tables; records longer than *record_size* lose what this library does not know."""
    at, length = place
    end = at + length
    found: dict[str, bytes] = {}
    if not length:
        return found
    if length < 4:
        raise BTFError(f"{what} is too short for its record size", at)
    (stride,) = struct.unpack_from(order + "I", data, at)
    if stride < record_size or stride % 4:
        raise BTFError(f"{what} records of {stride} bytes are not known", at)
    at += 4
    while at < end:
        if end - at < 8:
            raise BTFError(f"{what} ends within a section's header", at)
        name_offset, count = struct.unpack_from(order + "II", data, at)
        records = at + 8
        if records + count * stride > end:
            raise BTFError(f"{what} ends within a section's {count} records", at)
        try:
            name = table.string(name_offset)
        except BTFError as error:
            raise BTFError(f"{what}: {error.what}", at) from None
        at = records + count * stride
        raw = bytes(data[records:at])
        if stride > record_size:
            raw = b"".join(raw[i : i + record_size] for i in range(0, len(raw), stride))
        found[name] = found.get(name, b"") + raw
    return found


def encode_ext(info: ExtInfo, section: Callable[[str], int]) -> bytes:
    """The bytes of ``.BTF.ext``; *section* gives the string offset of a section's name."""
    order = PREFIX[info.byte_order]
    tables: list[bytes] = []
    for records, size in (
        (info.func_info, FUNC_INFO_SIZE),
        (info.line_info, LINE_INFO_SIZE),
        (info.core_relocations, CORE_RELOCATION_SIZE),
    ):
        parts = [
            struct.pack(order + "II", section(name), len(raw) // size) + raw
            for name, raw in records.items()
            if raw
        ]
        tables.append(struct.pack(order + "I", size) + b"".join(parts) if parts else b"")
    places: list[int] = []
    for i, table in enumerate(tables):
        places += [sum(map(len, tables[:i])), len(table)]
    header = struct.pack(order + "HBBI6I", MAGIC, 1, 0, _CORE_HEADER_SIZE, *places)
    return header + b"".join(tables)


def decode_func_info(records: bytes, byte_order: ByteOrder) -> list[FuncInfo]:
    """The records of one table as values; offsets as they are, in bytes or instructions."""
    fields = _iter_unpack(FUNC_INFO_FORMAT, records, byte_order)
    return [FuncInfo(offset, type_id) for offset, type_id in fields]


def decode_line_info(records: bytes, byte_order: ByteOrder) -> list[LineInfo]:
    """The records of one table as values; offsets as they are, in bytes or instructions."""
    fields = _iter_unpack(LINE_INFO_FORMAT, records, byte_order)
    return [LineInfo(offset, name, line, column) for offset, name, line, column in fields]


def decode_core_relocations(records: bytes, byte_order: ByteOrder) -> list[CoreRelocationRecord]:
    """The records of one table as values; offsets as they are, in bytes or instructions."""
    fields = _iter_unpack(CORE_RELOCATION_FORMAT, records, byte_order)
    return [
        CoreRelocationRecord(offset, type_id, access, _CORE_KINDS.get(kind, kind))
        for offset, type_id, access, kind in fields
    ]


def encode_func_info(records: Iterable[FuncInfo], byte_order: ByteOrder) -> bytes:
    """The other way, 8 bytes each."""
    pack = struct.Struct(PREFIX[byte_order] + FUNC_INFO_FORMAT).pack
    return b"".join([pack(each.insn_offset, each.type_id) for each in records])


def encode_line_info(records: Iterable[LineInfo], byte_order: ByteOrder) -> bytes:
    """The other way, 16 bytes each."""
    pack = struct.Struct(PREFIX[byte_order] + LINE_INFO_FORMAT).pack
    return b"".join(
        [
            pack(each.insn_offset, each.file_name_off, each.line_off, each.line_col)
            for each in records
        ]
    )


def encode_core_relocations(
    records: Iterable[CoreRelocationRecord], byte_order: ByteOrder
) -> bytes:
    """The other way, 16 bytes each."""
    pack = struct.Struct(PREFIX[byte_order] + CORE_RELOCATION_FORMAT).pack
    return b"".join(
        [pack(each.insn_offset, each.type_id, each.access_offset, each.kind) for each in records]
    )


_CORE_KINDS: dict[int, CoreRelocationKind] = {int(kind): kind for kind in CoreRelocationKind}


def _iter_unpack(
    record_format: str, records: bytes, byte_order: ByteOrder
) -> Iterable[tuple[int, ...]]:
    record = struct.Struct(PREFIX[byte_order] + record_format)
    if len(records) % record.size:
        raise BTFError(f"{len(records)} bytes are not whole records of {record.size}", len(records))
    return record.iter_unpack(records)
