"""The kernel takes the BTF written here."""

from __future__ import annotations

import os

import pytest

from bpf2py.btf import decode, encode
from bpf2py.btf import types as t
from bpf2py.runtime.syscalls.btf import btf_load

from ..btf.samples import EVERY_KIND
from ..btf.strategies import DATA


def test_the_kernel_takes_every_kind() -> None:
    os.close(btf_load(encode(EVERY_KIND, byte_order="little"), what="every kind"))


def test_the_kernel_takes_a_compiled_object_s_types_encoded_again() -> None:
    table = decode((DATA / "uapi.btf").read_bytes())
    types = [
        # clang leaves section sizes to the reader of the ELF file.
        each
        for each in (table[type_id] for type_id in table)
        if not isinstance(each, t.Datasec)
    ]
    os.close(btf_load(encode(types, byte_order="little"), what="uapi.btf"))


def test_a_type_the_kernel_refuses_is_named_in_its_log() -> None:
    blob = encode([t.Struct("bad name", 0, ())], byte_order="little")
    with pytest.raises(OSError, match="Invalid name") as caught:
        btf_load(blob, what="bad")
    assert caught.value.filename == "bad"
