"""kfuncs of modules: those of their own BTF, found by its tags."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from importlib import import_module

import pytest

from bpf2py.btf import TypeTable, decode, encode
from bpf2py.btf import types as t
from bpf2py.runtime import InconclusiveError, module_btf, probes
from bpf2py.spec import Linkage

#: The package has a function of that name.
kfuncs = import_module("bpf2py.runtime.probes.kfuncs")


def functions(first: int, *names: str, tag: str = "bpf_kfunc") -> list[t.Type]:
    """A prototype, and a function with a tag for each name; *first* is the prototype's id."""
    found: list[t.Type] = [t.FuncProto(0, ())]
    for number, name in enumerate(names):
        found.append(t.Func(name, first, Linkage.STATIC))
        found.append(t.DeclTag(tag, first + 1 + 2 * number, -1))
    return found


def module_of(kernel: TypeTable, *names: str, tag: str = "bpf_kfunc") -> TypeTable:
    return decode(
        encode(functions(len(kernel), *names, tag=tag), byte_order=sys.byteorder, base=kernel),
        base=kernel,
    )


@pytest.fixture
def kernel(monkeypatch: pytest.MonkeyPatch) -> Iterator[TypeTable]:
    table = decode(encode(functions(1, "bpf_in_kernel"), byte_order=sys.byteorder))
    monkeypatch.setattr(kfuncs, "kernel_btf", lambda: table)
    modules = {
        "conntrack": module_of(table, "bpf_ct_lookup", "bpf_ct_release"),
        "plain": module_of(table, "ordinary", tag="something_else"),
    }

    def module_types(kernel: TypeTable) -> Iterator[tuple[str, TypeTable]]:
        return iter(modules.items())

    monkeypatch.setattr(module_btf, "module_types", module_types)
    kfuncs.kfuncs.cache_clear()
    yield table
    kfuncs.kfuncs.cache_clear()


def test_each_module_has_its_own_kfuncs_and_not_the_kernels(kernel: TypeTable) -> None:
    assert probes.kfuncs() == {"bpf_in_kernel"}
    assert probes.module_kfuncs() == {"conntrack": {"bpf_ct_lookup", "bpf_ct_release"}}


def test_a_kernel_that_marks_none_cannot_tell(
    kernel: TypeTable, monkeypatch: pytest.MonkeyPatch
) -> None:
    unmarked = decode(encode(functions(1, "f", tag="other"), byte_order=sys.byteorder))
    monkeypatch.setattr(kfuncs, "kernel_btf", lambda: unmarked)
    with pytest.raises(InconclusiveError, match="kfuncs"):
        probes.module_kfuncs()
