"""A blob with more types: appended behind the others, so that every id stays true.

In: a blob, words of types, names.  Out: the longer blob.  Not here: making a blob from nothing
(``encoder``), and changing what is there, which is done in place.  A name that the strings have
already is not written twice, as in btf__add_str() of libbpf, so the bytes are libbpf's.
"""

from __future__ import annotations

import struct

from .header import HEADER_SIZE, PREFIX, read_header


class Appender:
    """Collects what is to be appended to *blob*; *next_id* is the first id that is free."""

    def __init__(self, blob: bytes | bytearray, next_id: int) -> None:
        header = read_header(blob, split=False)
        start, length = header.types
        self._prefix = PREFIX[header.byte_order]
        self._types = bytearray(blob[start : start + length])
        start, length = header.strings
        self._strings = bytearray(blob[start : start + length])
        start, length = header.layout
        self._layout = bytes(blob[start : start + length])
        (size,) = struct.unpack_from(self._prefix + "I", blob, 4)
        self._header = bytes(blob[:size])
        self._next_id = next_id
        #: Where each appended type starts, by its id.
        self._places: dict[int, int] = {}

    def string(self, text: str) -> int:
        """The offset of *text* in the strings."""
        encoded = text.encode("utf-8", "surrogateescape")
        at = self._strings.find(b"\0" + encoded + b"\0")
        if not text or at >= 0:
            return at + 1 if text else 0
        at = len(self._strings)
        self._strings += encoded + b"\0"
        return at

    def add(self, *words: int) -> int:
        """Append one type, given as the words of <linux/btf.h>; its id."""
        self._places[self._next_id] = len(self._types)
        self._types += struct.pack(f"{self._prefix}{len(words)}I", *words)
        self._next_id += 1
        return self._next_id - 1

    @property
    def changed(self) -> bool:
        """Whether anything was appended."""
        return bool(self._places)

    def set_param(self, proto_id: int, number: int, target: int) -> None:
        """Give parameter *number* of an appended prototype another type."""
        at = self._places[proto_id] + 12 + 8 * number + 4
        struct.pack_into(self._prefix + "I", self._types, at, target)

    def build(self) -> bytes:
        """The whole blob: header, as long as it was, types, what describes kinds, strings."""
        types, strings = len(self._types), len(self._strings)
        behind = types + len(self._layout)
        header = bytearray(self._header)
        struct.pack_into(self._prefix + "IIII", header, 8, 0, types, behind, strings)
        if self._layout:
            struct.pack_into(self._prefix + "I", header, HEADER_SIZE, types)
        return bytes(header) + self._types + self._layout + self._strings
