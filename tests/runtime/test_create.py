"""Maps from their specs, without a kernel: names, sizes, what is tried again without what."""

from __future__ import annotations

import errno
from contextlib import ExitStack
from dataclasses import replace
from struct import Struct

import pytest

from bpf2py.runtime.create import MapMaker, completed, data_map_name, require_compatible, ring_size
from bpf2py.runtime.errors import ClosedError
from bpf2py.runtime.struct_ops import KernelStruct
from bpf2py.runtime.syscalls import bpf as door
from bpf2py.runtime.syscalls.fd import FD
from bpf2py.spec import MapSpec
from bpf2py.uapi import Cmd, MapFlags, MapType
from tests.runtime.bpf_code import array
from tests.runtime.conftest import Attr, FakeKernel

pytestmark = pytest.mark.usefixtures("no_open_files")


@pytest.mark.parametrize(
    ("object_name", "section", "name"),
    [
        ("my_object_name", ".rodata", "my_objec.rodata"),
        ("my_object_name", ".bss", "my_objec.bss"),
        ("my_object_name", ".data", "my_objec.data"),
        ("my_object_name", ".kconfig", "my_obje.kconfig"),
        ("my_object_name", ".data.custom", ".data.custom"),
        ("my_object_name", ".rodata.abracadabra", ".rodata.abracad"),
        ("t", ".bss", "t.bss"),
    ],
)
def test_data_sections_have_the_names_libbpf_gives_them(
    object_name: str, section: str, name: str
) -> None:
    assert data_map_name(object_name, section) == name


@pytest.mark.parametrize(
    ("size", "rounded"),
    [
        (0, 0),  # forgotten: the kernel shall refuse it
        (1, 4096),
        (4096, 4096),
        (4097, 8192),
        (12288, 16384),
        (1 << 31, 1 << 31),
        ((1 << 31) + 1, (1 << 31) + 1),  # nothing fits: the kernel shall refuse it
    ],
)
def test_rings_are_rounded_up_to_a_power_of_two_of_pages(size: int, rounded: int) -> None:
    assert ring_size(size, 4096) == rounded


def test_a_perf_array_without_a_size_has_one_place_per_possible_cpu(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("bpf2py.runtime.kernel.possible_cpus", lambda: 12)
    perf = MapSpec(name="events", map_type=MapType.PERF_EVENT_ARRAY, key_size=4, value_size=4)
    assert completed(perf).max_entries == 12
    assert completed(replace(perf, max_entries=3)).max_entries == 3
    assert perf.max_entries == 0  # the user's spec stays as it is


def make(spec: MapSpec, btf: FD | None = None) -> None:
    with ExitStack() as stack:
        MapMaker("tests", btf, None, stack).make(spec, None)


def test_types_are_dropped_when_the_kernel_refuses_them(kernel: FakeKernel) -> None:
    kernel.handlers[Cmd.MAP_CREATE] = lambda attr: (
        -errno.EINVAL if any(attr.bytes[48:60]) else kernel.descriptor()
    )
    spec = array()
    spec.key_type_id, spec.value_type_id = 1, 2
    with FD(kernel.descriptor()) as btf:
        make(spec, btf)
    first, second = kernel.of(Cmd.MAP_CREATE)
    assert (first.u32(52), first.u32(56)) == (1, 2)
    assert not any(second.bytes[48:60])


def test_types_never_reach_maps_that_cannot_have_them(kernel: FakeKernel) -> None:
    spec = MapSpec(
        name="events", map_type=MapType.RINGBUF, max_entries=4096, key_type_id=1, value_type_id=2
    )
    with FD(kernel.descriptor()) as btf:
        make(spec, btf)
    (attr,) = kernel.of(Cmd.MAP_CREATE)
    assert not any(attr.bytes[52:60])


def test_names_are_dropped_last(kernel: FakeKernel) -> None:
    kernel.handlers[Cmd.MAP_CREATE] = lambda attr: (
        -errno.EINVAL if any(attr.bytes[28:44]) else kernel.descriptor()
    )
    make(array())
    named = [attr.bytes[28:44].rstrip(b"\0") for attr in kernel.of(Cmd.MAP_CREATE)]
    assert named == [b"counts", b""]


def test_data_sections_work_where_arrays_cannot_be_mapped(kernel: FakeKernel) -> None:
    kernel.handlers[Cmd.MAP_CREATE] = lambda attr: (
        -errno.EINVAL if attr.u32(16) & MapFlags.MMAPABLE else kernel.descriptor()
    )
    spec = replace(array(".bss"), section=".bss", flags=MapFlags.MMAPABLE)
    make(spec)
    assert [attr.u32(16) for attr in kernel.of(Cmd.MAP_CREATE)] == [MapFlags.MMAPABLE, 0]


def test_a_map_the_user_wants_mapped_is_not_made_otherwise(kernel: FakeKernel) -> None:
    kernel.handlers[Cmd.MAP_CREATE] = lambda attr: (
        -errno.EINVAL if attr.u32(16) else kernel.descriptor()
    )
    with pytest.raises(OSError, match=r"map 'counts' \(ARRAY, key 4 bytes, value 8 bytes"):
        make(replace(array(), flags=MapFlags.MMAPABLE))


def test_a_refusal_for_lack_of_memory_is_not_tried_again(kernel: FakeKernel) -> None:
    kernel.handlers[Cmd.MAP_CREATE] = lambda _: -errno.ENOMEM
    with pytest.raises(OSError, match="no memory for a map of this size"):
        make(array())
    assert len(kernel.of(Cmd.MAP_CREATE)) == 1


def test_the_inner_map_is_made_first_and_closed_afterwards(kernel: FakeKernel) -> None:
    outer = MapSpec(
        name="outer",
        map_type=MapType.ARRAY_OF_MAPS,
        key_size=4,
        value_size=4,
        max_entries=2,
        inner=array(""),
    )
    make(outer)
    inner, whole = kernel.of(Cmd.MAP_CREATE)
    assert inner.bytes[28:44].rstrip(b"\0") == b"outer.inner"
    assert whole.u32(20) > 2  # inner_map_fd; the fixture sees that it is closed


def test_a_map_of_maps_without_a_template_is_explained(kernel: FakeKernel) -> None:
    outer = MapSpec(
        name="outer", map_type=MapType.HASH_OF_MAPS, key_size=4, value_size=4, max_entries=2
    )
    with pytest.raises(ValueError, match="'outer' holds maps but does not say which"):
        make(outer)


def test_a_struct_ops_map_has_the_kernels_type_and_the_objects_btf(kernel: FakeKernel) -> None:
    spec = MapSpec(
        name="mine", map_type=MapType.STRUCT_OPS, key_size=4, value_size=8, value_type_id=7
    )
    with FD(kernel.descriptor()) as btf, FD(kernel.descriptor()) as module, ExitStack() as stack:
        for struct in (
            KernelStruct(1234, None, bytearray(40), ()),
            KernelStruct(1234, module, bytearray(40), ()),
        ):
            MapMaker("tests", btf, None, stack).make(spec, None, struct)
        built_in, in_module = kernel.of(Cmd.MAP_CREATE)
        for attr in (built_in, in_module):
            assert attr.u32(8) == 40  # value_size
            assert (attr.u32(48), attr.u32(52), attr.u32(56)) == (btf.fileno(), 0, 0)
            assert attr.u32(60) == 1234  # btf_vmlinux_value_type_id
        assert not built_in.u32(16) & MapFlags.VTYPE_BTF_OBJ_FD
        assert in_module.u32(16) & MapFlags.VTYPE_BTF_OBJ_FD
        assert in_module.u32(72) == module.fileno()  # value_type_btf_obj_fd


def test_a_kernel_that_has_not_read_its_types_yet_is_made_to(kernel: FakeKernel) -> None:
    """5.10: no struct_ops is known before the first program was loaded."""
    kernel.handlers[Cmd.MAP_CREATE] = lambda _: (
        kernel.descriptor() if kernel.of(Cmd.PROG_LOAD) else -door.ENOTSUPP
    )
    spec = MapSpec(name="mine", map_type=MapType.STRUCT_OPS, key_size=4, value_type_id=7)
    with FD(kernel.descriptor()) as btf, ExitStack() as stack:
        MapMaker("tests", btf, None, stack).make(
            spec, None, KernelStruct(1234, None, bytearray(40), ())
        )
    assert [cmd for cmd, _ in kernel.calls] == [Cmd.MAP_CREATE, Cmd.PROG_LOAD, Cmd.MAP_CREATE]


def test_a_struct_ops_that_stays_unknown_is_refused(kernel: FakeKernel) -> None:
    kernel.handlers[Cmd.MAP_CREATE] = lambda _: -door.ENOTSUPP
    spec = MapSpec(name="mine", map_type=MapType.STRUCT_OPS, key_size=4, value_type_id=7)
    with (
        ExitStack() as stack,
        pytest.raises(OSError, match=r"not supported by this kernel.*'mine' \(STRUCT_OPS"),
    ):
        MapMaker("tests", None, None, stack).make(
            spec, None, KernelStruct(1234, None, bytearray(40), ())
        )
    assert len(kernel.of(Cmd.MAP_CREATE)) == 2


def test_a_map_for_a_device_names_it(kernel: FakeKernel) -> None:
    make(replace(array(), ifindex=5))
    (attr,) = kernel.of(Cmd.MAP_CREATE)
    assert attr.u32(44) == 5


def test_a_map_that_is_switched_off_is_not_made(kernel: FakeKernel) -> None:
    with ExitStack() as stack:
        handle = MapMaker("tests", None, None, stack).make(replace(array(), autocreate=False), None)
    assert not kernel.of(Cmd.MAP_CREATE)
    assert not handle.created
    with pytest.raises(ClosedError, match="'counts' was not created: its autocreate is off"):
        handle.fileno()


def info(spec: MapSpec, *, flags: int) -> object:
    """A kernel that describes every map as *spec*."""

    def handler(attr: Attr) -> int:
        fields = Struct("=6I").pack(
            int(spec.map_type), 1, spec.key_size, spec.value_size, spec.max_entries, flags
        )
        attr.write_memory(8, fields)
        return 0

    return handler


def test_an_existing_map_that_differs_is_refused_with_every_difference(kernel: FakeKernel) -> None:
    found = MapSpec(
        name="counts", map_type=MapType.HASH, key_size=4, value_size=16, max_entries=100
    )
    kernel.handlers[Cmd.OBJ_GET_INFO_BY_FD] = info(  # type: ignore[assignment]
        found, flags=MapFlags.NO_PREALLOC
    )
    with FD(kernel.descriptor()) as fd, pytest.raises(ValueError, match="map 'counts'") as caught:
        require_compatible(array(), fd, "map 'counts' pinned at '/x'")
    for difference in (
        "type HASH instead of ARRAY",
        "value size 16 instead of 8",
        "max_entries 100 instead of 1",
        "flags NO_PREALLOC instead of none",
    ):
        assert difference in str(caught.value)
    assert "key size" not in str(caught.value)


def test_device_maps_are_compared_without_the_flag_the_kernel_adds(kernel: FakeKernel) -> None:
    spec = MapSpec(name="d", map_type=MapType.DEVMAP, key_size=4, value_size=4, max_entries=8)
    kernel.handlers[Cmd.OBJ_GET_INFO_BY_FD] = info(  # type: ignore[assignment]
        spec, flags=MapFlags.RDONLY_PROG
    )
    with FD(kernel.descriptor()) as fd:
        require_compatible(spec, fd, "map 'd'")
