"""A BTF blob to a TypeTable: one scan that notes where each type starts.

In: the blob (as bytes, or mapped from a file), its base table if it is split BTF, and, from an
index kept on disk, what the scan would have found.  Out: a ``TypeTable``.  Not here: the types
themselves, which the table builds one by one.  Any bytes give a table or a BTFError.

The scan is the price of the first look at the kernel's BTF, so it is written for speed: a
generator that feeds ``array``, and a dict from the info word to the type's length, which computes
each of the few hundred different words once.  That takes a quarter of what a loop with
``struct.unpack_from`` takes, and about ten milliseconds for a hundred thousand types.
"""

from __future__ import annotations

import mmap
import sys
from array import array

from ..light import Iterator, Sequence
from .errors import BTFError
from .header import Blob, Header, read_header
from .kinds import EXTRA_WORDS, VLEN_MASK
from .names import NameIndex, SortedNames
from .table import TypeTable


def decode(
    data: Blob,
    *,
    base: TypeTable | None = None,
    offsets: Sequence[int] | None = None,
    names: NameIndex | None = None,
) -> TypeTable:
    """The types of *data*; of split BTF when *base* is given.

    *offsets* and *names* replace the scan by what an earlier one found (``TypeTable.offsets``,
    ``TypeTable.names``); who passes them vouches that they belong to these bytes.  A bytearray or
    memoryview is copied; bytes and mmap are used in place.  Raises BTFError.
    """
    blob = data if isinstance(data, (bytes, mmap.mmap)) else bytes(data)
    header = read_header(blob, split=base is not None)
    if base is not None and base.byte_order != header.byte_order:
        raise BTFError(f"{header.byte_order} endian, but its base is {base.byte_order} endian", 0)
    words = _words(blob, header)
    extra_words = _layout(blob, header, base)
    if offsets is None:
        offsets = _scan(words, header, extra_words)
    return TypeTable(
        blob,
        header,
        words,
        offsets=offsets,
        names=names,
        base=base,
        extra_words=extra_words,
    )


def _words(data: bytes | mmap.mmap, header: Header) -> memoryview | array[int]:
    """The type section as 32-bit words of this machine."""
    start, length = header.types
    section = memoryview(data)[start : start + length]
    if header.byte_order == sys.byteorder:
        return section.cast("I")
    swapped = array("I")
    swapped.frombytes(section)
    swapped.byteswap()
    return swapped


class _Lengths(dict[int, int]):
    """From a type's info word to its length in words."""

    def __init__(self, extra_words: dict[int, tuple[int, int]]) -> None:
        self._extra_words = extra_words

    def __missing__(self, info: int) -> int:
        fixed, each = self._extra_words[info >> 24 & 0x7F]
        length = self[info] = 3 + fixed + each * (info & VLEN_MASK)
        return length


def _scan(
    words: memoryview | array[int], header: Header, extra_words: dict[int, tuple[int, int]]
) -> array[int]:
    """The word at which each type starts."""
    # An array is quicker to index than a memoryview, and shifted by one it starts at an info word.
    infos = array("I")
    infos.frombytes(memoryview(words)[1:].cast("B"))
    lengths = _Lengths(extra_words)

    def places() -> Iterator[int]:
        here = 0
        try:
            while True:
                yield here
                here += lengths[infos[here]]
        except IndexError:
            return
        except KeyError as error:
            raise BTFError(
                f"kind {error.args[0]} is not known, nor described in a layout section",
                header.types[0] + 4 * here,
            ) from None

    found = array("I", places())
    end = found.pop()
    if end != len(words):
        last = found[-1] if end > len(words) else end
        raise BTFError("the type section ends within this type", header.types[0] + 4 * last)
    return found


def _layout(
    data: bytes | mmap.mmap, header: Header, base: TypeTable | None
) -> dict[int, tuple[int, int]]:
    """``EXTRA_WORDS`` and what the layout section says of kinds newer than this library."""
    start, length = header.layout
    if not length:
        return EXTRA_WORDS if base is None else base.extra_words
    if length % 4:
        raise BTFError("the layout section is not a multiple of 4 bytes", start)
    known = dict(EXTRA_WORDS)
    for kind in range(len(EXTRA_WORDS) + 1, min(length // 4, 128)):
        fixed, each = data[start + 4 * kind], data[start + 4 * kind + 1]
        if fixed % 4 or each % 4:
            raise BTFError(f"kind {kind} is not laid out in words of 4 bytes", start + 4 * kind)
        known[kind] = (fixed // 4, each // 4)
    return known


def build_names(table: TypeTable) -> SortedNames:
    """The names of *table*'s own types as two sorted columns."""
    pairs = [
        name << 32 | type_id
        for type_id, name in enumerate(table.name_column(), table.first_id)
        if name
    ]
    pairs.sort()
    offsets = array("I", [pair >> 32 for pair in pairs])
    strings = table.string_sections()
    shared = any(
        any(
            map(
                data.__getitem__,
                [start - base + at - 1 for at in offsets if 0 < at - base < end - start],
            )
        )
        for data, start, end, base in strings
    )
    return SortedNames(
        strings,
        offset_column=offsets,
        id_column=array("I", [pair & 0xFFFFFFFF for pair in pairs]),
        shared_tails=shared,
    )
