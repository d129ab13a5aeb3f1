"""A second load: nothing computed for the first stands in for what a user changed in between."""

from __future__ import annotations

import gc
from collections.abc import Callable
from types import ModuleType
from typing import Any

import pytest

from bpf2py import runtime
from bpf2py.spec import MapRelocation, MapSpec, ObjectSpec
from bpf2py.uapi import Cmd, MapFlags, MapType, ProgFlags
from generated_fixtures import bench_programs_bpf, bench_trivial_bpf, globals_bpf
from tests.runtime.bpf_code import EXIT, an_object, array, code, load_map, mov, program
from tests.runtime.conftest import Attr, FakeKernel

pytestmark = pytest.mark.usefixtures("no_open_files")

Change = Callable[[ObjectSpec], None]


class Seen:
    """What the kernel was given by one load, by the name of what a user can change."""

    def __init__(self, kernel: FakeKernel) -> None:
        self.values: dict[str, Any] = {}
        self.kernel = kernel
        kernel.handlers[Cmd.BTF_LOAD] = self.btf
        kernel.handlers[Cmd.MAP_CREATE] = self.map
        kernel.handlers[Cmd.MAP_UPDATE_ELEM] = self.data
        kernel.handlers[Cmd.PROG_LOAD] = self.program

    def btf(self, attr: Attr) -> int:
        self.values["btf"] = attr.memory(0, attr.u32(16))
        return self.kernel.descriptor()

    def map(self, attr: Attr) -> int:
        if attr.u32(0) == MapType.HASH:
            self.values["map flags"] = attr.u32(16)
        if attr.u32(12) != 1:
            self.values["max_entries"] = attr.u32(12)
        return self.kernel.descriptor()

    def data(self, attr: Attr) -> int:
        self.values["data"] = attr.memory(16, 4)
        return 0

    def program(self, attr: Attr) -> int:
        insns = bytearray(attr.memory(8, attr.u32(4) * 8))
        insns[4:8] = bytes(4)  # the map's descriptor
        self.values["insns"] = bytes(insns)
        self.values["license"] = attr.text(16)
        self.values["program flags"] = attr.u32(44)
        self.values["name"] = attr.bytes[48:64].rstrip(b"\0")
        self.values["func_info"] = attr.memory(80, attr.u32(88) * 8)
        return self.kernel.descriptor()


def rename(spec: ObjectSpec) -> None:
    spec.programs["prog"].name = "other"


def rewrite(spec: ObjectSpec) -> None:
    spec.programs["prog"].insns = code(load_map(1), mov(0, 1), EXIT)


def redirect(spec: ObjectSpec) -> None:
    spec.programs["prog"].map_relocations = (MapRelocation(0, ".rodata", 4),)


def flag_program(spec: ObjectSpec) -> None:
    spec.programs["prog"].flags = ProgFlags.XDP_HAS_FRAGS


def describe(spec: ObjectSpec) -> None:
    spec.programs["prog"].func_info = bytes(7) + b"\1"


def relicense(spec: ObjectSpec) -> None:
    spec.license = "Proprietary"


def retype(spec: ObjectSpec) -> None:
    spec.btf = b"other types"


def grow(spec: ObjectSpec) -> None:
    spec.maps["counts"].max_entries = 77


def flag_map(spec: ObjectSpec) -> None:
    spec.maps["counts"].flags = MapFlags.NO_PREALLOC


def set_constant(spec: ObjectSpec) -> None:
    data = spec.maps[".rodata"].data
    assert data is not None
    data[:4] = b"\xff\xfe\xfd\xfc"


@pytest.mark.parametrize(
    ("change", "what", "before", "after"),
    [
        (rename, "name", b"prog", b"other"),
        (flag_program, "program flags", 0, ProgFlags.XDP_HAS_FRAGS),
        (describe, "func_info", bytes(8), bytes(7) + b"\1"),
        (relicense, "license", "GPL", "Proprietary"),
        (retype, "btf", b"types", b"other types"),
        (grow, "max_entries", 8, 77),
        (flag_map, "map flags", 0, MapFlags.NO_PREALLOC),
        (set_constant, "data", b"\1\2\3\4", b"\xff\xfe\xfd\xfc"),
    ],
)
def test_what_is_changed_between_two_loads_reaches_the_kernel(
    kernel: FakeKernel, change: Change, what: str, before: object, after: object
) -> None:
    spec = the_object()
    first, second = loads(kernel, spec, change)
    assert first.pop(what) == before
    assert second.pop(what) == after
    assert first == second


@pytest.mark.parametrize("change", [rewrite, redirect])
def test_instructions_changed_between_two_loads_reach_the_kernel(
    kernel: FakeKernel, change: Change
) -> None:
    spec = the_object()
    first, second = loads(kernel, spec, change)
    fresh, _ = loads(kernel, changed(the_object(), change), lambda _: None)
    assert first["insns"] != second["insns"] == fresh["insns"]


def loads(
    kernel: FakeKernel, spec: ObjectSpec, change: Change
) -> tuple[dict[str, Any], dict[str, Any]]:
    first = Seen(kernel)
    runtime.load(spec).close()
    second = Seen(kernel)
    runtime.load(changed(spec, change)).close()
    return first.values, second.values


def changed(spec: ObjectSpec, change: Change) -> ObjectSpec:
    change(spec)
    return spec


def the_object() -> ObjectSpec:
    counts = array(max_entries=8)
    counts.map_type = MapType.HASH
    constants = MapSpec(
        name=".rodata",
        map_type=MapType.ARRAY,
        key_size=4,
        value_size=8,
        max_entries=1,
        section=".rodata",
        data=bytearray(b"\1\2\3\4\5\6\7\10"),
    )
    prog = program(
        code(load_map(1), mov(0, 2), EXIT), map_relocations=(MapRelocation(0, "counts"),)
    )
    prog.func_info = bytes(8)
    spec = an_object(counts, constants, prog)
    spec.btf = b"types"
    return spec


def test_a_spec_that_is_changed_leaves_those_made_later_alone() -> None:
    untouched = globals_bpf.Globals.spec().object_spec.copy()
    spec = globals_bpf.Globals.spec().object_spec
    for each in spec.maps.values():
        each.max_entries += 1
        if each.data is not None:
            each.data[:] = bytes(byte ^ 0xFF for byte in each.data)
    for prog in spec.programs.values():
        prog.insns += prog.insns
    spec.btf += b"more"
    assert globals_bpf.Globals.spec().object_spec == untouched != spec


@pytest.mark.parametrize("module", [bench_trivial_bpf, bench_programs_bpf])
def test_loading_and_closing_leaves_nothing_to_the_garbage_collector(
    kernel: FakeKernel, module: ModuleType
) -> None:
    """Descriptors are closed, and forgotten owners warned of, when the last name goes away."""
    cls = next(value for value in vars(module).values() if hasattr(value, "spec"))
    cls.spec().load().close()
    gc.collect()
    gc.disable()
    try:
        cls.spec().load().close()
        assert gc.collect() == 0
    finally:
        gc.enable()
    assert kernel.of(Cmd.PROG_LOAD)


def test_an_object_that_is_forgotten_warns_at_once(kernel: FakeKernel) -> None:
    loaded = [runtime.load(the_object())]
    gc.disable()
    try:
        with pytest.warns(ResourceWarning) as caught:
            loaded.clear()
    finally:
        gc.enable()
    assert sorted(str(each.message).partition(" (")[0] for each in caught) == [
        "unclosed BTF of object 'tests'",
        "unclosed map '.rodata'",
        "unclosed map 'counts'",
        "unclosed program 'prog'",
    ]
    assert kernel.of(Cmd.MAP_FREEZE)
