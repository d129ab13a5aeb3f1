"""BTF out of what it comes in: raw, a vmlinux with a section of it, xz, gzip, an archive of one file.

In: a file's bytes.  Out: the bytes of raw BTF.  What it is, the first bytes say, never a name.  Not
here: files, archives of many kernels (``runtime.btf_hub``), split BTF (``elf.btf_file``).
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterator
from typing import Any

from .errors import BTFError
from .header import MAGIC_BYTES, PREFIX, Blob, ByteOrder

_SUFFIX = ".btf"
_ELF_MAGIC = b"\x7fELF"
_XZ_MAGIC = b"\xfd7zXZ\0"
_GZIP_MAGIC = b"\x1f\x8b"
_TAR_MAGIC_AT = 257
_TAR_MAGIC = b"ustar"
#: An archive of a compressed file of …: nobody does more.
_LAYERS = 4
#: What a compressed file may have in it: the largest vmlinux of a distribution has 70 MiB, one with
#: debug information is not packed like this, and a few kilobytes can claim to be terabytes.
_LIMIT = 256 << 20

#: Of the ELF header by class: where the section headers start, and their size, number and that of
#: the one with the names; of a section header: name, flags, offset and size.
_ELF_HEADER = {1: ("I", 0x20, 0x2E), 2: ("Q", 0x28, 0x3A)}
_SECTION = {1: "I4xI4xII", 2: "I4xQ8xQQ"}
_COMPRESSED_SECTION = 0x800


def unpack(data: Blob) -> Blob:
    """The raw BTF in a file's content; :class:`BTFError` says what else it is."""
    for _ in range(_LAYERS):
        first = bytes(data[:6])
        if first[:2] in MAGIC_BYTES:
            return data
        if first[:4] == _ELF_MAGIC:
            return _section(data)
        if first == _XZ_MAGIC or first[:2] == _GZIP_MAGIC:
            data = _decompressed(data)
        elif bytes(data[_TAR_MAGIC_AT : _TAR_MAGIC_AT + len(_TAR_MAGIC)]) == _TAR_MAGIC:
            data = _only_file(data)
        else:
            break
    if not len(data):
        raise BTFError("empty")
    raise BTFError("neither BTF, nor an ELF file, nor one of them compressed or in an archive")


def _decompressed(data: Blob) -> bytes:
    """What is in a file of gzip or xz, or in several one behind the other."""
    content = bytes(data)
    what, magic, new, damage = _codec(content)
    parts: list[bytes] = []
    left = _LIMIT
    try:
        while content.startswith(magic):
            one = new()
            parts.append(one.decompress(content, left + 1))
            left -= len(parts[-1])
            if left < 0:
                raise BTFError(f"{what} with more than {_LIMIT >> 20} MiB in it")
            if not one.eof:
                raise BTFError(f"{what} that is cut off")
            content = one.unused_data.lstrip(b"\0")
    except damage as error:
        raise BTFError(f"damaged {what}: {error}") from error
    return b"".join(parts)


def _codec(content: bytes) -> tuple[str, bytes, Callable[[], Any], type[Exception]]:
    """Name, magic, decompressor and exception of what *content* is compressed by."""
    if content.startswith(_GZIP_MAGIC):
        import zlib

        return "gzip", _GZIP_MAGIC, lambda: zlib.decompressobj(16 + zlib.MAX_WBITS), zlib.error
    try:
        import lzma
    except ModuleNotFoundError as error:
        raise BTFError("compressed by xz, which this Python was built without") from error
    return (
        "xz",
        _XZ_MAGIC,
        lambda: lzma.LZMADecompressor(lzma.FORMAT_XZ, memlimit=_LIMIT),
        lzma.LZMAError,
    )


def _only_file(data: Blob) -> Blob:
    found = [content for name, content in members(data) if name.endswith(_SUFFIX)]
    if len(found) != 1:
        raise BTFError(f"an archive with {len(found)} files *{_SUFFIX} in it, not one")
    return found[0]


def members(data: Blob) -> Iterator[tuple[str, memoryview]]:
    """Name and content of each file in an archive (tar, also compressed); :class:`BTFError`."""
    from . import tar

    if bytes(data[:6]) == _XZ_MAGIC or bytes(data[:2]) == _GZIP_MAGIC:
        data = _decompressed(data)
    yield from tar.files(data)


def _section(data: Blob) -> bytes:
    """The section .BTF of an ELF file; as elf.h has its headers."""
    try:
        order: ByteOrder = "big" if data[5] == 2 else "little"
        prefix = PREFIX[order]
        word, start_at, sizes_at = _ELF_HEADER[data[4]]
        (start,) = struct.unpack_from(prefix + word, data, start_at)
        size, count, names = struct.unpack_from(prefix + "HHH", data, sizes_at)
        header = struct.Struct(prefix + _SECTION[data[4]])
        sections = [header.unpack_from(data, start + size * number) for number in range(count)]
        start = sections[names][2]
        found = {bytes(data[start + each[0] : start + each[0] + 10]): each for each in sections}
        if b".BTF.base\0" in found:
            raise BTFError("a module whose BTF has a base of its own, which is not the kernel's")
        for name, (_, flags, offset, length) in found.items():
            if not name.startswith(b".BTF\0"):
                continue
            if flags & _COMPRESSED_SECTION:
                raise BTFError("its section .BTF is compressed")
            if offset + length > len(data):
                raise BTFError("its section .BTF ends behind the file")
            return bytes(data[offset : offset + length])
    except (struct.error, IndexError, KeyError, OverflowError):
        raise BTFError("a damaged ELF file") from None
    raise BTFError("an ELF file without a section .BTF")
