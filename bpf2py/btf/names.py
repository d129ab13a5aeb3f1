"""From a name to the ids of the types that bear it.

In: the string section and two parallel columns, name offset and type id, sorted by name offset.
Out: ids.  The columns are all there is, so they can be built from a blob in memory or come from a
file on disk as memoryviews.  Not here: what kind a type is; base tables (``TypeTable`` adds them).

A name is found by searching its bytes in the string section, which costs less than making a
string of every name in it (the kernel's BTF has seventy thousand), and then by bisection.
"""

from __future__ import annotations

from bisect import bisect_left

from ..light import TYPE_CHECKING, Iterator, NamedTuple, Protocol, Sequence

if TYPE_CHECKING:
    import mmap

#: KSYM_NAME_LEN; the kernel takes no longer name for a type.
_LONGEST_NAME = 512


class NameIndex(Protocol):
    """What a TypeTable asks about names; all ids are of this table itself, in ascending order."""

    def ids(self, name: str, *, functions: bool = True) -> Sequence[int]:
        """Ids of the types called exactly *name*; functions may be left out if not wanted."""
        ...

    def essential_ids(self, name: str) -> Sequence[int]:
        """Ids of the types whose name without ``___flavour`` is *name*; functions may be missing."""
        ...


def essential_name(name: str) -> str:
    """*name* without its flavour: ``task_struct___old`` is ``task_struct``.

    Follows bpf_core_essential_name_len(): the last ``___`` that stands between two characters
    which are no underscores.
    """
    end = len(name) - 1
    while (at := name.rfind("___", 1, end)) >= 0:
        if name[at - 1] != "_" and name[at + 3] != "_":
            return name[:at]
        end = at + 2
    return name


class StringSection(NamedTuple):
    """Strings from *start* to *end* in *data*; the first of them has the offset *base*."""

    data: bytes | mmap.mmap
    start: int
    end: int
    base: int


class SortedNames:
    """A NameIndex over two sorted columns: ``offsets`` of names and the ``ids`` that bear them.

    A type of split BTF may be named by a string of its base, so there may be more than one string
    section.  *shared_tails* says that a name may begin in the middle of a string, as an encoder
    may do that shares common endings.
    """

    __slots__ = ("_flavours", "_strings", "id_column", "offset_column", "shared_tails")

    def __init__(
        self,
        strings: Sequence[StringSection],
        *,
        offset_column: Sequence[int],
        id_column: Sequence[int],
        shared_tails: bool,
    ) -> None:
        self._strings = strings
        self.offset_column = offset_column
        self.id_column = id_column
        self.shared_tails = shared_tails
        self._flavours: dict[str, list[int]] | None = None

    def ids(self, name: str, *, functions: bool = True) -> Sequence[int]:
        """Ids of the types called exactly *name*; none for the empty name."""
        if not name or "\0" in name:
            return ()
        needle = name.encode("utf-8", "surrogateescape") + b"\0"
        found: list[int] = []
        for section in self._strings:
            for offset in self._places(needle, section):
                found.extend(self._ids_at(offset))
        found.sort()
        return found

    def essential_ids(self, name: str) -> Sequence[int]:
        """Ids of the types whose name without ``___flavour`` is *name*."""
        if self._flavours is None:
            self._flavours = self._find_flavours()
        plain = self.ids(name) if essential_name(name) == name else ()
        flavoured = self._flavours.get(name)
        return sorted({*plain, *flavoured}) if flavoured else plain

    def _places(self, needle: bytes, section: StringSection) -> Iterator[int]:
        """Offsets at which the section has *needle* and a name may start."""
        data, start, end, base = section
        if not self.shared_tails:
            if data[start : min(start + len(needle), end)] == needle:
                yield base
            needle = b"\0" + needle
            base += 1
        at = data.find(needle, start, end)
        while at >= 0:
            yield at - start + base
            at = data.find(needle, at + 1, end)

    def _ids_at(self, offset: int) -> Iterator[int]:
        offsets, ids = self.offset_column, self.id_column
        at = bisect_left(offsets, offset)
        while at < len(offsets) and offsets[at] == offset:
            yield ids[at]
            at += 1

    def _find_flavours(self) -> dict[str, list[int]]:
        """Essential name to ids, for the few names that carry a flavour."""
        found: dict[str, list[int]] = {}
        for data, start, end, base in self._strings:
            at = data.find(b"___", start, end)
            while at >= 0:
                first = data.rfind(b"\0", start, at) + 1 or start
                last = data.find(b"\0", at, end)
                for offset in self._names_between(first - start + base, last - start + base):
                    begin = offset - base + start
                    name = data[begin : begin + _LONGEST_NAME].partition(b"\0")[0]
                    text = name.decode("utf-8", "surrogateescape")
                    essential = essential_name(text)
                    if essential != text:
                        found.setdefault(essential, []).extend(self._ids_at(offset))
                at = data.find(b"___", last, end)
        return found

    def _names_between(self, first: int, last: int) -> Iterator[int]:
        """The different name offsets from *first* up to, not including, *last*."""
        offsets = self.offset_column
        at = bisect_left(offsets, first)
        while at < len(offsets) and offsets[at] < last:
            offset = offsets[at]
            yield offset
            at = bisect_left(offsets, offset + 1, at)
