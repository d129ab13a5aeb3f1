"""Objects' BTF and kernels that refuse a part of it: what is tried, and what it costs."""

from __future__ import annotations

import errno
import warnings
from collections.abc import Callable

import pytest

from bpf2py import runtime
from bpf2py.btf import TypeTable, decode, encode
from bpf2py.btf import types as t
from bpf2py.btf.header import read_header
from bpf2py.btf.sanitize import BTFFeature
from bpf2py.runtime import features
from bpf2py.spec import ObjectSpec
from bpf2py.uapi import BTFKind, Cmd
from tests.btf.samples import EVERY_KIND
from tests.runtime.bpf_code import an_object, program
from tests.runtime.conftest import Attr, FakeKernel

pytestmark = pytest.mark.usefixtures("no_open_files")

TYPES: list[t.Type] = [
    *EVERY_KIND,
    t.Datasec("?.empty", 4, ()),
    t.DeclTag("attribute", 5, attribute=True),
]


def _kinds(*kinds: BTFKind) -> Callable[[TypeTable, int], bool]:
    return lambda table, type_id: table.kind(type_id) in kinds


#: What a kernel without the feature refuses, of one type.
REFUSED: dict[BTFFeature, Callable[[TypeTable, int], bool]] = {
    BTFFeature.FUNC: _kinds(BTFKind.FUNC, BTFKind.FUNC_PROTO),
    BTFFeature.DATASEC: _kinds(BTFKind.VAR, BTFKind.DATASEC),
    BTFFeature.FUNC_LINKAGE: lambda table, at: bool(
        table.kind(at) == BTFKind.FUNC and table.vlen(at)
    ),
    BTFFeature.EMPTY_SECTION: lambda table, at: (
        table.kind(at) == BTFKind.DATASEC and not table.vlen(at)
    ),
    BTFFeature.FLOAT: _kinds(BTFKind.FLOAT),
    BTFFeature.DECL_TAG: _kinds(BTFKind.DECL_TAG),
    BTFFeature.TYPE_TAG: _kinds(BTFKind.TYPE_TAG),
    BTFFeature.ENUM64: lambda table, at: (
        table.kind(at) == BTFKind.ENUM64 or (table.kind(at) == BTFKind.ENUM and table[at].signed)  # type: ignore[union-attr]
    ),
    BTFFeature.OPTIONAL_SECTION: lambda table, at: (
        table.kind(at) == BTFKind.DATASEC and table.name(at).startswith("?")
    ),
    BTFFeature.TAG_KIND_FLAG: lambda table, at: bool(getattr(table[at], "attribute", False)),
}


class OldKernel:
    """Answers BTF_LOAD as a kernel that lacks *missing*; keeps what it took."""

    def __init__(self, kernel: FakeKernel, missing: set[BTFFeature]) -> None:
        self.kernel, self.missing = kernel, missing
        self.taken: list[bytes] = []
        kernel.handlers[Cmd.BTF_LOAD] = self.load

    def load(self, attr: Attr) -> int:
        blob = attr.memory(0, attr.u32(16))
        table = decode(blob)
        if BTFFeature.LAYOUT in self.missing and read_header(blob, split=False).layout[1]:
            return -errno.E2BIG
        for feature in self.missing - {BTFFeature.LAYOUT}:
            if any(REFUSED[feature](table, type_id) for type_id in table):
                return -errno.EINVAL
        self.taken.append(blob)
        return self.kernel.descriptor()


def an_object_of_every_kind() -> ObjectSpec:
    spec = an_object(program())
    spec.btf = encode(TYPES, byte_order=spec.byte_order)
    return spec


def test_a_kernel_that_takes_the_btf_is_asked_once(kernel: FakeKernel) -> None:
    OldKernel(kernel, set())
    runtime.load(an_object_of_every_kind()).close()
    assert len(kernel.of(Cmd.BTF_LOAD)) == 1


@pytest.mark.parametrize("feature", BTFFeature, ids=lambda feature: feature.name)
def test_what_a_kernel_lacks_is_found_out_and_left_out(
    kernel: FakeKernel, feature: BTFFeature
) -> None:
    order = list(BTFFeature)
    newer = set(order[order.index(feature) :])
    old = OldKernel(kernel, newer)
    assert features.missing_btf_features() == newer
    del old.taken[:]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with runtime.load(an_object_of_every_kind()) as loaded:
            assert loaded._loaded.btf is not None
    (taken,) = old.taken
    assert len(decode(taken)) == len(TYPES) + 1


def test_a_process_asks_what_is_missing_once(kernel: FakeKernel) -> None:
    OldKernel(kernel, {BTFFeature.ENUM64})
    for _ in range(2):
        before = len(kernel.of(Cmd.BTF_LOAD))
        runtime.load(an_object_of_every_kind()).close()
    assert len(kernel.of(Cmd.BTF_LOAD)) - before == 2  # as it is, then without


def test_a_probe_that_cannot_tell_raises_and_is_not_remembered(kernel: FakeKernel) -> None:
    old = OldKernel(kernel, {BTFFeature.ENUM64})
    answers = [-errno.EINVAL, -errno.ENOMEM]
    kernel.handlers[Cmd.BTF_LOAD] = lambda attr: answers.pop(0) if answers else old.load(attr)
    with pytest.raises(OSError, match="probe BTF with FUNC") as caught:
        runtime.load(an_object_of_every_kind())
    assert caught.value.errno == errno.ENOMEM
    runtime.load(an_object_of_every_kind()).close()


@pytest.mark.parametrize("blob", [b"", b"no BTF at all, but long enough"])
def test_btf_that_is_refused_for_another_reason_is_a_warning_and_the_object_loads(
    kernel: FakeKernel, blob: bytes
) -> None:
    kernel.handlers[Cmd.BTF_LOAD] = lambda _: -errno.EINVAL
    spec = an_object_of_every_kind()
    spec.btf = blob or spec.btf
    with pytest.warns(RuntimeWarning, match="going on without BTF"):
        loaded = runtime.load(spec)
    with loaded:
        assert loaded._loaded.btf is None
