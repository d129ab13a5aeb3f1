"""TypeTable: the types of one blob by id, each built when somebody asks for it.

In: the blob as 32-bit words in this machine's byte order, the place of each type among them, and
an index of names.  Out: ``Type`` values, and the facts that can be told without building one.
Not here: reading the header and finding the places (``decode``), sizes (``layout``).

A word is a word in both byte orders: every field of every kind is 32 bits wide, so a blob of the
other order is swapped once and read like any other.
"""

from __future__ import annotations

from ..light import TYPE_CHECKING, Iterator, Sequence
from ..uapi import BTFKind
from .errors import BTFError
from .names import StringSection

if TYPE_CHECKING:
    import mmap

    from .header import ByteOrder, Header
    from .names import NameIndex
    from .types import Type

_KINDS: tuple[BTFKind, ...] = tuple(
    BTFKind(number) if number < len(BTFKind) else BTFKind.UNKN for number in range(128)
)
_MODIFIERS = frozenset(
    (BTFKind.TYPEDEF, BTFKind.VOLATILE, BTFKind.CONST, BTFKind.RESTRICT, BTFKind.TYPE_TAG)
)
#: Types kept after being built.  Building all of the kernel's takes some fifty scans' time and many
#: times the blob's memory, so a walk over all of it must not keep all of it.
_CACHE_LIMIT = 16_384
#: Typedefs and qualifiers one behind the other; the kernel takes 32 (MAX_RESOLVE_DEPTH).
_MAX_RESOLVED = 64


class TypeTable:
    """The types of one BTF blob, and those of its base behind them.

    Made by ``decode``.  Ids that are not there, and types whose bytes make no sense, raise
    BTFError when they are asked for.
    """

    __slots__ = (
        "_cache",
        "_data",
        "_names",
        "_offsets",
        "_string_base",
        "_string_end",
        "_string_start",
        "_type_start",
        "_words",
        "alignments",
        "base",
        "byte_order",
        "extra_words",
        "first_id",
        "packed",
        "sizes",
        "widths",
    )

    #: What ``layout`` has found out, by id: alignments, sizes, which structs and unions are packed,
    #: and the place and width that an integer type says a bitfield has.
    alignments: dict[int, int]
    sizes: dict[int, int]
    packed: dict[int, bool]
    widths: dict[int, tuple[int, int]]
    #: The table that ids and string offsets continue, for split BTF.
    base: TypeTable | None
    byte_order: ByteOrder
    #: The first id of this table itself: 1, or ``len(base)``.
    first_id: int
    #: Words behind the first three of a type, by kind: fixed ones, and for each element.
    extra_words: dict[int, tuple[int, int]]

    def __init__(
        self,
        data: bytes | mmap.mmap,
        header: Header,
        words: Sequence[int],
        *,
        offsets: Sequence[int],
        names: NameIndex | None = None,
        base: TypeTable | None = None,
        extra_words: dict[int, tuple[int, int]],
    ) -> None:
        self._data = data
        self._words = words
        self._offsets = offsets
        self._names = names
        self._type_start = header.types[0]
        self._string_start = header.strings[0]
        self._string_end = header.strings[0] + header.strings[1]
        self._string_base = 0 if base is None else base.string_size
        self._cache: dict[int, Type] = {}
        self.alignments = {}
        self.sizes = {}
        self.packed = {}
        self.widths = {}
        self.base = base
        self.extra_words = extra_words
        self.byte_order = header.byte_order
        self.first_id = 1 if base is None else len(base)

    def __len__(self) -> int:
        """One more than the highest id; void and the base's types are counted."""
        return self.first_id + len(self._offsets)

    def __iter__(self) -> Iterator[int]:
        """The ids of this table itself: neither void nor the base's."""
        return iter(range(self.first_id, len(self)))

    def __contains__(self, type_id: object) -> bool:
        return isinstance(type_id, int) and 0 <= type_id < len(self)

    def __repr__(self) -> str:
        return f"<TypeTable: ids {self.first_id} to {len(self) - 1}, {self.byte_order} endian>"

    def __getitem__(self, type_id: int) -> Type:
        """The type of that id; BTFError if there is none or its bytes make no sense."""
        found = self._cache.get(type_id)
        if found is not None:
            return found
        if type_id < self.first_id and self.base is not None:
            return self.base[type_id]
        # Imported by who builds a type: CO-RE and a load never do (see kinds).
        from .build import BUILDERS, VOID

        if type_id == 0:
            return VOID
        at = self._place(type_id)
        words = self._words
        info = words[at + 1]
        kind = info >> 24 & 0x7F
        builder = BUILDERS.get(kind)
        if builder is None:
            raise BTFError(
                f"type {type_id} is of kind {kind}, which is not known", self.offset(type_id)
            )
        try:
            found = builder(self, words, at)
        except BTFError as error:
            raise BTFError(
                f"type {type_id} ({_KINDS[kind].name}): {error.what}", self.offset(type_id)
            ) from None
        if len(self._cache) >= _CACHE_LIMIT:
            self._cache = {}
        self._cache[type_id] = found
        return found

    # ---- facts told without building the type ----

    def kind(self, type_id: int) -> BTFKind:
        """The kind; UNKN for void, and for a kind newer than this library."""
        if type_id < self.first_id:
            if type_id == 0:
                return BTFKind.UNKN
            if self.base is not None:
                return self.base.kind(type_id)
        return _KINDS[self._words[self._place(type_id) + 1] >> 24 & 0x7F]

    def name_offset(self, type_id: int) -> int:
        """The place of the name for ``string``; 0 for a type without a name, and for void."""
        if type_id < self.first_id:
            if type_id == 0:
                return 0
            if self.base is not None:
                return self.base.name_offset(type_id)
        return self._words[self._place(type_id)]

    def name(self, type_id: int) -> str:
        """The name; empty for a type without one, ``void`` for id 0."""
        return self.string(self.name_offset(type_id)) if type_id else "void"

    def vlen(self, type_id: int) -> int:
        """How many members, values, parameters or variables the type has; a function's linkage."""
        return self._header_word(type_id, 1) & 0xFFFFFF

    def size_or_target(self, type_id: int) -> int:
        """The third word of the type: its size or the id it refers to, as its kind says."""
        return self._header_word(type_id, 2)

    def offset(self, type_id: int) -> int:
        """At which byte of its blob the type starts (for messages); 0 for void."""
        if type_id < self.first_id:
            return self.base.offset(type_id) if self.base is not None and type_id > 0 else 0
        return self._type_start + 4 * self._place(type_id)

    def resolve(self, type_id: int) -> int:
        """The id behind typedefs, ``const``, ``volatile``, ``restrict`` and type tags."""
        first = type_id
        for _ in range(_MAX_RESOLVED):
            if self.kind(type_id) not in _MODIFIERS:
                return type_id
            type_id = self._header_word(type_id, 2)
        raise BTFError(
            f"type {first} leads back to itself, or through more than {_MAX_RESOLVED} typedefs",
            self.offset(first),
        )

    # ---- strings ----

    @property
    def string_size(self) -> int:
        """How many bytes of strings there are, the base's counted: where split BTF continues."""
        return self._string_base + self._string_end - self._string_start

    def string(self, offset: int) -> str:
        """The string at *offset*; bytes that are not UTF-8 become surrogates, as in ``os.fsdecode``."""
        if offset < self._string_base and self.base is not None:
            return self.base.string(offset)
        start = self._string_start + offset - self._string_base
        if not self._string_start <= start < self._string_end:
            raise BTFError(f"string offset {offset} is outside of the strings", self._string_start)
        # The section is known to end with a NUL.
        end = self._data.find(b"\0", start, self._string_end)
        return self._data[start:end].decode("utf-8", "surrogateescape")

    # ---- names ----

    @property
    def names(self) -> NameIndex:
        """The index of this table's own names, built when first asked for."""
        if self._names is None:
            from .decode import build_names

            self._names = build_names(self)
        return self._names

    def string_sections(self) -> list[StringSection]:
        """Where the strings lie, the base's first."""
        inherited = [] if self.base is None else self.base.string_sections()
        own = StringSection(self._data, self._string_start, self._string_end, self._string_base)
        return [*inherited, own]

    def name_column(self) -> Iterator[int]:
        """The name offset of each own type, in the order of ids."""
        return map(self._words.__getitem__, self._offsets)

    def columns(self) -> tuple[list[int], list[int], list[int]]:
        """The three words that every type starts with, of all types by id: name offset, info, and
        size or target.  The base's come first, void has zeros."""
        if self.base is None:
            columns: tuple[list[int], list[int], list[int]] = ([0], [0], [0])
        else:
            columns = self.base.columns()
        words = list(self._words)
        for first, column in enumerate(columns):
            column += [words[at + first] for at in self._offsets]
        return columns

    @property
    def offsets(self) -> Sequence[int]:
        """The word, counted from the start of the type section, at which each own type starts."""
        return self._offsets

    def ids_named(self, name: str, *, functions: bool = True) -> Sequence[int]:
        """Every id of that name in ascending order, the base's first; none for the empty name.

        Who has no use for *functions* says so: of the kernel's types they are four in five.
        """
        own = self.names.ids(name, functions=functions)
        if self.base is None:
            return own
        inherited = self.base.ids_named(name, functions=functions)
        return [*inherited, *own] if inherited and own else inherited or own

    def ids_essentially_named(self, name: str) -> Sequence[int]:
        """Every id whose name, without a ``___flavour``, is *name*; the base's first.

        Functions are not among them: they have no flavours.
        """
        own = [
            type_id
            for type_id in self.names.essential_ids(name)
            if self.kind(type_id) is not BTFKind.FUNC
        ]
        if self.base is None:
            return own
        inherited = self.base.ids_essentially_named(name)
        return [*inherited, *own] if inherited and own else inherited or own

    def find(self, name: str, *kinds: BTFKind) -> int | None:
        """The first id of that name, of one of *kinds* if any are given; None if there is none."""
        functions = not kinds or BTFKind.FUNC in kinds
        for type_id in self.ids_named(name, functions=functions):
            if not kinds or self.kind(type_id) in kinds:
                return type_id
        return None

    # ---- places ----

    def _place(self, type_id: int) -> int:
        """The word at which an own type starts."""
        index = type_id - self.first_id
        if index < 0 or index >= len(self._offsets):
            raise BTFError(
                f"there is no type {type_id}; the highest id is {len(self) - 1}", self._type_start
            )
        return self._offsets[index]

    def _header_word(self, type_id: int, index: int) -> int:
        if type_id < self.first_id:
            if type_id == 0:
                return 0
            if self.base is not None:
                return self.base._header_word(type_id, index)
        return self._words[self._place(type_id) + index]
