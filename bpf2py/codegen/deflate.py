"""Compression whose result depends on nothing but the bytes: a zlib stream made here.

In: bytes.  Out: what ``zlib.decompress`` turns back into them (RFC 1950, RFC 1951).  zlib itself
would be faster, but its output differs between zlib, zlib-ng and their versions, and a generated
module must be the same wherever it is generated.

One block with Huffman codes of its own; a match is the longest of the last few places where the
same three bytes stood, unless the next byte begins a longer one.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterator, Sequence
from zlib import adler32

_WINDOW = 32768
_SHORTEST, _LONGEST = 3, 258
#: Earlier places tried for each match.
_TRIES = 48
#: Three literals are shorter than a match of three bytes from further away.
_FAR = 4096
_END = 256

#: For each length and distance code: its first value and its number of extra bits (3.2.5).
_LENGTHS = [(code + 3, 0) for code in range(8)]
_LENGTHS += [(3 + ((4 + (code & 3)) << (code >> 2) - 1), (code >> 2) - 1) for code in range(8, 28)]
_LENGTHS += [(_LONGEST, 0)]
_DISTANCES = [(code + 1, 0) for code in range(4)]
_DISTANCES += [
    (1 + ((2 + (code & 1)) << (code >> 1) - 1), (code >> 1) - 1) for code in range(4, 30)
]
#: The order in which the lengths of the code length codes are written (3.2.7).
_ORDER = (16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1, 15)

#: A symbol, then extra bits: their number and value.
_Symbol = tuple[int, int, int]


def compress(data: bytes) -> bytes:
    """*data* as a zlib stream; the same on every machine and with every Python."""
    tokens = [*_tokens(data), (_END, 0, 0, None)]
    literals = _code_lengths([symbol for symbol, _, _, _ in tokens], 286, limit=15)
    distances = _code_lengths([token[3][0] for token in tokens if token[3]], 30, limit=15)
    out = _Bits()
    out.put(1, 1)  # the last block
    out.put(2, 2)  # with codes of its own
    _put_lengths(out, _without_zeros(literals, 257), _without_zeros(distances, 1))
    literal_codes, distance_codes = _codes(literals), _codes(distances)
    for symbol, count, extra, distance in tokens:
        out.put(literal_codes[symbol], literals[symbol])
        out.put(extra, count)
        if distance is not None:
            code, count, extra = distance
            out.put(distance_codes[code], distances[code])
            out.put(extra, count)
    return b"\x78\xda" + out.bytes() + adler32(data).to_bytes(4, "big")


def _tokens(data: bytes) -> Iterator[tuple[int, int, int, _Symbol | None]]:
    """Literals and matches: a symbol with its extra bits, and the distance of a match."""
    places: dict[bytes, list[int]] = {}
    position, size = 0, len(data)
    length, distance = 0, 0
    while position < size:
        _remember(data, position, places)
        after, after_distance = _match(data, position + 1, places)
        if length and length >= after:
            symbol, count, extra = _coded(_LENGTHS, length)
            yield symbol + 257, count, extra, _coded(_DISTANCES, distance)
            end = position + length
            for place in range(position + 1, end):
                _remember(data, place, places)
            position = end
            length, distance = _match(data, position, places)
        else:  # a literal: there is no match, or a longer one begins at the next byte
            yield data[position], 0, 0, None
            position += 1
            length, distance = after, after_distance


def _remember(data: bytes, position: int, places: dict[bytes, list[int]]) -> None:
    places.setdefault(data[position : position + _SHORTEST], []).append(position)


def _match(data: bytes, position: int, places: dict[bytes, list[int]]) -> tuple[int, int]:
    """(length, distance) of the longest match, the nearest of those; (0, 0) if there is none."""
    known = places.get(data[position : position + _SHORTEST])
    if known is None or len(data) - position < _SHORTEST:
        return 0, 0
    limit = min(_LONGEST, len(data) - position)
    best, at = 0, 0
    for place in known[: -_TRIES - 1 : -1]:
        if position - place > _WINDOW or best == limit:
            break
        if data[place + best] != data[position + best]:
            continue
        length = _common(data, place, position, limit)
        if length > best:
            best, at = length, place
    far = best == _SHORTEST and position - at > _FAR
    return (best, position - at) if best >= _SHORTEST and not far else (0, 0)


def _common(data: bytes, first: int, second: int, limit: int) -> int:
    """How many bytes are the same at both places, by halving: slices compare quickly."""
    low, high = 0, limit
    while low < high:
        middle = (low + high + 1) // 2
        if data[first : first + middle] == data[second : second + middle]:
            low = middle
        else:
            high = middle - 1
    return low


def _coded(table: Sequence[tuple[int, int]], value: int) -> _Symbol:
    """The last row whose first value is not above *value*, and what is left of it."""
    low, high = 0, len(table) - 1
    while low < high:
        middle = (low + high + 1) // 2
        if table[middle][0] <= value:
            low = middle
        else:
            high = middle - 1
    return low, table[low][1], value - table[low][0]


def _code_lengths(symbols: Sequence[int], size: int, *, limit: int) -> list[int]:
    """The length of each symbol's Huffman code, none above *limit*; 0 for unused symbols."""
    counts = [0] * size
    for symbol in symbols:
        counts[symbol] += 1
    used = [symbol for symbol in range(size) if counts[symbol]]
    # a code of one symbol is no complete code; decoders accept two of one bit everywhere
    for symbol in range(size):
        if len(used) < 2 and symbol not in used:
            used.append(symbol)
            counts[symbol] = 1
    while True:
        lengths = [0] * size
        heap: list[tuple[int, int, tuple[int, ...]]] = [
            (counts[symbol], symbol, (symbol,)) for symbol in sorted(used)
        ]
        heapq.heapify(heap)
        while len(heap) > 1:
            first, second = heapq.heappop(heap), heapq.heappop(heap)
            below = first[2] + second[2]
            for symbol in below:
                lengths[symbol] += 1
            heapq.heappush(heap, (first[0] + second[0], min(first[1], second[1]), below))
        if max(lengths) <= limit:
            return lengths
        # flatter counts give a flatter tree; bzip2 does the same
        counts = [count // 2 + 1 if count else 0 for count in counts]


def _codes(lengths: Sequence[int]) -> list[int]:
    """The canonical codes of those lengths (3.2.2), first bit lowest, as they are written."""
    code = 0
    codes = [0] * len(lengths)
    for length in range(1, max(lengths) + 1):
        for symbol, own in enumerate(lengths):
            if own == length:
                codes[symbol] = int(f"{code:0{length}b}"[::-1], 2)
                code += 1
        code <<= 1
    return codes


def _without_zeros(lengths: list[int], least: int) -> list[int]:
    size = len(lengths)
    while size > least and not lengths[size - 1]:
        size -= 1
    return lengths[:size]


def _put_lengths(out: _Bits, literals: list[int], distances: list[int]) -> None:
    """Both tables of code lengths, with runs shortened, in a Huffman code of their own (3.2.7)."""
    rows = list(_runs(literals + distances))
    lengths = _code_lengths([symbol for symbol, _, _ in rows], 19, limit=7)
    codes = _codes(lengths)
    ordered = _without_zeros([lengths[symbol] for symbol in _ORDER], 4)
    out.put(len(literals) - 257, 5)
    out.put(len(distances) - 1, 5)
    out.put(len(ordered) - 4, 4)
    for length in ordered:
        out.put(length, 3)
    for symbol, count, extra in rows:
        out.put(codes[symbol], lengths[symbol])
        out.put(extra, count)


def _runs(lengths: Sequence[int]) -> Iterator[_Symbol]:
    position = 0
    while position < len(lengths):
        value, end = lengths[position], position
        while end < len(lengths) and lengths[end] == value:
            end += 1
        run = end - position
        if value == 0 and run >= 11:
            run = min(run, 138)
            yield 18, 7, run - 11
        elif value == 0 and run >= 3:
            yield 17, 3, run - 3
        elif run >= 4:
            run = min(run, 7)
            yield value, 0, 0
            yield 16, 2, run - 4
        else:
            run = 1
            yield value, 0, 0
        position += run


class _Bits:
    """Bits in the order of RFC 1951: the lowest of each byte first."""

    def __init__(self) -> None:
        self._done = bytearray()
        self._value = 0
        self._count = 0

    def put(self, value: int, count: int) -> None:
        self._value |= value << self._count
        self._count += count
        if self._count >= 64:
            whole = self._count // 8
            self._done += (self._value & (1 << whole * 8) - 1).to_bytes(whole, "little")
            self._value >>= whole * 8
            self._count -= whole * 8

    def bytes(self) -> bytes:
        return bytes(self._done) + self._value.to_bytes((self._count + 7) // 8, "little")
