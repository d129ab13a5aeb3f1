"""CO-RE against the running kernel: what fits is patched in, what is missing is explained.

The object's BTF and its records are written here, so that no compiler stands in between.
"""

from __future__ import annotations

import errno
import re
import sys
from struct import Struct

import pytest

from bpf2py import runtime
from bpf2py.btf import decode, encode
from bpf2py.btf.types import Int, Member, Ptr
from bpf2py.btf.types import Struct as StructType
from bpf2py.runtime.cache_folder import NO_CACHE
from bpf2py.runtime.kernel_btf import kernel_btf
from bpf2py.runtime.syscalls import obj
from bpf2py.spec import ObjectSpec
from bpf2py.uapi import BTFKind, CoreRelocationKind, ProgType
from tests.runtime.bpf_code import EXIT, an_object, code, mov, program

_RECORD = Struct("=IIII")


def reads_task(member: str) -> ObjectSpec:
    """A program that returns the offset of *member* in struct task_struct, compiled as 4."""
    types = (
        Int("int", 4, 32, signed=True),
        StructType("task_struct", 8, (Member("ours", 1, 0), Member(member, 1, 32))),
        Ptr(2),
    )
    btf = encode(types, byte_order=sys.byteorder, strings=("0:1",))
    table = decode(btf)
    access = next(at for at in range(1, len(btf)) if table.string(at) == "0:1")
    insns = code(mov(0, 4), EXIT)
    part = program(insns, prog_type=ProgType.RAW_TRACEPOINT, section="raw_tp/sys_enter")
    part.core_relocations = _RECORD.pack(0, 2, access, CoreRelocationKind.FIELD_BYTE_OFFSET)
    spec = an_object(part)
    spec.btf = btf
    return spec


def offset_in_kernel(member: str) -> int:
    kernel = kernel_btf()
    task = kernel[kernel.find("task_struct", BTFKind.STRUCT) or 0]
    assert isinstance(task, StructType)
    found = [each.bit_offset // 8 for each in task.members if each.name == member]
    assert len(found) == 1
    return found[0]


def test_a_member_of_the_kernels_struct_is_read_where_this_kernel_has_it() -> None:
    expected = offset_in_kernel("pid")
    assert expected != 4
    with runtime.load(reads_task("pid"), log_level=2) as loaded:
        assert re.search(rf"\(b7\) r0 = {expected}\b", loaded.programs["prog"].log)


def test_a_member_the_kernel_does_not_have_is_named_with_its_struct() -> None:
    with pytest.raises(runtime.VerifierError, match="task_struct") as caught:
        runtime.load(reads_task("no_such_member"))
    error = caught.value
    assert error.errno in (errno.EINVAL, errno.EACCES)
    assert "no_such_member" in str(error)
    assert "CO-RE" in error.reason
    assert "195896080" in error.log  # the log itself is the kernel's


def test_a_kernel_btf_given_instead_is_the_one_that_counts() -> None:
    theirs = encode(
        (
            Int("int", 4, 32, signed=True),
            StructType("task_struct", 64, (Member("no_such_member", 1, 32 * 8),)),
        ),
        byte_order=sys.byteorder,
    )
    for kernel in (theirs, decode(theirs)):
        with runtime.load(reads_task("no_such_member"), kernel_btf=kernel, log_level=2) as loaded:
            assert re.search(r"\(b7\) r0 = 32\b", loaded.programs["prog"].log)


def test_an_object_without_core_records_never_looks_at_the_kernels_btf(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def refuse(*_: object) -> object:
        raise AssertionError("the kernel's BTF was read")

    monkeypatch.setattr("bpf2py.runtime.kernel_btf.kernel_btf", refuse)
    monkeypatch.setenv(NO_CACHE, "1")  # nor taken from what is kept of it
    spec = reads_task("pid")
    with pytest.raises(AssertionError, match="was read"):
        runtime.load(spec)
    spec.programs["prog"].core_relocations = b""
    runtime.load(spec).close()
    spec = reads_task("pid")
    spec.programs["prog"].autoload = False
    runtime.load(spec).close()


def test_the_objects_btf_is_in_the_kernel_while_the_object_is() -> None:
    with runtime.load(reads_task("pid")) as loaded:
        btf = loaded._loaded.btf
        assert btf is not None
        info = obj.btf_info(btf.fileno(), what="btf")
        assert not info.kernel
        assert info.id in set(obj.btf_ids())
        assert obj.btf_data(btf.fileno(), what="btf") == loaded._loaded.spec.btf
