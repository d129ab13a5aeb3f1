"""The kernel takes the BTF written here."""

from __future__ import annotations

import os
import sys

import pytest

from bpf2py.btf import decode, encode
from bpf2py.btf import types as t
from bpf2py.btf.sanitize import BTFFeature, sanitize
from bpf2py.runtime import features
from bpf2py.runtime.syscalls.btf import btf_load

from ..btf.samples import EVERY_KIND
from ..btf.strategies import DATA

#: Behind EVERY_KIND: what old kernels refuse of the kinds they know, and an ENUM64 in a bitfield.
OLD_ONES: list[t.Type] = [
    t.Datasec("?.empty", 8, ()),
    t.DeclTag("attribute", 5, attribute=True),
    t.TypeTag("attribute", 1, attribute=True),
    t.Struct("narrow", 8, (t.Member("wide", 9, 0, 20),), kind_flag=True),
    t.Func("local", 18, 0),
]


def test_the_kernel_takes_every_kind() -> None:
    blob = encode(EVERY_KIND, byte_order=sys.byteorder)
    os.close(btf_load(sanitize(blob, features.missing_btf_features()), what="every kind"))


@pytest.mark.parametrize("feature", BTFFeature, ids=lambda feature: feature.name)
def test_the_kernel_takes_what_stands_for_a_feature(feature: BTFFeature) -> None:
    blob = encode([*EVERY_KIND, *OLD_ONES], byte_order=sys.byteorder)
    missing = features.missing_btf_features() | {feature}
    os.close(btf_load(sanitize(blob, missing), what="without"))
    # An old kernel lacks all that is newer as well.
    missing |= set(list(BTFFeature)[list(BTFFeature).index(feature) :])
    os.close(btf_load(sanitize(blob, missing), what="without what is newer"))


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


def test_the_whole_log_is_there_however_many_types_come_before_the_wrong_one() -> None:
    types: list[t.Type] = [t.Struct(f"fine_{n}", 0, ()) for n in range(5000)]
    blob = encode([*types, t.Struct("bad name", 0, ())], byte_order="little")
    with pytest.raises(OSError, match=r".") as caught:
        btf_load(blob, what="bad")
    assert "Invalid name" in (caught.value.strerror or "")
    (log,) = caught.value.__notes__
    assert log.startswith("magic: 0xeb9f")
    assert "fine_0 " in log
    assert "fine_4999 " in log
    assert len(log) > 1 << 16
