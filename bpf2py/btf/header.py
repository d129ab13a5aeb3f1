"""The header of a BTF blob: where its types, its strings and its layout section lie.

In: the blob.  Out: a ``Header`` whose offsets count from the start of the blob and are known to
lie inside it.  Not here: the sections' contents.  Follows btf_parse_hdr() of the kernel and of
libbpf: an older header is shorter, a newer one longer, and what is longer must be zero.
"""

from __future__ import annotations

import struct

from ..light import TYPE_CHECKING, Literal, NamedTuple
from .errors import BTFError

if TYPE_CHECKING:
    import mmap
    from typing import TypeAlias

ByteOrder: TypeAlias = Literal["little", "big"]
#: Bytes that can be searched: what a blob may come as without being copied.
Blob: TypeAlias = "bytes | bytearray | memoryview | mmap.mmap"

MAGIC = 0xEB9F
MAGIC_BYTES: dict[bytes, ByteOrder] = {b"\x9f\xeb": "little", b"\xeb\x9f": "big"}
#: ``struct`` prefix for a byte order.
PREFIX: dict[ByteOrder, str] = {"little": "<", "big": ">"}

#: magic, version, flags, hdr_len, type_off, type_len, str_off, str_len
HEADER_FORMAT = "HBBIIIII"
HEADER_SIZE = 24
#: The layout section's fields came with 7.0: layout_off, layout_len.
_LAYOUT_FIELDS_END = 32


class Header(NamedTuple):
    """Sections of one blob as (start, length) in bytes from the blob's first byte."""

    byte_order: ByteOrder
    types: tuple[int, int]
    strings: tuple[int, int]
    layout: tuple[int, int]


def is_split(data: Blob) -> bool:
    """Whether the strings continue those of a base: only then is the first not the empty one."""
    start, length = read_header(data, split=True).strings
    return not length or data[start] != 0


def read_header(data: Blob, *, split: bool) -> Header:
    """Read and check the header; *split* BTF may have no strings of its own.

    Raises BTFError for anything the sections' readers could not rely on.
    """
    size = len(data)
    if size < HEADER_SIZE:
        raise BTFError(f"the header takes {HEADER_SIZE} bytes, the blob has {size}", 0)
    byte_order = MAGIC_BYTES.get(bytes(data[:2]))
    if byte_order is None:
        raise BTFError(f"magic number 0x{MAGIC:04x} expected, found {bytes(data[:2]).hex()}", 0)
    fields = struct.unpack_from(PREFIX[byte_order] + HEADER_FORMAT, data)
    _, version, flags, header_size, type_off, type_len, str_off, str_len = fields
    if version != 1:
        raise BTFError(f"version {version} is not known, only version 1", 2)
    if flags:
        raise BTFError(f"flags 0x{flags:02x} are not known", 3)
    if not HEADER_SIZE <= header_size <= size:
        raise BTFError(f"header length {header_size} is not within {HEADER_SIZE} and {size}", 4)
    layout_off = layout_len = 0
    known = HEADER_SIZE
    if header_size >= _LAYOUT_FIELDS_END:
        known = _LAYOUT_FIELDS_END
        layout_off, layout_len = struct.unpack_from(PREFIX[byte_order] + "II", data, HEADER_SIZE)
    extra = bytes(data[known:header_size])
    if extra.strip(b"\0"):
        raise BTFError("the header carries fields of a newer version that are not zero", known)
    for what, at, offset, length in (
        ("types", 8, type_off, type_len),
        ("strings", 16, str_off, str_len),
        ("layout", HEADER_SIZE, layout_off, layout_len),
    ):
        if header_size + offset + length > size:
            raise BTFError(f"section of {what} ends behind the blob", at)
    for what, at, value in (
        ("type", 8, type_off),
        ("type", 12, type_len),
        ("layout", 24, layout_off),
    ):
        if value % 4:
            raise BTFError(f"{what} section is not aligned to 4 bytes", at)
    strings = header_size + str_off
    if str_len:
        if data[strings + str_len - 1]:
            raise BTFError("the string section does not end with a NUL", strings + str_len - 1)
        if not split and data[strings]:
            raise BTFError(
                "the first string is not empty; split BTF needs to be decoded with its base",
                strings,
            )
    elif not split:
        raise BTFError("there is no string section", 20)
    return Header(
        byte_order=byte_order,
        types=(header_size + type_off, type_len),
        strings=(strings, str_len),
        layout=(header_size + layout_off, layout_len),
    )
