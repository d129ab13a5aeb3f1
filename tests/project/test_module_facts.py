"""What a module's text says is read without running it, and is what the generator meant."""

from __future__ import annotations

from pathlib import Path

import pytest

from bpf2py.codegen import Options, describe, facts
from bpf2py.elf import read_object_file
from bpf2py.project import output
from bpf2py.project.module_facts import TYPES_AND_LINES, UnreadableError, read
from bpf2py.project.modules import ObjectFile, generated
from tests.project.builds import ROOT

FIXTURES = ROOT / "generated_fixtures"
MODULES = [
    path
    for path in sorted([*FIXTURES.glob("*_bpf.py"), *ROOT.glob("examples/*/*_bpf.py")])
    if path.with_name(path.name.replace("_bpf.py", ".bpf.o")).exists()
]
VARIANTS = FIXTURES / "variants_bpf.py"


@pytest.mark.parametrize("module", MODULES, ids=lambda path: path.stem)
def test_text_and_model_say_the_same(module: Path) -> None:
    path = module.with_name(module.name.replace("_bpf.py", ".bpf.o"))
    found = read(module.read_text())
    if module == VARIANTS:  # views of unions are chosen inside of them
        found = {what: said for what, said in found.items() if "union" not in what}
    model = describe(read_object_file(path), Options(file_name=path.name))
    for what, said in (facts.interface(model) | facts.programs(model)).items():
        if what in found:
            assert {key: found[what].get(key) for key in said} == said
        else:
            assert "union" in what
            assert module == VARIANTS


@pytest.mark.parametrize("module", ["variants", "globals", "map_attrs", "section_kinds"])
def test_a_file_beside_the_module_is_read_along(module: str, tmp_path: Path) -> None:
    objects = sorted(
        FIXTURES.glob(f"{module}.*bpf.o" if module == "variants" else f"{module}.bpf.o")
    )
    files = [ObjectFile.at(path) for path in objects]
    target = tmp_path / "x_bpf.py"
    name = module if len(files) > 1 else ""
    plain = generated(files, module=target, name=name)
    beside = generated(files, module=target, name=name, sidecar=True)
    assert beside.sidecar is not None
    data = beside.sidecar[1]
    assert read(beside.text, lambda: data) == read(plain.text)


def test_nothing_of_a_module_is_run() -> None:
    text = VARIANTS.read_text()
    found = read(text.replace("import typing\n", "import typing\nraise SystemExit\n"))
    assert found == read(text)
    with pytest.raises(UnreadableError):
        read(text.replace("    found = _object_spec()\n", "    found = exit()\n"))
    with pytest.raises(UnreadableError):
        read(text.replace("    found = _object_spec()\n", "    while True: pass\n"))


@pytest.mark.parametrize(
    "text", ["", "x = 1", "def _object_spec(): return 3", "(", "\0", "1" * 9999]
)
def test_what_is_no_module_is_unreadable(text: str) -> None:
    with pytest.raises(UnreadableError):
        read(text)


def test_a_module_that_calls_itself_is_unreadable() -> None:
    with pytest.raises(UnreadableError):
        read("def _object_spec():\n    found = _object_spec()\n    return found\n")


@pytest.fixture
def module(tmp_path: Path) -> Path:
    path = tmp_path / "variants_bpf.py"
    path.write_text(VARIANTS.read_text())
    return path


def drift(module: Path, *edits: tuple[str, str]) -> list[str]:
    """What is said of *module* after these edits, line by line."""
    text = VARIANTS.read_text()
    for old, new in edits:
        assert old in text
        text = text.replace(old, new, 1)
    module.write_text(text)
    (reason,) = output.reasons({module: VARIANTS.read_text()}, {}).values()
    first, *lines = reason.split("\n  ")
    assert first == f"{module}: differs from its object"
    return lines


@pytest.mark.parametrize(
    ("old", "new", "line"),
    [
        ('("cpu", 8, codec.U32)', '("cpu", 12, codec.U32)', "struct seen: cpu moved from offset 12 to 8"),
        ('("cpu", 8, codec.U32)', '("cpu", 8, codec.U64)', "struct seen: cpu was codec.U64, is codec.U32"),
        ('("cpu", 8, codec.U32),', "", "struct seen: cpu added at offset 8"),
        ('("tos", 1,', '("tos", 1, codec.U8), ("dscp", 1,', "struct header: dscp dropped, was at offset 1"),
        ("    Seen,\n    32,", "    Seen,\n    24,", "struct seen: size 24 → 32"),
        ("max_entries=1,", "max_entries=4,", "map seen: max_entries 4 → 1"),
        ("map_type=uapi.MapType.ARRAY", "map_type=uapi.MapType.HASH", "map seen: map_type MapType.HASH → MapType.ARRAY"),
        ('section="socket"', 'section="xdp"', "program look: section xdp → socket"),
        ("autoload=False,", "", "program spare: autoload True → False"),
        ('insn=5, map="seen"', 'insn=6, map="seen"', "program look: code changed, 34 instructions"),
        ("step = runtime.Constant(codec.U32, 0)", "step = runtime.Constant(codec.U32, 4)", "variable .rodata step: moved from offset 4 to 0"),
        (r'b"\x01\x00\x00\x00"', r'b"\x02\x00\x00\x00"', "variable .rodata step: first value 02000000 → 01000000"),
        ('license="GPL"', 'license="MIT"', "object: license MIT → GPL"),
        ("value_type_id=11", "value_type_id=12, map_extra=3", "map seen: map_extra 3 → "),
    ],
)  # fmt: skip
def test_what_drifted_apart_is_said_fact_by_fact(
    module: Path, old: str, new: str, line: str
) -> None:
    assert drift(module, (old, new)) == [line]


def test_a_variant_that_was_not_there_is_new(module: Path) -> None:
    row = '    runtime.Variant("big", "", 3, ("atomics",), _object_spec_4),\n'
    lines = drift(module, (row, ""))
    assert lines[0] == "object: variant for big-endian v3 added, there"
    assert "program look on big-endian v3: new" in lines


def test_other_source_lines_alone_are_a_line(module: Path) -> None:
    blob = VARIANTS.read_text().split("btf=")[1].split(")")[0] + ")"
    lines = drift(module, (f"btf={blob}", 'btf=b""'))
    assert lines == [f"object: {TYPES_AND_LINES} changed"]


def test_the_same_facts_in_another_text_are_another_generators(module: Path) -> None:
    module.write_text(VARIANTS.read_text().replace("before loading.", "before it is loaded."))
    (reason,) = output.reasons({module: VARIANTS.read_text()}, {}).values()
    assert "says the same of its object, but another version of bpf2py wrote it" in reason
    assert '-    """The maps of ``variants.bpf.o`` before it is loaded."""' in reason


def test_what_cannot_be_read_is_shown_as_text(module: Path) -> None:
    module.write_text("print('mine')\n")
    (reason,) = output.reasons({module: VARIANTS.read_text()}, {}).values()
    assert "another version of bpf2py wrote it, or it was edited" in reason
    assert "-print('mine')" in reason


def test_what_c_puts_into_maps_is_said_when_it_changes() -> None:
    text = (FIXTURES / "struct_ops_bpf.py").read_text()
    other = text.replace('"init": "other_init"', '"init": "on_init"')
    (said,) = facts.differences(read(text), read(other))
    assert said.startswith("map replacement: functions {")
    text = (FIXTURES / "tail_calls_filled_bpf.py").read_text()
    (said,) = facts.differences(read(text), read(text.replace('2: "from_second"', '1: "entry"')))
    assert said == (
        "map steps: values {0: 'from_first', 2: 'from_second'} → {0: 'from_first', 1: 'entry'}"
    )
    text = (FIXTURES / "arena_bpf.py").read_text()
    assert read(text)["variable shared sum"]["first value"] == "07000000 00000000"
