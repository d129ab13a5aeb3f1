"""What CO-RE made of an object's programs on the running kernel, kept for the next process.

In: an ``ObjectSpec`` whose programs are loaded in order.  Out: the same instructions and the same
outcomes as from ``btf.core``, which is not imported, as the kernel's BTF is not opened, if another
process has had the same question.  Not here: where files lie and whom they may come from
(cache_folder.py), the rules of CO-RE (``btf.core``).

What CO-RE makes of a program follows from its instructions and records, those of the programs
before it, the object's BTF and the kernel's.  A file holds the first three, every byte of them, is
named by the build of the kernel (kernel.build()), and says how large that kernel's BTF is: it
answers this question or none.  Nothing is kept of

- what modules were asked for: other modules may be loaded next time.  They are asked only for
  types of which the kernel itself has none of that name, so a module that comes later changes
  nothing that was kept;
- BTF that the caller gives;
- objects of which a record could not be honoured.

Outcomes are for errors and reports, so of a program that was patched from a file they are computed
when looked at, the long way.
"""

from __future__ import annotations

import os
from struct import Struct
from zlib import crc32

from ..light import TYPE_CHECKING
from ..spec import ObjectSpec
from . import cache_folder, kernel

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from typing import Any

    from ..btf import TypeTable
    from ..btf.core import Outcome, Relocator, Source

    _Outcomes = Sequence[Outcome]
else:
    _Outcomes = object

#: The checksum of the files that hold the rules of CO-RE, so that a release that mends one of them
#: does not go by what an older one found; tests/core/test_core_cache.py computes it.
RULES = 0x8B4FEAD2

_MAGIC = b"bpf2core"
#: Magic, RULES, checksum of what follows it, size of the kernel's BTF, its build, and how much of
#: the rest is the question.
_HEADER = Struct("=8sIIQ24sI")
_CHECKED = 16
#: How many instructions of a program change, then for each its number and all of its new bytes.
_COUNT = Struct("=I")
_PATCH = Struct("=I8s")

#: How long a question may be of which the answer is kept.
_LARGEST = 1 << 19


class CoreCache:
    """CO-RE for all programs of one object against the running kernel; stands for a Relocator."""

    def __init__(self, spec: ObjectSpec, table: Callable[[], TypeTable]) -> None:
        """*table* decodes the BTF of *spec*, and is called only if that is needed."""
        self._programs = {
            name: program
            for name, program in spec.programs.items()
            if program.autoload and program.core_relocations
        }
        self._btf = spec.btf
        self._table = table
        self._relocator: Relocator | None = None
        self._modules_asked = False
        #: What was computed here, by program, in order.
        self._computed: dict[str, list[Outcome]] = {}
        self._patches: dict[str, list[tuple[int, bytes]]] = {}
        self._question = self._ask()
        self._build = kernel.build()
        self._path = None
        if self._build and len(self._question) <= _LARGEST:
            name = f"core-{self._build.hex()}-{crc32(self._question):08x}"
            self._path = cache_folder.place(name)
        self._known = self._path is not None and self._read(self._path)

    def relocate(
        self, insns: bytearray, records: bytes, *, program: str, source: Source
    ) -> Sequence[Outcome]:
        """Edit *insns*, those of *program* as the object has them; as ``Relocator.relocate``."""
        if self._known:
            for insn, content in self._patches[program]:
                insns[8 * insn : 8 * insn + 8] = content
            return _Later(len(records) // 16, lambda: self._outcomes(program, source))
        outcomes = self._compute(insns, records, program, source)
        if self._path is not None:
            self._patches[program] = _changes(self._programs[program].insns, insns)
        return outcomes

    def keep(self) -> None:
        """Write down what was found, now that every program of the object was asked for."""
        if self._known or self._path is None or self._modules_asked:
            return
        if self._patches.keys() != self._programs.keys():
            return
        cache_folder.put(
            self._path, lambda: self._content(os.stat(kernel.VMLINUX_BTF).st_size), kind="core-"
        )

    # ---- the long way ----

    def _compute(
        self, insns: bytearray, records: bytes, program: str, source: Source
    ) -> list[Outcome]:
        if self._relocator is None:
            self._relocator = self._make_relocator()
        outcomes = self._relocator.relocate(insns, records, program=program, source=source)
        self._computed[program] = outcomes
        return outcomes

    def _outcomes(self, program: str, source: Source) -> list[Outcome]:
        """Those of a program that was patched; the ones before it can decide about candidates."""
        for name, spec in self._programs.items():
            if name not in self._computed:
                self._compute(bytearray(spec.insns), spec.core_relocations, name, source)
            if name == program:
                break
        return self._computed[program]

    def _make_relocator(self) -> Relocator:
        from ..btf.core import Relocator
        from .kernel_btf import kernel_btf

        target = kernel_btf()

        def modules() -> Iterator[tuple[str, TypeTable]]:
            from .module_btf import module_types

            self._modules_asked = True
            return module_types(target)

        return Relocator(self._table(), target, modules=modules)

    # ---- the file ----

    def _ask(self) -> bytes:
        """All that the answer follows from, but for the kernel and the rules."""
        programs = self._programs.values()
        sizes = [(each.name, len(each.core_relocations), len(each.insns)) for each in programs]
        parts = [f"{sizes!r} {len(self._btf)}\n".encode()]
        for each in programs:
            parts += (each.core_relocations, each.insns)
        return b"".join([*parts, self._btf])

    def _read(self, path: str) -> bool:
        """Take the answer from the file at *path*, if it is one to this question."""
        found = cache_folder.open_trusted(path)
        if found is None:
            return False
        fd, size = found
        try:
            content = os.read(fd, size)
            known_size = os.stat(kernel.VMLINUX_BTF).st_size
        except OSError:
            return False
        finally:
            os.close(fd)
        if not content.startswith(self._head(crc32(content[_CHECKED:]), known_size)):
            return False
        if not content.startswith(self._question, _HEADER.size):
            return False
        at = _HEADER.size + len(self._question)
        patches: dict[str, list[tuple[int, bytes]]] = {}
        for name, program in self._programs.items():
            if len(content) < at + _COUNT.size:
                return False
            end = at + _COUNT.size + _COUNT.unpack_from(content, at)[0] * _PATCH.size
            if len(content) < end:
                return False
            rows = patches[name] = list(_PATCH.iter_unpack(content[at + _COUNT.size : end]))
            if rows and max(rows)[0] >= len(program.insns) // 8:
                return False
            at = end
        self._patches = patches
        return at == len(content)

    def _head(self, checksum: int, btf_size: int) -> bytes:
        return _HEADER.pack(_MAGIC, RULES, checksum, btf_size, self._build, len(self._question))

    def _content(self, size: int) -> bytes:
        parts = [self._question]
        for name in self._programs:
            rows = self._patches[name]
            parts.append(_COUNT.pack(len(rows)))
            parts += (_PATCH.pack(*row) for row in rows)
        rest = b"".join(parts)
        checksum = crc32(self._head(0, size)[_CHECKED:] + rest)
        return self._head(checksum, size) + rest


def _changes(before: bytes, after: bytearray) -> list[tuple[int, bytes]]:
    """The instructions that differ: number and new bytes."""
    pairs = zip(memoryview(before).cast("Q"), memoryview(after).cast("Q"), strict=True)
    return [
        (number, bytes(after[8 * number : 8 * number + 8]))
        for number, (one, other) in enumerate(pairs)
        if one != other
    ]


class _Later(_Outcomes):
    """Outcomes that are computed when somebody looks; there is one for each record."""

    def __init__(self, count: int, compute: Callable[[], list[Outcome]]) -> None:
        self._count = count
        self._compute = compute

    def __len__(self) -> int:
        return self._count

    if TYPE_CHECKING:

        def __getitem__(self, index: Any) -> Any: ...

    else:

        def __getitem__(self, index):
            return self._compute()[index]

    def __iter__(self) -> Iterator[Outcome]:
        return iter(self._compute())
