"""The files in a tar archive, found without unpacking it and without running anybody's loops.

In: an archive's bytes.  Out: names and places in these bytes.  Not here: compression
(``container``); links other than hard ones, devices, sparse files, which hold no BTF.

The standard library's ``tarfile`` is not used: at the start of a program it costs twelve
milliseconds, and hard links in a chain exhaust its stack, as some headers do its time in older
Pythons.  Follows POSIX.1-2017 (pax) and GNU tar's long names and numbers.
"""

from __future__ import annotations

from collections.abc import Iterator

from .errors import BTFError
from .header import Blob

_BLOCK = 512
MAGIC_AT, MAGIC = 257, b"ustar"
_FILES = frozenset(b"\x0007")
_HARD_LINK, _LONG_NAME, _LONG_LINK, _PAX = b"1LKx"
#: A name that is longer than any file system takes is none.
_NAME_LIMIT = 64 << 10


def files(data: Blob) -> Iterator[tuple[str, memoryview]]:
    """Name and content of each file, in order; of a hard link, what stands under that name so far.

    Raises ``BTFError`` for an archive that is cut off or damaged.
    """
    whole = memoryview(data)
    found: dict[str, memoryview] = {}
    said: dict[str, str] = {}  # what extended headers say of the next file
    at = 0
    while at + _BLOCK <= len(whole):
        header = bytes(whole[at : at + _BLOCK])
        if not any(header):
            return
        if header[MAGIC_AT : MAGIC_AT + len(MAGIC)] != MAGIC or not _is_whole(header):
            raise BTFError("a damaged archive", at)
        size, kind = _number(header[124:136], at), header[156]
        start = at + _BLOCK
        if start + size > len(whole):
            raise BTFError("an archive that is cut off", at)
        content = whole[start : start + size]
        at = start + -(-size // _BLOCK) * _BLOCK
        if kind in (_LONG_NAME, _LONG_LINK, _PAX):
            if size > _NAME_LIMIT:
                raise BTFError(f"an archive with {size} bytes about one file", start)
            text = bytes(content)
            if kind == _PAX:
                said |= _records(text, start)
            else:
                said["path" if kind == _LONG_NAME else "linkpath"] = _text(text)
            continue
        name = said.get("path") or _name(header)
        target = said.get("linkpath") or _text(header[157:257])
        if "size" in said or any(key.startswith("GNU.sparse") for key in said):
            raise BTFError(f"an archive with {name!r}, which is sparse or too large", start)
        said = {}
        if kind == _HARD_LINK:
            if target not in found:
                raise BTFError(f"an archive with {name!r}, a link to {target!r}, which is missing")
            content = found[target]
        elif kind not in _FILES:
            continue
        found[name] = content
        yield name, content


def _is_whole(header: bytes) -> bool:
    """Whether the checksum is right, which counts its own field as spaces."""
    field = header[148:156].strip(b" \0")
    rest = sum(header) - sum(header[148:156]) + 8 * 0x20
    return _is_octal(field) and rest == int(field, 8)


def _is_octal(field: bytes) -> bool:
    return bool(field) and not field.strip(b"01234567")


def _number(field: bytes, at: int) -> int:
    """A number in octal or, GNU's, in base 256."""
    if field[0] == 0x80:
        return int.from_bytes(field[1:], "big")
    field = field.strip(b" \0")
    if field and not _is_octal(field):
        raise BTFError("a damaged archive", at)
    return int(field or b"0", 8)


def _text(field: bytes) -> str:
    return field.partition(b"\0")[0].decode("utf-8", "surrogateescape")


def _name(header: bytes) -> str:
    name = _text(header[:100])
    # GNU tar has other things where POSIX has the folders of a long name.
    folder = _text(header[345:500]) if header[262:263] == b"\0" else ""
    return f"{folder}/{name}" if folder else name


def _records(text: bytes, at: int) -> dict[str, str]:
    """A pax header: ``<length> <key>=<value>`` to a line, the length counting all of it."""
    said: dict[str, str] = {}
    while text:
        digits = text[:8].partition(b" ")[0]
        length = int(digits) if digits.isdigit() else 0
        key, equals, value = text[len(digits) + 1 : length - 1].partition(b"=")
        if not equals or length > len(text) or text[length - 1 : length] != b"\n":
            raise BTFError("a damaged archive", at)
        said[_text(key)] = _text(value)
        text = text[length:]
    return said
