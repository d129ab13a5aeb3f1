"""BTF as the ELF reader leaves it, shown to the kernel: it must not refuse what was filled in."""

from __future__ import annotations

import sys

import pytest

from bpf2py import runtime
from bpf2py.btf import encode
from bpf2py.btf import types as t
from bpf2py.elf import read_object
from bpf2py.spec import Linkage
from tests.conftest import bpf_works
from tests.elf.test_externs import extern_types
from tests.elf.test_maps import INT
from tests.support.elfwriter import EXIT, HIDDEN, MOV, NOBITS, OBJECT, ElfWriter, insn

pytestmark = pytest.mark.skipif(not bpf_works(), reason="needs root and bpf(2)")


def test_the_kernel_takes_types_of_externs_that_no_program_uses() -> None:
    order = sys.byteorder
    elf = ElfWriter(order)
    code = elf.code("socket", insn(MOV, order=order), insn(EXIT, order=order))
    elf.symbol("main", code, size=16)
    # Variables in the wrong order, one of them hidden, behind the externs.
    bss = elf.section(".bss", kind=NOBITS, flags=3, size=8)
    elf.symbol("late", bss, value=4, size=4, kind=OBJECT)
    elf.symbol("early", bss, value=0, size=4, kind=OBJECT, visibility=HIDDEN)
    types = extern_types()
    types += [t.Var("late", INT, Linkage.GLOBAL), t.Var("early", INT, Linkage.GLOBAL)]
    late = len(types) - 1
    rows = (t.SectionVar(late, 0, 4), t.SectionVar(late + 1, 0, 4))
    types.append(t.Datasec(".bss", 0, rows))
    elf.section(".BTF", encode(types, byte_order=order), flags=0)
    spec = read_object(elf.build(), name="externs.bpf.o")
    # BTF that the kernel refuses would be a warning here, and warnings are errors.
    with runtime.load(spec) as loaded:
        assert loaded.programs["main"].loaded
