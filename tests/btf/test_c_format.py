"""Types as C: declarators, bodies, and what a compiler makes of them."""

from __future__ import annotations

import itertools
import shutil
import struct
import subprocess
from pathlib import Path

import pytest

from bpf2py.btf import BTFError, TypeTable, c_format, decode, encode
from bpf2py.btf import types as t
from bpf2py.btf.c_header import UniqueNames
from bpf2py.btf.layout import members, size_of
from bpf2py.btf.pick import pick
from bpf2py.elf.reader import read_elf
from bpf2py.uapi import BTFKind

from .strategies import DATA, KERNEL_BTF

CLANG = next(filter(shutil.which, ("clang-19", "clang", "clang-16", "clang-14")), None)
needs_clang = pytest.mark.skipif(CLANG is None, reason="clang is not installed")
needs_kernel_btf = pytest.mark.skipif(not KERNEL_BTF.exists(), reason="this kernel has no BTF")

INT, CHAR = t.Int("int", 4, 32, signed=True), t.Int("char", 1, 8)


def table_of(*types: t.Type) -> TypeTable:
    return decode(encode(types, byte_order="little"))


@pytest.mark.parametrize(
    ("more", "text"),
    [
        ([t.Ptr(2)], "char *"),
        ([t.Ptr(4), t.Const(2)], "const char *"),
        ([t.Const(4), t.Ptr(2)], "char *const"),
        ([t.Ptr(4), t.Const(5), t.Ptr(2)], "char *const *"),
        ([t.Array(1, 1, 4)], "int[4]"),
        ([t.Array(4, 1, 2), t.Array(1, 1, 3)], "int[2][3]"),
        ([t.Ptr(4), t.Array(1, 1, 3)], "int (*)[3]"),
        ([t.Array(4, 1, 3), t.Ptr(1)], "int *[3]"),
        ([t.Const(4), t.Array(1, 1, 3)], "const int[3]"),
        ([t.Ptr(4), t.FuncProto(1)], "int (*)(void)"),
        ([t.Ptr(4), t.FuncProto(0, (t.Param("", 1), t.Param("", 0)))], "void (*)(int, ...)"),
        ([t.Array(4, 1, 2), t.Ptr(5), t.FuncProto(1)], "int (*[2])(void)"),
        ([t.Ptr(4), t.FuncProto(5), t.Ptr(6), t.FuncProto(1)], "int (*(*)(void))(void)"),
        ([t.Ptr(4), t.Const(5), t.Volatile(6), t.Fwd("u", True)], "const volatile union u *"),
        ([t.Restrict(4), t.Ptr(0)], "void *restrict"),
        ([t.Ptr(4), t.TypeTag("rcu", 2)], '__attribute__((btf_type_tag("rcu"))) char *'),
        ([t.Int("u64", 8, 64)], "unsigned long long"),
        ([t.Int("core::Foo<T>", 2, 16, signed=True)], "short"),
        ([t.Typedef("while", 1)], "while_"),
    ],
)
def test_a_type_s_name_is_what_c_would_have_in_a_cast(more: list[t.Type], text: str) -> None:
    # Ids: 1 int, 2 char, then what the case adds.
    assert c_format.type_name(table_of(INT, CHAR, *more), 3) == text


@pytest.mark.parametrize(
    ("type_", "text"),
    [
        (t.Typedef("handler", 4), "typedef int (*handler)(char first);"),
        (t.Var("v", 1, 0), "static int v;"),
        (t.Var("v", 1, 2), "extern int v;"),
        (t.Func("f", 3, 1), "int f(char first);"),
        (t.Fwd("s"), "struct s;"),
        (t.Enum("e", 4, (t.Enumerator("A", -1),), True), "enum e {\n\tA = -1,\n};"),
        (
            t.Enum("e", 1, (t.Enumerator("A", 1),)),
            "enum e {\n\tA = 1,\n} __attribute__((mode(QI)));",
        ),
        (
            t.Enum64("e", 8, (t.Enumerator("A", 1 << 63),)),
            f"enum e {{\n\tA = {1 << 63}ULL,\n}};",
        ),
        (t.Struct("s", 0, ()), "struct s {};"),
        (
            t.Struct("s", 16, (t.Member("a", 1, 0), t.Member("b", 2, 64))),
            "struct s {\n\tint a;\n\tint: 32;\n\tchar b;\n\tchar: 8;\n\tshort: 16;\n\tint: 32;\n};",
        ),
        (t.DeclTag("x", 1), '__attribute__((btf_decl_tag("x")));'),
    ],
)
def test_a_declaration_is_complete(type_: t.Type, text: str) -> None:
    table = table_of(INT, CHAR, t.FuncProto(1, (t.Param("first", 2),)), t.Ptr(3), type_)
    assert c_format.declaration(table, 5) == text


def test_a_name_that_only_a_damaged_blob_has_is_refused() -> None:
    table = table_of(INT, t.Typedef("a" * 1_000_000, 1))
    with pytest.raises(BTFError, match="a name of 1000000 characters"):
        c_format.declaration(table, 2)


def test_anonymous_members_are_spelled_out_where_they_stand() -> None:
    table = table_of(
        INT,
        t.Struct("", 8, (t.Member("x", 1, 0), t.Member("y", 1, 32))),
        t.Union("", 8, (t.Member("", 2, 0), t.Member("both", 1, 0))),
        t.Struct("s", 8, (t.Member("u", 3, 0),)),
    )
    assert c_format.declaration(table, 4) == (
        "struct s {\n\tunion {\n\t\tstruct {\n\t\t\tint x;\n\t\t\tint y;\n\t\t};\n"
        "\t\tint both;\n\t} u;\n};"
    )


def test_names_that_c_would_have_twice_get_a_flavour() -> None:
    table = table_of(
        t.Struct("s", 0, ()),
        t.Union("s", 0, ()),
        t.Fwd("s"),
        t.Enum("e", 4, (t.Enumerator("A", 0),)),
        t.Enum("f", 4, (t.Enumerator("A", 1),)),
        t.Typedef("s", 1),
        t.Typedef("A", 1),
    )
    text = c_format.header(table)
    for expected in (
        "\nstruct s {};",
        "union s___2 {};",
        "\tA___2 = 0,",
        "\tA___3 = 1,",
        "typedef struct s s;",
        "typedef struct s A;",
    ):
        assert text.count(expected) == 1
    assert "struct s___2" not in text


def test_types_that_lack_the_name_they_need_get_one() -> None:
    table = table_of(INT, t.Typedef("", 1), t.Fwd(""), t.Struct("s", 4, (t.Member("m", 2, 0),)))
    text = c_format.header(table)
    assert "typedef int anonymous_2;" in text
    assert "anonymous_2 m;" in text


def test_definitions_stand_before_their_use_by_value_and_declarations_before_pointers() -> None:
    table = table_of(
        t.Struct("outer", 16, (t.Member("p", 2, 0), t.Member("in", 3, 64))),
        t.Ptr(5),
        t.Typedef("alias", 4),
        t.Struct("inner", 8, (t.Member("out", 6, 0),)),
        t.Struct("far", 16, (t.Member("o", 1, 0),)),
        t.Ptr(1),
    )
    pieces = [piece.strip() for piece in c_format.header_lines(table) if not piece.startswith("#")]
    assert [piece.split("{")[0].strip() for piece in pieces] == [
        "struct far;",
        "struct inner;",
        "typedef struct inner alias;",
        "struct inner",
        "struct outer",
        "struct far",
    ]


def test_a_header_of_some_types_holds_what_they_need_and_nothing_else() -> None:
    table = table_of(
        INT,
        t.Struct(
            "outer", 24, (t.Member("in", 3, 0), t.Member("far", 5, 64), t.Member("e", 7, 128))
        ),
        t.Struct("inner", 8, (t.Member("alias", 6, 0),)),
        t.Struct("far", 4, (t.Member("x", 1, 0),)),
        t.Ptr(4),
        t.Typedef("word", 8),
        t.Enum("kind", 4, (t.Enumerator("A", 0),)),
        t.Int("long", 8, 64, signed=True),
        t.Struct("other", 4, (t.Member("x", 1, 0),)),
    )
    text = c_format.header(table, types=pick(table, ["outer"]))
    pieces = [line for line in text.splitlines() if line and line[0] not in "\t#"]
    assert pieces == [
        "typedef long word;",
        "struct inner {",
        "};",
        "struct far;",
        "enum kind {",
        "};",
        "struct outer {",
        "};",
    ]


def test_structs_around_a_va_list_say_why_their_size_differs() -> None:
    table = table_of(
        t.Struct("__va_list_tag", 24, ()),
        t.Array(1, 3, 1),
        t.Int("int", 4, 32, signed=True),
        t.Typedef("__builtin_va_list", 2),
        t.Typedef("va_list", 4),
        t.Struct("holds", 24, (t.Member("args", 5, 0),)),
        t.Struct("around", 24, (t.Member("h", 6, 0),)),
        t.Ptr(6),
        t.Struct("points", 8, (t.Member("h", 8, 0),)),
    )
    pieces = list(c_format.header_lines(table))
    said = [
        after.split()[1] for before, after in itertools.pairwise(pieces) if "va_list," in before
    ]
    assert said == ["holds", "around"]


@needs_clang
def test_members_that_only_a_tag_names_are_members_without_fms_extensions(tmp_path: Path) -> None:
    table = table_of(
        INT,
        t.Struct("head", 8, (t.Member("name", 1, 0), t.Member("count", 1, 32))),
        t.Typedef("head_t", 2),
        t.Const(2),
        t.Struct("tagged", 12, (t.Member("", 2, 0), t.Member("tail", 1, 64))),
        t.Struct("named", 12, (t.Member("", 3, 0), t.Member("tail", 1, 64))),
        t.Struct("constant", 12, (t.Member("", 4, 0), t.Member("tail", 1, 64))),
    )
    assert "\tstruct {\n\t\tint name;\n\t\tint count;\n\t};" in c_format.declaration(table, 5)
    assert compile_with_assertions(table, tmp_path, step=1) == ""


@needs_clang
def test_padding_keeps_the_layout_of_structs_aligned_wider_than_their_members(
    tmp_path: Path,
) -> None:
    table = table_of(
        INT,
        CHAR,
        t.Struct("wide", 64, (t.Member("x", 1, 0),)),
        t.Union("either", 32, (t.Member("x", 1, 0), t.Member("y", 2, 0))),
        t.Array(3, 1, 2),
        t.Struct(
            "line",
            384,
            (
                t.Member("a", 1, 0),
                t.Member("far", 3, 8 * 64),
                t.Member("u", 4, 8 * 128),
                t.Member("two", 5, 8 * 192),
                t.Member("z", 2, 8 * 320),
            ),
        ),
        t.Struct("packed", 9, (t.Member("c", 2, 0), t.Member("p", 8, 8))),
        t.Ptr(0),
    )
    assert compile_with_assertions(table, tmp_path, step=1) == ""


@needs_clang
@pytest.mark.parametrize("name", ["sample.btf", "uapi.btf"])
def test_a_header_compiles_back_to_the_same_layout(name: str, tmp_path: Path) -> None:
    table = decode((DATA / name).read_bytes())
    errors = compile_with_assertions(table, tmp_path, step=1)
    assert errors == ""


@pytest.mark.slow
@needs_clang
@needs_kernel_btf
def test_the_kernel_s_header_compiles_back_to_the_same_layout(tmp_path: Path) -> None:
    table = decode(KERNEL_BTF.read_bytes())
    errors = compile_with_assertions(table, tmp_path, step=17)
    assert errors == ""


@pytest.mark.slow
@needs_kernel_btf
@pytest.mark.skipif(shutil.which("bpftool") is None, reason="bpftool is not installed")
def test_the_kernel_s_header_defines_what_bpftool_s_does() -> None:
    command = ["bpftool", "btf", "dump", "file", str(KERNEL_BTF), "format", "c"]
    theirs = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    ours = c_format.header(decode(KERNEL_BTF.read_bytes()))
    assert definitions(ours) == definitions(theirs)


@pytest.mark.slow
@needs_clang
@needs_kernel_btf
@pytest.mark.skipif(shutil.which("bpftool") is None, reason="bpftool is not installed")
def test_layouts_are_those_of_bpftool_s_header_or_nearer_to_the_kernel_s(tmp_path: Path) -> None:
    command = ["bpftool", "btf", "dump", "file", str(KERNEL_BTF), "format", "c"]
    theirs = subprocess.run(command, check=True, capture_output=True).stdout
    table = decode(KERNEL_BTF.read_bytes())
    facts = layout_facts(table, step=7)
    in_btf = [int(fact.partition("== ")[2]) for fact in facts]
    ours = layouts_by_a_compiler(c_format.header(table).encode(), facts, tmp_path)
    assert ours == in_btf
    # Before 7.2 bpftool made every enum as large as int, and thereby some structs too large.
    others = layouts_by_a_compiler(theirs, facts, tmp_path)
    same = sum(map(int.__eq__, ours, others))
    assert same > 0.99 * len(facts) > 1000


def layouts_by_a_compiler(header: bytes, facts: list[str], folder: Path) -> list[int]:
    """The numbers that each fact's left side has with this header, as the compiler lays them out."""
    (folder / "types.h").write_bytes(header)
    numbers = ",".join(fact.partition(" ==")[0] for fact in facts)
    source = folder / "numbers.c"
    source.write_text(f'#include "types.h"\nconst unsigned int numbers[] = {{{numbers}}};\n')
    assert CLANG is not None
    command = [CLANG, "-target", "bpf", "-fms-extensions", "-w", "-c", "numbers.c"]
    subprocess.run([*command, "-o", "numbers.o"], check=True, cwd=folder)
    section = read_elf((folder / "numbers.o").read_bytes(), name="numbers.o").section(".rodata")
    assert section is not None
    return [number for (number,) in struct.iter_unpack("<I", section.data)]


@pytest.mark.slow
@needs_clang
@needs_kernel_btf
def test_a_header_of_some_of_the_kernel_s_types_compiles_alone_to_the_same_layout(
    tmp_path: Path,
) -> None:
    table = decode(KERNEL_BTF.read_bytes())
    names = ["task_struct", "sk_buff", "union bpf_attr", "pid_t", "bpf_map_type", "BPF_ANY"]
    picked = pick(table, names)
    errors = compile_with_assertions(table, tmp_path, step=1, types=picked)
    assert errors == ""
    assert len((tmp_path / "types.h").read_text().splitlines()) < 4000


def definitions(header: str) -> set[str]:
    """The first words of what is defined at file scope."""
    heads = (line.split("{")[0] for line in header.splitlines() if line.endswith("{"))
    return {head.strip() for head in heads if not head.startswith(("\t", "typedef", "#"))}


def layout_facts(table: TypeTable, *, step: int, types: list[int] | None = None) -> list[str]:
    """Every *step*th fact about sizes and offsets, as C says it; of all types or those given."""
    names = UniqueNames(table)
    facts: list[str] = []
    keywords = {BTFKind.STRUCT: "struct", BTFKind.UNION: "union", BTFKind.ENUM: "enum"}
    for type_id in table if types is None else types:
        keyword = keywords.get(table.kind(type_id))
        # C has its own va_list for BPF, which is not the kernel's.
        if keyword is None or not table.name(type_id) or table.name(type_id) == "warn_args":
            continue
        c_name = f"{keyword} {names.tag(type_id)}"
        if keyword != "enum" or table.vlen(type_id):
            facts.append(f"sizeof({c_name}) == {size_of(table, type_id)}")
        each = table[type_id]
        if isinstance(each, (t.Struct, t.Union)):
            facts += (
                f"__builtin_offsetof({c_name}, {member.name}) == {member.bit_offset // 8}"
                for member in members(table, each)
                if member.name and not member.bit_size
            )
    return list(itertools.islice(facts, 0, None, step))


def compile_with_assertions(
    table: TypeTable, folder: Path, *, step: int, types: list[int] | None = None
) -> str:
    """What clang says to the header and to every *step*th fact about its layout."""
    sampled = layout_facts(table, step=step, types=types)
    assert sampled
    (folder / "types.h").write_text(c_format.header(table, types=types))
    asserts = "".join(f'_Static_assert({fact}, "{fact}");\n' for fact in sampled)
    source = folder / "facts.c"
    source.write_text(f'#include "types.h"\n{asserts}')
    assert CLANG is not None
    command = [
        CLANG,
        "-target",
        "bpf",
        "-g",
        "-O2",
        "-Wall",
        "-Werror",
        "-Wno-pragma-clang-attribute",
        "-c",
        str(source),
    ]
    result = subprocess.run(
        [*command, "-o", str(folder / "facts.o")], capture_output=True, text=True, check=False
    )
    return result.stderr
