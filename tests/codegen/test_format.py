"""The format of generated modules is black's, whoever made it."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from bpf2py import spec, uapi
from bpf2py.codegen import format as own
from bpf2py.codegen.format import formatted
from bpf2py.codegen.literals import expression
from bpf2py.codegen.options import Options
from bpf2py.codegen.render import by_black, render
from bpf2py.codegen.variants import Source, describe_variants
from bpf2py.elf import read_object_file
from bpf2py.spec import MapSpec, ObjectSpec, ProgramSpec, VariableSpec

from .kernel_types import KERNEL_BTF, Kernel

ROOT = Path(__file__).resolve().parents[2]
MODULES = sorted([*ROOT.glob("generated_fixtures/*_bpf.py"), *ROOT.glob("examples/*/*_bpf.py")])

names = st.text("ab_", min_size=1, max_size=30).filter(str.isidentifier)
leaves = st.one_of(
    names,
    st.integers(0, 10**12).map(str),
    st.text(max_size=30).map(repr),
    st.binary(max_size=24).map(repr),
    st.lists(names, min_size=2, max_size=3).map(".".join),
)
flags = st.lists(names, min_size=2, max_size=5).map(lambda n: " | ".join(f"uapi.{x}" for x in n))
strings = st.lists(st.text("abcd=+/", max_size=72), min_size=2, max_size=4).map(
    lambda lines: f"runtime.blob({' '.join(map(repr, lines))})"
)

sections = st.text(st.characters(codec="ascii"), max_size=90)


def _tuple(items: list[str]) -> str:
    return f"({', '.join(items)}{',' if len(items) == 1 else ''})"


def _inside(items: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    """What may stand around expressions in a generated module."""
    keywords = st.tuples(names, st.one_of(items, flags)).map("=".join)
    calls = st.tuples(names, names, st.lists(items, min_size=1, max_size=4)).map(
        lambda t: f"{t[0]}.{t[1]}({', '.join(t[2])})"
    )
    records = st.tuples(names, st.lists(keywords, min_size=1, max_size=6)).map(
        lambda t: f"spec.{t[0]}({', '.join(t[1])})"
    )
    rows = st.tuples(names, items).map(lambda t: f"{t[0]!r}: {t[1]}")
    return st.one_of(
        calls,
        records,
        st.lists(rows, min_size=1, max_size=4).map(lambda r: f"{{{', '.join(r)}}}"),
        st.lists(items, min_size=1, max_size=4).map(_tuple),
    )


expressions = st.recursive(st.one_of(leaves, strings), _inside, max_leaves=25)
statements = st.one_of(
    expressions.map("return {}".format),
    st.tuples(names, expressions).map(lambda t: f"self.{t[0]} = {t[1]}"),
    st.tuples(names, names, expressions).map(lambda t: f"{t[0]}: {t[1]} | int = {t[2]}"),
)


@pytest.mark.parametrize("module", MODULES, ids=lambda path: path.stem)
def test_a_checked_in_module_is_as_black_leaves_it(module: Path) -> None:
    text = module.read_text()
    assert by_black(text) == text


@pytest.mark.skipif(not KERNEL_BTF.exists(), reason="this kernel has no BTF to read")
def test_types_of_the_kernel_are_as_black_leaves_them(monkeypatch: pytest.MonkeyPatch) -> None:
    kernel = Kernel()
    monkeypatch.setitem(sys.modules, "black", None)  # importing it fails
    texts = [kernel.text(kernel.ids()[start::1600]) for start in (3, 700)]
    monkeypatch.undo()
    for text in texts:
        assert by_black(text) == text


@settings(max_examples=150, deadline=None)
@given(statements)
@example("self.a = runtime.Tracepoint(loaded.program('%s'))" % ("a" * 90))
@example("data: bytes = bytearray(b'%s')" % (r"\x00" * 24))
@example("return spec.A(data=bytearray(b'%s'), b=uapi.A | uapi.B)" % (r"\xff" * 24))
def test_a_statement_is_laid_out_as_by_black_or_not_at_all(statement: str) -> None:
    text = f"def f(self) -> None:\n    {statement}\n"
    laid_out = formatted(text)
    assert laid_out is None or laid_out == by_black(text)
    assert formatted(text, by_black) == by_black(text)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.integers(1, 96), min_size=2, max_size=3), st.sampled_from(("", ": int")))
@example([60, 60], "")
@example([20, 40], "")
def test_a_choice_between_layouts_is_laid_out_as_by_black(lengths: list[int], typed: str) -> None:
    *others, last = (f"codec.member({'x' * length})" for length in lengths)
    choices = "".join(f"{other} if _layout == {n} else " for n, other in enumerate(others))
    text = f"class A:\n    low{typed} = {choices}{last}\n"
    laid_out = formatted(text)
    assert laid_out is None or laid_out == by_black(text)
    assert formatted(text, by_black) == by_black(text)


def test_a_module_for_two_byte_orders_needs_no_black(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "black", None)  # importing it fails
    sources = [
        Source(spec=read_object_file(path), file_name=path.name)
        for path in sorted((ROOT / "generated_fixtures").glob("variants*.bpf.o"))
    ]
    for source in sources:
        source.spec.name = "variants"
    model = describe_variants(sources, Options())
    assert len(model.machines) == 2
    text = render(model)
    monkeypatch.undo()
    assert by_black(text) == text


@settings(max_examples=40, deadline=None)
@given(
    st.dictionaries(names, st.tuples(st.binary(max_size=60), st.sampled_from((0, 1, 1152)))),
    st.dictionaries(names, st.tuples(sections, st.binary(max_size=200)), max_size=3),
)
def test_a_description_needs_no_black(
    maps: dict[str, tuple[bytes, int]], programs: dict[str, tuple[str, bytes]]
) -> None:
    described = ObjectSpec(
        name="any",
        byte_order="big",
        maps={
            name: MapSpec(
                name=name,
                map_type=uapi.MapType.ARRAY,
                flags=uapi.MapFlags(number),
                data=bytearray(data),
                variables={name: VariableSpec(name=name, offset=number, size=4, type_id=number)},
            )
            for name, (data, number) in maps.items()
        },
        programs={
            name: ProgramSpec(
                name=name,
                section=section,
                prog_type=uapi.ProgType.XDP,
                insns=insns,
                map_relocations=(spec.MapRelocation(insn=len(insns), map=section),),
            )
            for name, (section, insns) in programs.items()
        },
    )
    text = f"def f() -> None:\n    return {expression(described)}\n"
    assert formatted(text) == by_black(text)


@pytest.mark.parametrize(
    ("template", "module"),
    [
        ("import a\n\n\n\nb = 1\n", "import a\n\nb = 1\n"),
        (
            "import a\nclass A:\n    b = 1\nc = 1\n",
            "import a\n\n\nclass A:\n    b = 1\n\n\nc = 1\n",
        ),
        ("# why\nclass A:\n\n\n    b = 1\n\n\n\n", "# why\nclass A:\n\n    b = 1\n"),
        ("class A:\n    b.c = d(\n        e, f\n    )\n", "class A:\n    b.c = d(e, f)\n"),
        ("class A:\n    b = d(\n        e,\n    )\n", "class A:\n    b = d(\n        e,\n    )\n"),
        ("a = 'b'  # don't\n", 'a = "b"  # don\'t\n'),
        ('a = \'say "no"\', "don\'t"\n', 'a = \'say "no"\', "don\'t"\n'),
        ("a = \"b\", 'c\"\\'d'\n", 'a = "b", "c\\"\'d"\n'),
    ],
)
def test_blank_lines_and_quotes_are_blacks(template: str, module: str) -> None:
    assert formatted(template) == module
    assert by_black(template) == module


@pytest.mark.parametrize(
    "long",
    [
        "a = {} + {}",  # an operator to break at
        "a = b[{}].c({})",
        "def f({}, {}) -> dict[str, int]: ...",
        "a = lambda: ({}, {})",
        "a = f({})({})",
        "a = f({}, [{})",
        "a = f({}, {}",
        "a = b({})), ({}",
    ],
)
def test_what_no_rule_is_known_for_is_left_to_black(long: str) -> None:
    assert formatted(long.format("x" * 60, "y" * 60) + "\n") is None


def test_black_is_asked_about_one_statement_of_a_module() -> None:
    asked: list[str] = []

    def ask(text: str) -> str:
        asked.append(text)
        return by_black(text)

    long = f"a = {'x' * 60} + {'y' * 60}"
    text = f"import b\n\n@c\nclass D:\n    {long}\n\n# why\n{long}\ne = 1\n"
    assert formatted(text, ask) == by_black(text)
    assert [part.split("\n")[0] for part in asked] == ["@c", long]


def test_the_line_length_is_that_of_the_project() -> None:
    assert f"line-length = {own.LINE_LENGTH}\n" in (ROOT / "pyproject.toml").read_text()
