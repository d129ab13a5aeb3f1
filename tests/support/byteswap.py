"""A big-endian BPF object as the little-endian one it would be, so that libbpf can link it here.

In: the bytes of an object.  Out: the same object with every number of its ELF tables, instructions
and BTF in the other byte order; contents of data sections stay.  What the code computes would be
wrong; how it is linked is not.
"""

from __future__ import annotations

import struct
from array import array

_EHDR = "HHIQQQIHHHHHH"
_SHDR = "IIQQQQIIQQ"
_SYM = "IBBHQQ"


def _convert(layout: str, data: bytes) -> bytes:
    return b"".join(
        struct.pack("<" + layout, *row) for row in struct.iter_unpack(">" + layout, data)
    )


def _words(data: bytes) -> bytes:
    words = array("I", data)
    words.byteswap()
    return words.tobytes()


def swapped_insns(code: bytes) -> bytes:
    """Big-endian instructions as little-endian ones; both halves of a 16-byte load."""
    rows = [
        (opcode, registers >> 4 | (registers & 15) << 4, off, imm)
        for opcode, registers, off, imm in struct.iter_unpack(">BBhi", code)
    ]
    return b"".join(struct.pack("<BBhi", *row) for row in rows)


def swapped_btf(data: bytes) -> bytes:
    """``.BTF`` in little endian: words everywhere but in the magic number and the strings."""
    header_size, _, _, strings_at, strings_size = struct.unpack_from(">IIIII", data, 4)
    strings = header_size + strings_at
    assert len(data) == strings + strings_size
    return swapped_ext(data[:strings]) + data[strings:]


def swapped_ext(data: bytes) -> bytes:
    """``.BTF.ext`` in little endian: words everywhere but in the magic number."""
    return data[1::-1] + data[2:4] + _words(data[4:])


def swapped_object(data: bytes) -> bytes:
    """The whole file; it must be big-endian and is cut into exactly the same pieces."""
    assert data[5] == 2
    header = struct.unpack_from(">" + _EHDR, data, 16)
    headers, count, names = header[5], header[11], header[12]
    out = bytearray(data)
    out[5] = 1
    out[16:64] = _convert(_EHDR, data[16:64])
    end = headers + 64 * count
    out[headers:end] = _convert(_SHDR, data[headers:end])
    rows = list(struct.iter_unpack(">" + _SHDR, data[headers:end]))
    strings = rows[names][4]
    for name_at, kind, flags, _, at, size, *_ in rows:
        name = data[strings + name_at : data.index(b"\0", strings + name_at)].decode()
        part = data[at : at + size]
        if kind == 2:
            part = _convert(_SYM, part)
        elif kind == 9:
            part = _convert("QQ", part)
        elif kind == 1 and flags & 4:
            part = swapped_insns(part)
        elif name == ".BTF":
            part = swapped_btf(part)
        elif name == ".BTF.ext":
            part = swapped_ext(part)
        else:
            continue
        out[at : at + size] = part
    return bytes(out)
