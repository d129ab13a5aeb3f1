"""A tiny writer of relocatable BPF objects, for what no compiler emits.

In: sections, symbols and relocations in the order they are given.  Out: the bytes of an ELF file
in either byte order.  Nothing is checked: broken objects are the point.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass, field

from bpf2py.spec import ByteOrder

PROGBITS, SYMTAB, STRTAB, RELA, NOBITS, REL = 1, 2, 3, 4, 8, 9
WRITE, ALLOC, EXEC, COMPRESSED = 1, 2, 4, 0x800
LOCAL, GLOBAL, WEAK = 0, 1, 2
NOTYPE, OBJECT, FUNC, SECTION = 0, 1, 2, 3
HIDDEN = 2
EM_NONE, EM_X86_64, EM_BPF = 0, 62, 247
R_64_64, R_64_32 = 1, 10

CALL, EXIT, LD_IMM64, MOV = 0x85, 0x95, 0x18, 0xB7


def insn(
    opcode: int, *, dst: int = 0, src: int = 0, off: int = 0, imm: int = 0, order: ByteOrder
) -> bytes:
    """One instruction; a 16-byte load takes a second one of zeroes."""
    registers = src << 4 | dst if order == "little" else dst << 4 | src
    prefix = "<" if order == "little" else ">"
    return struct.pack(prefix + "BBhi", opcode, registers, off, imm)


@dataclass
class _Section:
    name: str
    kind: int
    flags: int
    data: bytes
    size: int
    link: int = 0
    info: int = 0
    entry: int = 0


@dataclass
class ElfWriter:
    """Collects an object; ``build`` may be called once."""

    order: ByteOrder = "little"
    machine: int = EM_BPF
    type_: int = 1
    sections: list[_Section] = field(default_factory=list)
    symbols: list[bytes] = field(default_factory=list)
    strings: bytes = b"\0"
    relocations: dict[int, list[bytes]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.sections.append(_Section("", 0, 0, b"", 0))
        self.symbol("", 0, kind=NOTYPE, bind=LOCAL)

    @property
    def _prefix(self) -> str:
        return "<" if self.order == "little" else ">"

    def section(
        self,
        name: str,
        data: bytes = b"",
        *,
        kind: int = PROGBITS,
        flags: int = ALLOC,
        size: int | None = None,
    ) -> int:
        """Add a section and return its number; *size* lies about it (or gives .bss its size)."""
        self.sections.append(_Section(name, kind, flags, data, len(data) if size is None else size))
        return len(self.sections) - 1

    def code(self, name: str, *functions: bytes) -> int:
        """Add a section of instructions."""
        return self.section(name, b"".join(functions), flags=ALLOC | EXEC)

    def symbol(
        self,
        name: str,
        section: int,
        *,
        value: int = 0,
        size: int = 0,
        kind: int = FUNC,
        bind: int = GLOBAL,
        visibility: int = 0,
    ) -> int:
        """Add a symbol and return its number."""
        offset = 0
        if name:
            offset = len(self.strings)
            self.strings += name.encode() + b"\0"
        self.symbols.append(
            struct.pack(
                self._prefix + "IBBHQQ",
                offset,
                bind << 4 | kind,
                visibility,
                section,
                value,
                size,
            )
        )
        return len(self.symbols) - 1

    def relocate(self, section: int, offset: int, symbol: int, kind: int = R_64_32) -> None:
        """Let *section* refer to *symbol* at byte *offset*."""
        row = struct.pack(self._prefix + "QQ", offset, symbol << 32 | kind)
        self.relocations.setdefault(section, []).append(row)

    def build(self) -> bytes:
        """The file: header, contents, section headers."""
        symtab = len(self.sections)
        strtab = symtab + 1
        self.sections.append(
            _Section(
                ".symtab",
                SYMTAB,
                0,
                b"".join(self.symbols),
                24 * len(self.symbols),
                link=strtab,
                info=1,
                entry=24,
            )
        )
        self.sections.append(_Section(".strtab", STRTAB, 0, self.strings, len(self.strings)))
        for target, rows in self.relocations.items():
            data = b"".join(rows)
            name = ".rel" + self.sections[target].name
            self.sections.append(_Section(name, REL, 0, data, len(data), symtab, target, 16))
        names = b"\0"
        offsets = []
        for section in [*self.sections, _Section(".shstrtab", STRTAB, 0, b"", 0)]:
            offsets.append(len(names) if section.name else 0)
            names += section.name.encode() + b"\0" if section.name else b""
        self.sections.append(_Section(".shstrtab", STRTAB, 0, names, len(names)))
        body = b""
        headers = b""
        for name_offset, section in zip(offsets, self.sections, strict=True):
            headers += struct.pack(
                self._prefix + "IIQQQQIIQQ",
                name_offset,
                section.kind,
                section.flags,
                0,
                64 + len(body),
                section.size,
                section.link,
                section.info,
                8,
                section.entry,
            )
            body += section.data
            body += bytes(-len(body) % 8)
        ident = b"\x7fELF\x02" + (b"\x01" if self.order == "little" else b"\x02") + b"\x01"
        header = ident.ljust(16, b"\0") + struct.pack(
            self._prefix + "HHIQQQIHHHHHH",
            *(self.type_, self.machine, 1, 0, 0, 64 + len(body), 0, 64, 0, 0, 64),
            *(len(self.sections), len(self.sections) - 1),
        )
        return header + body + headers


def executable(
    sections: dict[str, bytes], *, order: ByteOrder = "little", bits: int = 64, flags: int = 0
) -> bytes:
    """An ELF file as a kernel or a module is one: not of BPF, with some sections of these flags."""
    prefix, word = "<" if order == "little" else ">", "Q" if bits == 64 else "I"
    header_size, row_size = (64, 64) if bits == 64 else (52, 40)
    names = b"\0" + b"".join(name.encode() + b"\0" for name in (*sections, ".shstrtab"))
    body, rows, at_name = b"", [bytes(row_size)], 1
    for name, data in {**sections, ".shstrtab": names}.items():
        kind, said = (STRTAB, 0) if name == ".shstrtab" else (PROGBITS, flags)
        place = header_size + len(body)
        row = at_name, kind, said, 0, place, len(data), 0, 0, 1, 0
        rows.append(struct.pack(prefix + f"II4{word}II2{word}", *row))
        at_name += len(name) + 1
        body += data
    ident = b"\x7fELF" + bytes((bits // 32, 1 if order == "little" else 2, 1)) + bytes(9)
    head = struct.pack(prefix + "HHI3" + word, 2, EM_X86_64, 1, 0, 0, header_size + len(body))
    numbers = 0, header_size, 0, 0, row_size, len(rows), len(rows) - 1
    return ident + head + struct.pack(prefix + "I6H", *numbers) + body + b"".join(rows)
