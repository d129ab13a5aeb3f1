"""Static linking: against bpftool's linker, in both byte orders, and what is refused.

``part_one`` and ``part_two`` in ``objects/`` have a case of everything that two files can share;
``moved_…`` is what libbpf cannot link.  Whatever is linked from them, and lies there as
``part.bpf.o`` and ``moved.bpf.o``, ``test_against_libbpf.py`` puts before libbpf's loader too.
"""

from __future__ import annotations

import os
import random
import shutil
import struct
import subprocess
import time
from pathlib import Path

import pytest

from bpf2py.btf import decode, encode
from bpf2py.btf import types as t
from bpf2py.elf import ObjectError, link_object_files, link_objects, read_object, read_object_file
from bpf2py.elf.reader import STB_LOCAL, ElfObject, Symbol, read_elf
from bpf2py.spec import Linkage, ObjectSpec
from bpf2py.uapi import BTFKind
from tests.support.byteswap import swapped_object
from tests.support.elfwriter import (
    ALLOC,
    CALL,
    EXIT,
    GLOBAL,
    HIDDEN,
    LD_IMM64,
    LOCAL,
    MOV,
    NOBITS,
    NOTYPE,
    OBJECT,
    R_64_64,
    SECTION,
    WEAK,
    WRITE,
    ElfWriter,
    insn,
)
from tests.support.told import told, told_types

OBJECTS = Path(__file__).parent / "objects"
FIXTURES = OBJECTS.parents[2] / "generated_fixtures"
ALONE = sorted([*FIXTURES.glob("*.bpf.o"), OBJECTS / "odd.bpf.o"])


def halves(name: str, infix: str = "") -> list[Path]:
    return [OBJECTS / f"{name}_{half}{infix}.o" for half in ("one", "two")]


def linked(name: str, infix: str = "") -> ObjectSpec:
    return read_object(link_object_files(halves(name, infix)), name=f"{name}.bpf.o")


# ---- what others make of the same files ----


def test_two_files_are_linked_as_bpftool_linked_them() -> None:
    theirs = read_object_file(OBJECTS / "linked.bpf.o")
    ours = linked("linked")
    assert told(ours) == told(theirs)
    mine, other = decode(ours.btf), decode(theirs.btf)
    assert [mine[i] for i in mine] == [other[i] for i in other]


def bpftool_links(*files: Path, to: Path) -> ObjectSpec:
    bpftool = shutil.which("bpftool")
    if bpftool is None:
        pytest.skip("no bpftool")
    command = [bpftool, "gen", "object", str(to), *map(str, files)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    return read_object_file(to)


def require_same(ours: ObjectSpec, theirs: ObjectSpec) -> None:
    assert told(ours) == told(theirs)
    mine, others = told_types(decode(ours.btf)), told_types(decode(theirs.btf))
    assert set(mine) <= set(others)
    # A declaration's prototype without names is left over there; and each type is here once.
    left_over = set(others) - set(mine)
    assert all(text.startswith("function ( ") for text in left_over), left_over
    types = [text for text in mine if not text.startswith("var ")]
    assert len(types) == len(set(types))


def test_everything_that_two_files_share_comes_out_as_from_bpftool(tmp_path: Path) -> None:
    require_same(linked("part"), bpftool_links(*halves("part"), to=tmp_path / "part.bpf.o"))


@pytest.mark.parametrize("name", ["linked_funcs", "linked_maps", "linked_vars"])
def test_the_kernel_s_own_tests_of_linking_come_out_as_from_bpftool(
    name: str, tmp_path: Path
) -> None:
    """Their sources are the kernel's: BPF2PY_SELFTESTS=linux/tools/testing/selftests/bpf, in which
    vmlinux.h lies."""
    selftests, clang = os.environ.get("BPF2PY_SELFTESTS"), shutil.which("clang-19")
    if selftests is None or clang is None:
        pytest.skip("BPF2PY_SELFTESTS does not say where the kernel's tests are, or no clang-19")
    files = [tmp_path / f"{name}{half}.o" for half in (1, 2)]
    for file in files:
        source = Path(selftests, "progs", file.with_suffix(".c").name)
        flags = ["-O2", "-g", "-target", "bpf", "-mcpu=v3", "-D__TARGET_ARCH_x86"]
        folders = [f"-I{selftests}", f"-I{selftests}/progs"]
        subprocess.run([clang, *flags, *folders, "-c", source, "-o", file], check=True, timeout=60)
    ours = read_object(link_object_files(files), name="x.bpf.o")
    try:
        theirs = bpftool_links(*files, to=tmp_path / "x.bpf.o")
    except AssertionError as refused:
        if "failed to resolve size of underlying type" in str(refused):
            pytest.skip("this bpftool cannot link kfuncs that both files declare")
        raise
    require_same(ours, theirs)


@pytest.mark.parametrize("path", ALONE, ids=lambda path: path.name)
def test_one_object_alone_stays_what_it_is(path: Path) -> None:
    """Whatever is in an object comes through: all sections, symbols, relocations and records."""
    before = read_object_file(path)
    after = read_object(link_object_files([path]), name=path.name)
    assert told(after) == told(before)


@pytest.mark.parametrize("path", ALONE, ids=lambda path: path.name)
def test_linking_what_was_linked_changes_nothing(path: Path) -> None:
    once = link_object_files([path])
    assert link_objects([("once.o", once)]) == once


@pytest.mark.parametrize("name", ["part", "moved", "part.eb", "jumps"])
def test_the_linked_objects_beside_the_tests_are_up_to_date(name: str) -> None:
    stem, _, infix = name.partition(".")
    files = halves(stem, infix and f".{infix}")
    assert link_object_files(files) == (OBJECTS / f"{name}.bpf.o").read_bytes()


def test_the_other_byte_order_is_linked_to_the_same_object() -> None:
    one, two = ((path.name, swapped_object(path.read_bytes())) for path in halves("part", ".eb"))
    big = read_object((OBJECTS / "part.eb.bpf.o").read_bytes(), name="part.bpf.o")
    assert big.byte_order == "big"
    swapped = swapped_object((OBJECTS / "part.eb.bpf.o").read_bytes())
    assert told(read_object(swapped, name="p.bpf.o")) == told(
        read_object(link_objects([one, two]), name="p.bpf.o")
    )


def test_tools_that_read_elf_find_nothing_wrong(tmp_path: Path) -> None:
    readelf = shutil.which("llvm-readelf-19") or shutil.which("readelf")
    if readelf is None:
        pytest.skip("no readelf")
    file = tmp_path / "part.o"
    file.write_bytes(link_object_files(halves("part")))
    done = subprocess.run(
        [readelf, "-hSsr", file], capture_output=True, text=True, check=True, timeout=60
    )
    assert "warning" not in (done.stderr + done.stdout).lower()
    assert "overridden" in done.stdout


# ---- the parts of it ----


def parse(data: bytes) -> ElfObject:
    return read_elf(data, name="t.o")


def symbols(elf: ElfObject, name: str) -> list[Symbol]:
    return [symbol for symbol in elf.symbols if symbol.name == name]


def test_a_weak_variable_gives_way_also_across_sections() -> None:
    spec = linked("moved")
    replaced, kept = spec.maps[".bss"].variables["replaced"], spec.maps[".bss"].variables["kept"]
    assert "replaced" not in spec.maps[".data"].variables
    assert (replaced.size, kept.size) == (4, 4)
    assert "kept" not in spec.maps[".data"].variables


def test_local_symbols_stand_before_global_ones() -> None:
    elf = parse(link_object_files(halves("part")))
    table = next(section for section in elf.sections if section.name == ".symtab")
    binds = [symbol.bind == STB_LOCAL for symbol in elf.symbols]
    assert binds == sorted(binds, reverse=True)
    assert sum(binds) == table.info


def test_static_names_stay_apart_and_hidden_ones_become_static() -> None:
    data = link_object_files(halves("part"))
    assert len(symbols(parse(data), "helper")) == 2
    assert [each.hidden for each in symbols(parse(data), "hidden_one")] == [True]
    variables = read_object(data, name="t.o").maps[".data"].variables
    assert {"state", "state.2"} <= variables.keys()
    assert variables["hidden_one"].linkage is Linkage.STATIC


def test_an_extern_that_one_file_needs_is_needed() -> None:
    externs = linked("part").externs
    assert not externs["CONFIG_BPF_SYSCALL"].weak  # weak in one, not in two
    assert externs["CONFIG_CC_VERSION_TEXT"].weak
    assert externs["bpf_prog_fops"].weak


def test_a_declared_struct_is_the_one_that_the_other_file_defines() -> None:
    table = decode(linked("part").btf)
    kinds = {table.kind(type_id) for type_id in table.ids_named("known_there")}
    assert kinds == {BTFKind.STRUCT}


def test_three_files_may_have_one_strong_definition_among_weak_ones() -> None:
    """A declaration does not make a weak definition strong, as it does in libbpf."""
    weak = variable_object("x", 4, bind=WEAK)
    declared = extern_object("x")
    strong = variable_object("x", 5)
    for order in ([weak, declared, strong], [strong, declared, weak], [declared, weak, strong]):
        data = link_objects((f"{i}.o", each) for i, each in enumerate(order))
        (symbol,) = symbols(parse(data), "x")
        spec = read_object(data, name="t.o")
        place = spec.maps[".data"].variables["x"].offset
        assert symbol.value == place
        held = spec.maps[".data"].data
        assert held is not None
        assert held[place] == 5


def test_jump_tables_move_with_the_code_that_they_lead_into() -> None:
    def part(name: str, static: bool) -> bytes:
        elf = ElfWriter()
        load = insn(LD_IMM64, dst=1, order="little") + bytes(8)
        code = load + insn(MOV, order="little") + insn(EXIT, order="little")
        xdp = elf.code("xdp", code)
        tables = elf.section(".jumptables", (24).to_bytes(8, "little") * 2)
        table = elf.symbol("BPF.JT.0.0", tables, size=16, kind=OBJECT, bind=LOCAL)
        elf.relocate(xdp, 0, table, R_64_64)
        describe(elf, [t.FuncProto(0), t.Func(name, 1, Linkage.GLOBAL)])
        elf.symbol(name, xdp, size=len(code))
        return elf.build()

    data = link_objects([("a.o", part("a", False)), ("b.o", part("b", True))])
    (section,) = (each for each in parse(data).sections if each.name == ".jumptables")
    entries = [int.from_bytes(section.data[i : i + 8], "little") for i in range(0, 32, 8)]
    assert entries == [24, 24, 56, 56]


def test_jump_tables_of_two_files_lead_where_they_led() -> None:
    """Of clang 22, which makes a global BPF.JT.0.0 in each file that has tables in .text."""
    both = linked("jumps").programs
    (two,) = (read_object_file(path).programs for path in halves("jumps")[1:])
    for name in ("two", "jumps"):
        assert both[name].insns == two[name].insns
        assert both[name].jump_tables == two[name].jump_tables
    mine, shared = both["one"].jump_tables
    # the same switch in each function, which stand one behind the other
    spread = {target - mine.targets[0] for target in mine.targets}
    assert spread == {target - shared.targets[0] for target in shared.targets}
    assert shared.insns[0] - mine.insns[0] == shared.targets[0] - mine.targets[0]


# ---- what is refused, and in which words ----

INT = t.Int("int", 4, 32, signed=True)
LONG = t.Int("long", 8, 64, signed=True)


def describe(elf: ElfWriter, types: list[t.Type]) -> None:
    elf.section(".BTF", encode(types, byte_order=elf.order), flags=0)


def variable_object(
    name: str,
    value: int,
    *,
    bind: int = GLOBAL,
    visibility: int = 0,
    kind: t.Type = INT,
    section: str = ".data",
    extra: list[t.Type] | None = None,
) -> bytes:
    """An object with one global variable of type 1 in ``.data``."""
    elf = ElfWriter()
    held = elf.section(section, value.to_bytes(8, "little"), flags=WRITE | ALLOC)
    others = extra or []
    var_id = 2 + len(others)
    describe(
        elf,
        [
            kind,
            *others,
            t.Var(name, 1, Linkage.GLOBAL),
            t.Datasec(section, 0, (t.SectionVar(var_id, 0, 4),)),
        ],
    )
    elf.symbol(name, held, size=4, kind=OBJECT, bind=bind, visibility=visibility)
    return elf.build()


def extern_object(name: str, *, kind: t.Type = INT, section: str = ".extern") -> bytes:
    elf = ElfWriter()
    describe(
        elf,
        [
            kind,
            t.Var(name, 1, Linkage.EXTERN),
            t.Datasec(section, 0, (t.SectionVar(2, 0, 4),)),
        ],
    )
    elf.symbol(name, 0, kind=NOTYPE)
    return elf.build()


def refused(*objects: bytes) -> str:
    with pytest.raises(ObjectError) as caught:
        link_objects((f"{'abc'[i]}.o", each) for i, each in enumerate(objects))
    return str(caught.value)


def test_two_definitions_are_refused_with_both_files() -> None:
    said = refused(variable_object("x", 1), variable_object("x", 2))
    assert said == "a.o and b.o both define 'x'; make it static in one, or __weak"


def test_two_definitions_are_refused_also_with_a_weak_one_between() -> None:
    weak = variable_object("x", 1, bind=WEAK)
    assert "a.o and c.o both define 'x'" in refused(
        variable_object("x", 1), weak, variable_object("x", 2)
    )


def test_types_that_differ_are_refused_in_words() -> None:
    said = refused(extern_object("x", kind=LONG), variable_object("x", 1))
    assert said == "a.o and b.o disagree about 'x': it has 8 bytes in one and 4 in the other"


STRUCT_TYPES = [
    (
        t.Struct("s", 4, (t.Member("a", 1, 0),)),
        t.Struct("s", 4, (t.Member("b", 1, 0),)),
        "it has 'a' as member 1 in one and 'b' in the other",
    ),
    (
        t.Struct("s", 8, (t.Member("a", 1, 0),)),
        t.Struct("s", 8, (t.Member("a", 1, 32),)),
        "it has member 'a' at different places",
    ),
    (
        t.Struct("s", 8, (t.Member("a", 1, 0), t.Member("b", 1, 32))),
        t.Struct("s", 8, (t.Member("a", 1, 0),)),
        "it has 2 members in one and 1 in the other",
    ),
    (
        t.Struct("s", 4, ()),
        t.Struct("r", 4, ()),
        "it is struct s in one and struct r in the other",
    ),
    (t.Struct("s", 4, ()), t.Ptr(1), "it is struct s in one and ptr in the other"),
    (
        t.FuncProto(1, (t.Param("a", 1),)),
        t.FuncProto(1, ()),
        "it has 1 parameters in one and 0 in the other",
    ),
]


@pytest.mark.parametrize(("one", "other", "said"), STRUCT_TYPES)
def test_composites_that_differ_are_refused_in_words(one: t.Type, other: t.Type, said: str) -> None:
    def of(kind: t.Type, *, extern: bool) -> bytes:
        elf = ElfWriter()
        held = 0 if extern else elf.section(".data", bytes(8), flags=WRITE | ALLOC)
        linkage = Linkage.EXTERN if extern else Linkage.GLOBAL
        name = ".extern" if extern else ".data"
        row = t.SectionVar(3, 0, 4)
        describe(elf, [INT, kind, t.Var("x", 2, linkage), t.Datasec(name, 0, (row,))])
        elf.symbol("x", held, size=0 if extern else 8, kind=NOTYPE if extern else OBJECT)
        return elf.build()

    assert refused(of(one, extern=False), of(other, extern=True)) == (
        f"a.o and b.o disagree about 'x': {said}"
    )


def test_what_lies_behind_a_pointer_needs_only_the_name() -> None:
    def of(*types: t.Type, extern: bool) -> bytes:
        elf = ElfWriter()
        held = 0 if extern else elf.section(".bss", size=8, kind=NOBITS, flags=WRITE | ALLOC)
        var = t.Var("x", 1, Linkage.EXTERN if extern else Linkage.GLOBAL)
        row = t.SectionVar(2 + len(types), 0, 8)
        section = t.Datasec(".extern" if extern else ".bss", 0, (row,))
        describe(elf, [t.Ptr(2), *types, var, section])
        elf.symbol("x", held, size=0 if extern else 8, kind=NOTYPE if extern else OBJECT)
        return elf.build()

    whole = of(t.Struct("s", 8, (t.Member("next", 1, 0),)), extern=False)
    link_objects([("a.o", whole), ("b.o", of(t.Fwd("s"), extern=True))])
    link_objects([("b.o", of(t.Fwd("s"), extern=True)), ("a.o", whole)])
    assert "struct s in one and union s in the other" in refused(
        whole, of(t.Union("s", 8, ()), extern=True)
    )
    assert "fwd r in the other" in refused(whole, of(t.Fwd("r"), extern=True))


def test_an_extern_of_the_kernel_is_not_what_another_file_defines() -> None:
    said = refused(extern_object("x", section=".ksyms"), variable_object("x", 1))
    assert "disagree about 'x': in one it lies in section '.ksyms', in the other in '.data'" in said


def test_licenses_must_agree() -> None:
    def licensed(text: bytes) -> bytes:
        elf = ElfWriter()
        elf.section("license", text)
        return elf.build()

    link_objects([("a.o", licensed(b"GPL\0")), ("b.o", licensed(b"GPL\0"))])
    said = refused(licensed(b"GPL\0"), licensed(b"MIT\0"))
    assert said.startswith("a.o and b.o have different contents in section 'license': 'GPL' and")


def test_a_global_name_without_btf_is_refused() -> None:
    elf = ElfWriter()
    elf.symbol("f", elf.code("xdp", insn(EXIT, order="little")), size=8)
    assert "does not describe the global symbol 'f'" in refused(elf.build())


def test_byte_orders_do_not_mix() -> None:
    one, two = halves("part")[0], halves("part", ".eb")[1]
    with pytest.raises(ObjectError, match=r"part_two.eb.o: a big-endian object; .* is little"):
        link_object_files([one, two])


def test_sections_of_one_name_must_be_of_one_kind() -> None:
    def part(kind: int) -> bytes:
        elf = ElfWriter()
        elf.section("x", b"" if kind == NOBITS else b"abc", kind=kind, size=3)
        return elf.build()

    assert "section 'x' has kind 0x1 in a.o and 0x8 in b.o" in refused(part(1), part(NOBITS))


def test_maps_that_differ_are_refused_with_the_attribute() -> None:
    def part(entries: int, *, extern: bool) -> bytes:
        elf = ElfWriter()
        held = 0 if extern else elf.section(".maps", bytes(24), flags=WRITE | ALLOC)
        types: list[t.Type] = [
            INT,
            t.Array(1, 1, 2),
            t.Ptr(2),
            t.Array(1, 1, entries),
            t.Ptr(4),
            t.Ptr(1),
            t.Struct(
                "",
                32,
                (
                    t.Member("type", 3, 0),
                    t.Member("max_entries", 5, 64),
                    t.Member("key", 6, 128),
                    t.Member("value", 6, 192),
                ),
            ),
            t.Var("m", 7, Linkage.EXTERN if extern else Linkage.GLOBAL),
            t.Datasec(".maps", 0, (t.SectionVar(8, 0, 24),)),
        ]
        describe(elf, types)
        elf.symbol("m", held, size=0 if extern else 24, kind=NOTYPE if extern else OBJECT)
        return elf.build()

    link_objects([("a.o", part(5, extern=True)), ("b.o", part(5, extern=False))])
    said = refused(part(5, extern=True), part(6, extern=False))
    assert said == (
        "a.o and b.o disagree about 'm': the map has max_entries 5 in one and 6 in the other"
    )


def test_nothing_is_not_linked() -> None:
    with pytest.raises(ObjectError, match="nothing to link"):
        link_objects([])


def test_an_address_of_something_static_in_data_is_refused() -> None:
    elf = ElfWriter()
    data = elf.section(".data", bytes(8), flags=WRITE | ALLOC)
    section = elf.symbol("", data, kind=SECTION, bind=LOCAL)
    elf.relocate(data, 0, section, 2)
    assert "of something static, which loaders do not take" in refused(elf.build())


def test_calls_of_static_functions_by_section_and_distance_move_with_the_section() -> None:
    def part(value: int) -> bytes:
        elf = ElfWriter()
        ret = insn(MOV, imm=value, order="little") + insn(EXIT, order="little")
        text = elf.code(".text", ret)
        xdp = elf.code(f"xdp/{value}", insn(CALL, src=1, imm=-1, order="little"), ret)
        section = elf.symbol("", text, kind=SECTION, bind=LOCAL)
        elf.symbol("f", text, size=16, bind=LOCAL)
        elf.symbol(f"main{value}", xdp, size=24)
        elf.relocate(xdp, 0, section)
        describe(elf, [t.FuncProto(0), t.Func(f"main{value}", 1, Linkage.GLOBAL)])
        return elf.build()

    spec = read_object(link_objects([("a.o", part(1)), ("b.o", part(2))]), name="t.o")
    for value in (1, 2):
        code = spec.programs[f"main{value}"].insns
        assert len(code) == 40
        assert code[4:8] == (2).to_bytes(4, "little")  # over the rest of main, to f
        assert code[28] == value


def test_hidden_anywhere_is_hidden() -> None:
    hidden = variable_object("x", 1, bind=WEAK, visibility=HIDDEN)
    for order in ([hidden, variable_object("x", 2)], [variable_object("x", 2), hidden]):
        data = link_objects((f"{i}.o", each) for i, each in enumerate(order))
        assert [each.hidden for each in symbols(parse(data), "x")] == [True]


def test_broken_files_are_refused_and_never_crash() -> None:
    rng = random.Random("static link")
    (first, one), (second, two) = ((path.name, path.read_bytes()) for path in halves("part"))
    ok = 0
    for _ in range(150):
        broken = bytearray(one)
        for _ in range(rng.choice((1, 2, 8))):
            at = rng.randrange(len(broken) - 4)
            match rng.randrange(3):
                case 0:
                    broken[at] ^= 1 << rng.randrange(8)
                case 1:
                    broken[at : at + 4] = rng.choice((0, 1, 0xFFFFFFFF)).to_bytes(4, "little")
                case _:
                    broken[at : at + 8] = rng.randbytes(8)
        try:
            link_objects([(first, bytes(broken)), (second, two)])
            ok += 1
        except ObjectError:
            continue
    assert 0 < ok < 150


def test_what_would_become_huge_is_refused() -> None:
    def patched(at: int, value: int) -> bytes:
        data = bytearray(variable_object("x", 1))
        (headers,) = struct.unpack_from("<Q", data, 0x28)
        struct.pack_into("<Q", data, headers + 64 + at, value)
        return bytes(data)

    for align in (3, 1 << 20, 1 << 30, 1 << 63):
        assert f"section '.data' is aligned to {align} bytes" in refused(patched(48, align))
    elf = ElfWriter()
    held = elf.section(".data", bytes(8), flags=WRITE | ALLOC)
    elf.symbol("far", held, value=(1 << 64) - 8, size=1 << 63, kind=OBJECT, bind=LOCAL)
    far = elf.build()
    assert "symbol 'far' is not within its section" in refused(variable_object("x", 1), far)
    many = []
    for file in range(6):
        elf = ElfWriter()
        for number in range(12_000):
            elf.section(f"{file}.{number}")
        many.append((f"{file}.o", elf.build()))
    with pytest.raises(ObjectError, match="72000 sections are more than an object can have"):
        link_objects(many)


def test_many_names_of_one_large_type_are_compared_in_time() -> None:
    count = 2000
    members = tuple(t.Member(f"m{i}", 1, 32 * i) for i in range(count))
    kinds: list[t.Type] = [INT, t.Struct("large", 4 * count, members), t.Ptr(2)]
    names = [t.Var(f"v{i}", 2, Linkage.GLOBAL) for i in range(count)]
    rows = tuple(t.SectionVar(4 + i, 8 * i, 8) for i in range(count))
    elf = ElfWriter()
    held = elf.section(".data", bytes(8 * count), flags=WRITE | ALLOC)
    describe(elf, [*kinds, *names, t.Datasec(".data", 0, rows)])
    for number in range(count):
        elf.symbol(f"v{number}", held, value=8 * number, size=8, kind=OBJECT, bind=WEAK)
    data = elf.build()
    started = time.process_time()
    assert link_objects([("a.o", data), ("b.o", data)])
    assert time.process_time() - started < 10


def test_a_section_s_symbol_that_stands_for_none_is_refused() -> None:
    elf = ElfWriter()
    xdp = elf.code("xdp", insn(LD_IMM64, dst=1, order="little") + bytes(8))
    nowhere = elf.symbol("", 0xFFF1, kind=SECTION, bind=LOCAL)
    elf.relocate(xdp, 0, nowhere, R_64_64)
    assert f"a.o: symbol #{nowhere} stands for a section that is missing" == refused(elf.build())


def test_a_data_section_that_lists_other_types_is_refused() -> None:
    elf = ElfWriter()
    elf.section(".data", bytes(8), flags=WRITE | ALLOC)
    describe(elf, [INT, t.Datasec(".data", 0, (t.SectionVar(1, 0, 4),))])
    assert "section '.data' lists type 1, which is no variable" in refused(elf.build())
