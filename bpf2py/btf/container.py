"""BTF out of what it comes in: raw, a vmlinux with a section of it, xz, gzip, an archive of one file.

In: a file's bytes.  Out: the bytes of raw BTF.  What it is, the first bytes say, never a name.  Not
here: files, archives of many kernels (``runtime.btf_hub``), split BTF (``elf.btf_file``).
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from typing import TYPE_CHECKING

from .errors import BTFError
from .header import MAGIC_BYTES, PREFIX, Blob, ByteOrder

if TYPE_CHECKING:
    import tarfile

_SUFFIX = ".btf"
_ELF_MAGIC = b"\x7fELF"
_XZ_MAGIC = b"\xfd7zXZ\0"
_GZIP_MAGIC = b"\x1f\x8b"
_TAR_MAGIC_AT = 257
_TAR_MAGIC = b"ustar"
#: An archive of a compressed file of …: nobody does more.
_LAYERS = 4

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
    import zlib

    content = bytes(data)
    try:
        if content[:2] == _GZIP_MAGIC:
            return zlib.decompress(content, 16 + zlib.MAX_WBITS)
        import lzma
    except zlib.error as error:
        raise BTFError(f"damaged gzip: {error}") from error
    except ModuleNotFoundError as error:
        raise BTFError("compressed by xz, which this Python was built without") from error
    try:
        return lzma.decompress(content)
    except lzma.LZMAError as error:
        raise BTFError(f"damaged xz: {error}") from error


def _only_file(data: Blob) -> bytes:
    found = [content for name, content in members(data) if name.endswith(_SUFFIX)]
    if len(found) != 1:
        raise BTFError(f"an archive with {len(found)} files *{_SUFFIX} in it, not one")
    return found[0]


def members(data: Blob) -> Iterator[tuple[str, bytes]]:
    """Name and content of each file in an archive (tar, also compressed); :class:`BTFError`."""
    import io
    import tarfile

    if bytes(data[:6]) == _XZ_MAGIC or bytes(data[:2]) == _GZIP_MAGIC:
        data = _decompressed(data)
    try:
        with tarfile.open(fileobj=io.BytesIO(bytes(data)), mode="r:") as archive:
            for entry in archive:
                if entry.isfile() or entry.islnk():
                    yield entry.name, _content(archive, entry)
    except (tarfile.TarError, KeyError, EOFError) as error:
        raise BTFError(f"damaged archive: {error}") from error


def _content(archive: tarfile.TarFile, entry: tarfile.TarInfo) -> bytes:
    file = archive.extractfile(entry)  # of a hard link: what it leads to
    return file.read() if file is not None else b""


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
    except (struct.error, IndexError, KeyError):
        raise BTFError("a damaged ELF file") from None
    raise BTFError("an ELF file without a section .BTF")
