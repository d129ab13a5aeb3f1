"""Atomic access to a global variable from Python, while programs on other CPUs change it (5.14).

In: the section of a loaded object, and the C name of a variable of 4 or 8 bytes.  Out: what it was
before.  Python has no atomic instructions, but the kernel's machine code has: each operation is a
program of three or four instructions, loaded when first asked for and run by one system call.

Plain reading and writing (``obj.bss.x``, ``obj.bss.x = 1``) need none of this; ``+=`` is two steps,
and loses what a program adds between them.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

from ..asm import Instruction, load_imm64
from ..asm import opcodes as op
from ..uapi import MapFlags, MapType, ProgFlags, ProgType
from .owner import Owner
from .smallest import code, load_program
from .syscalls.fd import FD
from .syscalls.prog_run import prog_test_run
from .variables import Data, Variable

if TYPE_CHECKING:
    from .codec import Codec

#: The context: two operands, then what the variable was.
_FIRST, _SECOND, _BEFORE, _CONTEXT = 0, 8, 16, 24
_RESULT, _VARIABLE, _OPERAND, _ARGUMENTS = 0, 1, 2, 6
_INTEGERS = frozenset("iIlLqQ")


class Atomic(Owner):
    """One variable of ``data`` or ``bss``, changed atomically.

    >>> with runtime.Atomic(opensnoop.bss, "dropped") as dropped:  # doctest: +SKIP
    ...     lost = dropped.exchange(0)

    ``LookupError`` for a name that the section has not; ``TypeError`` for a variable that is no
    integer of 4 or 8 bytes, or lies unaligned; ``ValueError`` for constants and for arenas, which
    programs reach in another way.  Operations raise :class:`OSError`: EINVAL where the kernel lacks
    atomic operations with a result (5.12) or syscall programs (5.14), EPERM without CAP_BPF.
    """

    __slots__ = ("_codec", "_handle", "_name", "_offset", "_programs")

    def __init__(self, section: Data, name: str) -> None:
        variable = getattr(type(section), name, None)
        if not isinstance(variable, Variable):
            known = ", ".join(section.__dir__()) or "none"
            raise LookupError(f"no variable {name!r} to change; there are: {known}")
        codec: Codec[Any] = variable.codec
        if variable.format not in _INTEGERS:
            raise TypeError(f"{name!r} is no integer of 4 or 8 bytes: it has no atomic operations")
        handle = section.__access__.handle  # the map behind the section
        if handle.map_type == MapType.ARENA or handle.flags & MapFlags.RDONLY_PROG:
            raise ValueError(f"{name!r} lies in {handle.what}, where no program changes it so")
        self._name = name
        self._codec = codec
        self._offset = variable.offset
        self._handle = handle
        self._programs: dict[int, FD] = {}

    def add(self, number: int) -> int:
        """Add, with the wrap-around of C, and return what it was before."""
        return self._run(op.ADD | op.FETCH, number)

    def bit_and(self, number: int) -> int:
        """Keep the bits of *number* only, and return what it was before."""
        return self._run(op.AND | op.FETCH, number)

    def bit_or(self, number: int) -> int:
        """Set the bits of *number*, and return what it was before."""
        return self._run(op.OR | op.FETCH, number)

    def bit_xor(self, number: int) -> int:
        """Flip the bits of *number*, and return what it was before."""
        return self._run(op.XOR | op.FETCH, number)

    def exchange(self, new: int) -> int:
        """Set it, and return what it was before: to take a counter without losing a count."""
        return self._run(op.XCHG, new)

    def compare_exchange(self, expected: int, new: int) -> int:
        """Set it to *new* if it is *expected*; it was, if that is what comes back."""
        return self._run(op.CMPXCHG, new, expected)

    def close(self) -> None:
        """Unload the programs; a second call does nothing."""
        while self._programs:
            self._programs.popitem()[1].close()

    def __repr__(self) -> str:
        return f"<Atomic {self._name} in {self._handle.what}>"

    def _run(self, operation: int, number: int, expected: int = 0) -> int:
        if operation not in self._programs:
            self._programs[operation] = self._load(operation)
        size = self._codec.size
        arguments = b"".join(self._operand(each) for each in (number, expected)) + bytes(8)
        what = f"atomic access to {self._name!r}"
        done = prog_test_run(self._programs[operation].fileno(), context=arguments, what=what)
        before = int.from_bytes(done.context[_BEFORE:_CONTEXT], sys.byteorder)
        value: int = self._codec.unpack(
            (before & (1 << size * 8) - 1).to_bytes(size, sys.byteorder)
        )
        return value

    def _operand(self, number: int) -> bytes:
        raw = self._codec.pack(number)
        return int.from_bytes(raw, sys.byteorder).to_bytes(8, sys.byteorder)

    def _load(self, operation: int) -> FD:
        width = op.W if self._codec.size == 4 else op.DW
        compares = operation == op.CMPXCHG
        load, store = op.LDX | op.MEM | op.DW, op.STX | op.MEM | op.DW
        address = self._offset << 32 | self._handle.fileno()
        insns = code(
            Instruction(op.ALU64 | op.MOV | op.X, _ARGUMENTS, 1),
            Instruction(load, _OPERAND, _ARGUMENTS, _FIRST),
            Instruction(load, _RESULT, _ARGUMENTS, _SECOND),
            load_imm64(_VARIABLE, address, op.PSEUDO_MAP_VALUE),
            Instruction(op.STX | op.ATOMIC | width, _VARIABLE, _OPERAND, 0, operation),
            Instruction(store, _ARGUMENTS, _RESULT if compares else _OPERAND, _BEFORE),
            Instruction(op.ALU64 | op.MOV | op.K, _RESULT),
        )
        return load_program(
            ProgType.SYSCALL,
            insns,
            what=f"program for atomic access to {self._name!r}",
            flags=ProgFlags.SLEEPABLE,
        )
