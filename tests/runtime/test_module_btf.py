"""BTF of modules: what cannot be read is left out, everything else is raised."""

from __future__ import annotations

import errno
import sys

import pytest

from bpf2py.btf import decode, encode
from bpf2py.btf import types as t
from bpf2py.runtime.module_btf import module_tables
from bpf2py.uapi import Cmd
from tests.runtime.conftest import FakeKernel

pytestmark = pytest.mark.usefixtures("no_open_files")

KERNEL = decode(encode([t.Int("int", 4, 32)], byte_order=sys.byteorder))


@pytest.mark.parametrize("code", [errno.EPERM, errno.EINVAL], ids=["no right", "before 5.1"])
def test_where_modules_cannot_be_listed_there_are_none(kernel: FakeKernel, code: int) -> None:
    kernel.handlers[Cmd.BTF_GET_NEXT_ID] = lambda _: -code
    assert list(module_tables(KERNEL)) == []


def test_any_other_refusal_is_raised(kernel: FakeKernel) -> None:
    kernel.handlers[Cmd.BTF_GET_NEXT_ID] = lambda _: -errno.ENOMEM
    with pytest.raises(OSError, match="Cannot allocate memory"):
        list(module_tables(KERNEL))


def test_a_module_that_goes_away_meanwhile_is_left_out(kernel: FakeKernel) -> None:
    ids = iter((7, 8))

    def next_id(attr: object) -> int:
        number = next(ids, None)
        if number is None:
            return -errno.ENOENT
        attr.write(4, number.to_bytes(4, sys.byteorder))  # type: ignore[attr-defined]
        return 0

    kernel.handlers[Cmd.BTF_GET_NEXT_ID] = next_id
    kernel.handlers[Cmd.BTF_GET_FD_BY_ID] = lambda _: -errno.ENOENT
    assert list(module_tables(KERNEL)) == []
    assert len(kernel.of(Cmd.BTF_GET_FD_BY_ID)) == 2
