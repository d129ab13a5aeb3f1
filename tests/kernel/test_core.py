"""CO-RE on the real kernel: programs that check themselves, and numbers found another way.

What ``measure`` stores is compared with what the kernel's types say when they are built whole and
walked here; nothing of the CO-RE engine is used for that.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

from bpf2py import runtime
from bpf2py.btf import decode
from bpf2py.btf import types as t
from bpf2py.btf.layout import size_of
from bpf2py.btf.reduce import Needs, reduce
from bpf2py.btf.table import TypeTable
from bpf2py.cli.main import cli
from bpf2py.elf import read_object
from bpf2py.runtime import NotSupportedError
from bpf2py.runtime.cache_folder import NO_CACHE
from bpf2py.runtime.kernel import VMLINUX_BTF
from bpf2py.runtime.kernel_btf import forget, kernel_btf
from bpf2py.runtime.module_btf import SYSFS_BTF, module_tables, module_types
from bpf2py.uapi import BTFKind, CoreRelocationKind, ProgType
from generated_fixtures.core_bitfields_bpf import CoreBitfields
from generated_fixtures.core_enums_bpf import CoreEnums
from generated_fixtures.core_fields_bpf import CoreFields, CoreFieldsSpec
from generated_fixtures.core_heavy_bpf import CoreHeavy
from generated_fixtures.core_types_bpf import CoreTypes

FOLDER = Path(__file__).parents[2] / "generated_fixtures"
OBJECTS = sorted(path for path in FOLDER.glob("core_*.bpf.o") if ".eb." not in path.name)
ALL_ONES = 2**64 - 1


@pytest.fixture(scope="module")
def types() -> TypeTable:
    return kernel_btf()


def members(types: TypeTable, type_id: int) -> dict[str, tuple[int, t.Member]]:
    """Every member of a struct with its bit offset, those of anonymous members among them."""
    found: dict[str, tuple[int, t.Member]] = {}
    struct = types[types.resolve(type_id)]
    assert isinstance(struct, (t.Struct, t.Union))
    for member in struct.members:
        if member.name:
            found[member.name] = (member.bit_offset, member)
        else:
            for name, (inside, inner) in members(types, member.target).items():
                found[name] = (member.bit_offset + inside, inner)
    return found


def place(types: TypeTable, struct: str, *path: str | int) -> tuple[int, t.Member | int]:
    """The bit offset and the member (for an index: the type) that a path leads to."""
    type_id = types.find(struct, BTFKind.STRUCT)
    assert type_id is not None
    bit_offset = 0
    last: t.Member | int = 0
    for step in path:
        if isinstance(step, int):
            array = types[types.resolve(type_id)]
            assert isinstance(array, t.Array)
            last = type_id = array.element
            bit_offset += 8 * step * size_of(types, type_id)
        else:
            inside, member = members(types, type_id)[step]
            bit_offset += inside
            last, type_id = member, member.target
    return bit_offset, last


def offset(types: TypeTable, struct: str, *path: str | int) -> int:
    bit_offset, _ = place(types, struct, *path)
    return bit_offset // 8


def has(types: TypeTable, struct: str, member: str) -> int:
    type_id = types.find(struct, BTFKind.STRUCT)
    assert type_id is not None
    return int(member in members(types, type_id))


@pytest.mark.parametrize("path", OBJECTS, ids=lambda path: path.name)
def test_every_object_loads(path: Path) -> None:
    spec = read_object(path.read_bytes(), name=path.name)
    with runtime.load(spec) as loaded:
        for name, program in spec.programs.items():
            assert loaded.programs[name].loaded == program.autoload


@pytest.mark.parametrize("path", OBJECTS, ids=lambda path: path.name)
def test_every_object_loads_with_the_kernels_btf_reduced_to_its_needs(
    types: TypeTable, path: Path
) -> None:
    spec = read_object(path.read_bytes(), name=path.name)
    records = [program.core_relocations for program in spec.programs.values()]
    reduced = reduce(types, [Needs(decode(spec.btf), records)])
    assert len(reduced) < 20_000
    with runtime.load(spec, kernel_btf=reduced) as loaded:
        for name, program in spec.programs.items():
            assert loaded.programs[name].loaded == program.autoload


def test_the_current_task_is_read_right_with_reduced_btf(types: TypeTable) -> None:
    spec = CoreFields.spec()
    path = FOLDER / "core_fields.bpf.o"
    described = read_object(path.read_bytes(), name=path.name)
    records = [program.core_relocations for program in described.programs.values()]
    reduced = reduce(types, [Needs(decode(described.btf), records)])
    with spec.load(kernel_btf=reduced) as fields:
        found = fields.programs.read_current.run().return_value
        assert line("core_fields.bpf.c", found) == ""


def line(source: str, number: int) -> str:
    """What a program that returned *number* complains of; empty for 0."""
    if not number:
        return ""
    return f"{source}:{number}: " + (FOLDER / source).read_text().splitlines()[number - 1].strip()


def without_targets() -> CoreFieldsSpec:
    """The object without the program on a tracepoint, which a kernel finds in its own BTF only."""
    spec = CoreFields.spec()
    for program in spec.object_spec.programs.values():
        program.autoload &= program.prog_type != ProgType.TRACING
    assert spec.programs.read_current.autoload
    return spec


@pytest.mark.parametrize("form", ["folder", "archive"])
def test_a_kernel_that_hides_its_btf_takes_what_a_package_ships_for_it(
    form: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    full = tmp_path / "full" / "some" / "1" / os.uname().machine / f"{os.uname().release}.btf"
    full.parent.mkdir(parents=True)
    full.write_bytes(Path(VMLINUX_BTF).read_bytes())
    shipped = tmp_path / ("btf" if form == "folder" else "btf.tar.xz")
    command = ["min-btf", str(FOLDER / "core_fields.bpf.o"), "--btf", str(tmp_path / "full")]
    assert CliRunner().invoke(cli, [*command, "-o", str(shipped)]).exit_code == 0
    monkeypatch.setattr("bpf2py.runtime.kernel.VMLINUX_BTF", str(tmp_path / "none"))
    monkeypatch.setattr("bpf2py.runtime.core_types._VMLINUX", ())
    forget()
    try:
        with pytest.raises(NotSupportedError, match="takes a file with this kernel's BTF"):
            without_targets().load()
        with without_targets().load(kernel_btf=shipped) as fields:
            found = fields.programs.read_current.run().return_value
        full.rename(full.with_name("0.0.0-other.btf"))
        with pytest.raises(
            NotSupportedError, match=re.escape(f"has none for {os.uname().release} (")
        ):
            without_targets().load(kernel_btf=tmp_path / "full")
    finally:
        forget()
    assert line("core_fields.bpf.c", found) == ""


def test_modules_are_the_same_in_sysfs_as_by_their_descriptors(types: TypeTable) -> None:
    if not [name for name in os.listdir(SYSFS_BTF) if name != "vmlinux"]:
        pytest.skip("no module with BTF is loaded (5.11)")

    def facts(table: TypeTable) -> tuple[int, int, list[str]]:
        return table.first_id, len(table), [table.name(each) for each in table][-50:]

    by_id = {name: facts(table) for name, _, table in module_tables(types)}
    assert {name: facts(table) for name, table in module_types(types)} == by_id


def test_the_report_has_the_numbers_that_the_kernel_was_given(types: TypeTable) -> None:
    by_subject = {
        each.subject: each
        for each in runtime.relocations(CoreFields.spec())
        if each.kind == CoreRelocationKind.FIELD_BYTE_OFFSET
    }
    for path in (("pid",), ("tasks", "prev"), ("comm",)):
        found = by_subject["struct task_struct." + ".".join(path)]
        assert found.target == offset(types, "task_struct", *path)
        assert found.where == "vmlinux"
    assert by_subject["struct sched_statistics_unknown.never"].outcome == "missing"


def test_the_current_task_is_read_right() -> None:
    with CoreFields.spec().load() as fields:
        found = fields.programs.read_current.run().return_value
        assert line("core_fields.bpf.c", found) == ""


def test_stores_go_where_the_kernel_has_the_member() -> None:
    """The object declares ``prev`` before ``next``, the kernel the other way round."""
    with CoreFields.spec().load() as fields:
        fields.programs.store.run()
        written = fields.bss.written.list
        assert (written.prev != 0, written.next) == (True, 0)


def test_bitfields_of_the_current_task_are_read_right() -> None:
    with CoreBitfields.spec().load() as bits:
        found = bits.programs.read_current.run().return_value
        assert line("core_bitfields.bpf.c", found) == ""


def test_offsets_and_sizes_are_those_of_the_kernels_types(types: TypeTable) -> None:
    with CoreFields.spec().load() as fields:
        assert fields.programs.measure.run().return_value == 0
        found = fields.bss.results
    assert found.tasks_prev_offset == offset(types, "task_struct", "tasks", "prev")
    assert found.pid_offset == offset(types, "task_struct", "pid")
    assert (found.pid_size, found.comm_size) == (4, 16)
    assert found.comm_5_offset == offset(types, "task_struct", "comm", 5)
    assert found.nodename_offset == offset(types, "uts_namespace", "name", "nodename")
    assert found.numbers_offset == offset(types, "pid", "numbers", 0, "ns")
    assert found.pids_2_offset == offset(types, "signal_struct", "pids", 2)
    assert found.lru_offset == offset(types, "page", "lru", "prev")
    assert found.private_offset == offset(types, "page", "private")
    assert found.skc_num_offset == offset(types, "sock", "__sk_common", "skc_num")
    assert found.sk_list_offset == offset(types, "sk_buff", "list")
    assert found.group_node_next_offset == offset(types, "task_struct", "se", "group_node", "next")
    assert found.pid_exists == found.sk_num_exists == 1
    assert found.never_exists == found.array_exists == 0
    assert found.old_state_exists == has(types, "task_struct", "state")
    assert found.new_state_exists == has(types, "task_struct", "__state")
    assert found.old_state_exists + found.new_state_exists == 1


def shifts(types: TypeTable, struct: str, member: str) -> tuple[int, int]:
    """How far to shift a 64-bit register left and right for a member, in a little-endian kernel."""
    bit_offset, found = place(types, struct, member)
    assert isinstance(found, t.Member)
    size = size_of(types, types.resolve(found.target))
    width = found.bit_size or 8 * size
    inside = bit_offset % (8 * size)
    assert inside + width <= 8 * size
    return 64 - inside - width, 64 - width


def test_bitfields_are_those_of_the_kernels_types(types: TypeTable) -> None:
    with CoreBitfields.spec().load() as bits:
        bits.programs.measure.run()
        found = bits.bss.results
    execve, _ = place(types, "task_struct", "in_execve")
    assert (found.execve_offset, found.execve_size) == (execve // 32 * 4, 4)
    for struct, member, left, right in (
        ("task_struct", "in_execve", found.execve_lshift, found.execve_rshift),
        ("task_struct", "prio", found.prio_lshift, found.prio_rshift),
        ("sk_buff", "pkt_type", found.pkt_type_lshift, found.pkt_type_rshift),
        ("tcp_sock", "nonagle", found.nonagle_lshift, found.nonagle_rshift),
        ("iphdr", "version", found.version_lshift, found.version_rshift),
        ("sched_entity", "on_rq", found.on_rq_lshift, found.on_rq_rshift),
    ):
        assert (left, right) == shifts(types, struct, member), member
    assert (found.prio_signed, found.policy_signed, found.exit_state_signed) == (1, 0, 1)
    assert (found.execve_signed, found.never_a_bit_exists, found.parent_size) == (0, 0, 8)


def test_types_are_those_of_the_kernel(types: TypeTable) -> None:
    task = types.find("task_struct", BTFKind.STRUCT)
    with CoreTypes.spec().load() as core_types:
        core_types.programs.measure.run()
        found = core_types.bss.results
    assert task is not None
    assert (found.task_exists, found.none_exists, found.union_exists) == (1, 0, 0)
    assert (found.atomic_exists, found.initcall_exists, found.initcall_void_exists) == (1, 1, 0)
    assert (found.enum_exists, found.no_enum_exists) == (1, 0)
    assert (found.typedef_exists, found.no_typedef_exists) == (1, 0)
    assert (found.list_matches, found.callback_matches, found.task_matches) == (1, 1, 1)
    assert (found.wrong_matches, found.more_matches) == (0, 0)
    assert (found.atomic_matches, found.initcall_matches, found.initcall_void_matches) == (1, 1, 0)
    assert (found.enum_matches, found.odd_enum_matches, found.int_matches) == (1, 0, 1)
    assert (found.list_size, found.task_size) == (16, size_of(types, task))
    assert (found.none_size, found.gfp_size, found.ktime_size) == (0, 4, 8)
    assert found.task_kernel_id == found.flavour_kernel_id == task
    assert (found.none_kernel_id, found.list_kernel_id) == (0, types.find("list_head"))
    assert 0 < found.task_local_id != task


def test_enumerators_are_those_of_the_kernel(types: TypeTable) -> None:
    values: dict[str, int] = {}
    for name in ("pid_type", "zone_type", "hrtimer_restart", "refcount_saturation_type", "bpf_cmd"):
        enum = types[types.find(name, BTFKind.ENUM, BTFKind.ENUM64) or 0]
        assert isinstance(enum, (t.Enum, t.Enum64)), name
        values |= {each.name: each.value for each in enum.values}
    with CoreEnums.spec().load() as enums:
        enums.programs.measure.run()
        found = enums.bss.results
    assert found.pid == values["PIDTYPE_PID"]
    assert found.sid == values["PIDTYPE_SID"]
    assert found.normal == values["ZONE_NORMAL"]
    assert found.movable == values["ZONE_MOVABLE"]
    assert found.restart == values["HRTIMER_RESTART"]
    assert found.ovf == values["REFCOUNT_ADD_OVF"]
    assert found.prog_load == values["BPF_PROG_LOAD"] == 5
    assert found.freeze == values["BPF_MAP_FREEZE"] == 22
    assert found.link_create == values["BPF_LINK_CREATE"] == 28
    assert (found.pid_exists, found.no_value_exists, found.no_enum_exists) == (1, 0, 0)
    assert (found.freeze_exists, found.btf_load_exists, found.phy_exists) == (1, 1, 1)
    assert found.guarded == 0


def test_an_unsigned_enumerator_keeps_its_largest_bit_apart_from_the_sign() -> None:
    """libbpf refuses this program; the compiler did nothing wrong."""
    spec = CoreEnums.spec()
    spec.programs.top_bit.autoload = True
    with spec.load() as enums:
        enums.bss.map_create = ALL_ONES
        enums.programs.top_bit.run()
        assert enums.bss.map_create == 0


def test_a_hundred_and_more_records_are_relocated() -> None:
    with CoreHeavy.spec().load() as heavy:
        assert heavy.programs.heavy.run().return_value == 0


MISSING = {
    ("core_fields", "missing_member"): (
        "offset of struct task_struct.never_pointer",
        "has no member 'never_pointer'",
    ),
    ("core_bitfields", "wrong_size"): (
        "offset of struct task_struct___signed.prio",
        "the field has 8 bytes here and 4 in the kernel",
    ),
    ("core_enums", "missing_value"): (
        "value of PIDTYPE_NO_SUCH of enum pid_type",
        "has no value 'PIDTYPE_NO_SUCH'; nearest: PIDTYPE_",
    ),
}


@pytest.mark.parametrize(("name", "program"), MISSING)
def test_what_is_missing_is_said_when_the_verifier_meets_it(name: str, program: str) -> None:
    spec = read_object((FOLDER / f"{name}.bpf.o").read_bytes(), name=name)
    spec.programs[program].autoload = True
    with pytest.raises(runtime.VerifierError) as caught:
        runtime.load(spec)
    for part in (*MISSING[name, program], f"{name}.bpf.c:", repr(program)):
        assert part in str(caught.value)


@pytest.mark.parametrize(
    ("module", "name"),
    [("core_heavy_bpf", "CoreHeavy"), ("core_bitfields_bpf", "CoreBitfields")],
    ids=["CO-RE", "CO-RE and a tracepoint"],
)
def test_the_second_process_that_loads_an_object_imports_nothing_of_btf(
    tmp_path: Path, module: str, name: str
) -> None:
    code = (
        f"import sys; from generated_fixtures.{module} import {name}; "
        f"{name}.spec().load().close(); "
        "print(sum(name.startswith('bpf2py.btf') for name in sys.modules))"
    )
    counts = [
        int(
            subprocess.run(
                [sys.executable, "-c", code],
                env={**os.environ, "XDG_CACHE_HOME": str(tmp_path), NO_CACHE: ""},
                cwd=FOLDER.parent,
                capture_output=True,
                check=True,
                timeout=60,
            ).stdout
        )
        for _ in range(2)
    ]
    assert counts[0] > 0
    assert counts[1] == 0
