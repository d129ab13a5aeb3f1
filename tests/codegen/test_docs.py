"""Docstrings of generated modules: what an editor shows when hovering over a name."""

from __future__ import annotations

import inspect
from pathlib import Path

from bpf2py.btf import types as t
from bpf2py.codegen import generate
from bpf2py.elf import read_object_file
from bpf2py.spec import MapSpec
from bpf2py.uapi import MapFlags, MapType

from .source import Types

FIXTURES = Path(__file__).parents[2] / "generated_fixtures"


def test_a_struct_shows_its_c_declaration_its_size_and_its_alignment() -> None:
    types = Types()
    types.struct("s", 8, ("kind", types.u16, 0), ("many", types.array(types.u32, 0), 4))
    assert inspect.getdoc(types.module("s").S) == (
        "``struct s``, 8 bytes.\n\n::\n\n"
        "    struct s {\n        unsigned short kind;\n        unsigned int many[];\n    };"
    )
    types.struct("full", 8, ("a", types.u32, 0), ("b", types.u16, 4), ("c", types.u16, 6))
    doc = inspect.getdoc(types.module("full").Full)
    assert doc is not None
    assert doc.startswith("``struct full``, 8 bytes, aligned to 4.\n")


def test_a_gap_that_only_an_attribute_can_make_is_not_shown_and_no_alignment_is_claimed() -> None:
    types = Types()
    types.struct("s", 64, ("a", types.u32, 0), ("b", types.u32, 32))
    doc = inspect.getdoc(types.module("s").S)
    assert doc == (
        "``struct s``, 64 bytes.\n\n::\n\n"
        "    struct s {\n        unsigned int a;\n        unsigned int b;\n    };"
    )


def test_unions_enums_and_typedefs_are_declared_as_in_c() -> None:
    types = Types()
    types.union("u", 4, ("a", types.u32, 0), ("b", types.u16, 0))
    types.enum("e", A=0, B=7)
    pair = types.struct("", 4, ("l", types.u16, 0), ("r", types.u16, 2))
    types.add(t.Typedef("pair_t", pair))
    module = types.module("u", "e", "pair_t")
    union, enum, pair_t = map(inspect.getdoc, (module.U, module.E, module.PairT))
    assert union is not None
    assert union.startswith("``union u``, 4 bytes, aligned to 4; one storage")
    assert "    union u {\n" in union
    assert enum is not None
    assert enum.endswith("    enum e {\n        A = 0,\n        B = 7,\n    };")
    assert pair_t is not None
    assert pair_t.endswith("    } pair_t;")


def test_a_tag_of_a_pointer_is_not_shown_and_hides_nothing() -> None:
    types = Types()
    user = types.pointer(types.add(t.TypeTag("user", types.s32)))
    arena = types.pointer(types.add(t.TypeTag("address_space(1)", types.s32, attribute=True)))
    types.struct("s", 16, ("a", user, 0), ("b", arena, 8))
    doc = inspect.getdoc(types.module("s").S)
    assert doc is not None
    assert "    int *a;\n" in doc
    assert "*b;\n" in doc


def test_a_long_declaration_is_cut_behind_a_whole_member() -> None:
    types = Types()
    types.struct("s", 400, *((f"m{i}", types.u32, 4 * i) for i in range(100)))
    doc = inspect.getdoc(types.module("s").S)
    assert doc is not None
    lines = doc.split("\n")[4:]
    assert lines[-4:] == [
        "        unsigned int m25;",
        "        unsigned int m26;",
        "        /* 73 more lines */",
        "    };",
    ]


def test_names_from_a_hostile_object_cannot_leave_the_docstring() -> None:
    types = Types()
    evil = types.add(t.Struct('x"""; import os #', 4, ()))
    types.struct("s", 12, ("p", types.pointer(evil), 0), ("a", types.u32, 8))
    # the type has no name in Python's classes: it is only pointed to
    types.struct("fine", 4, ("a", types.u32, 0))
    text = generate(types.spec(), types=["fine"])
    assert "import os" not in text


def test_maps_say_what_the_source_says_before_and_after_loading() -> None:
    types = Types()
    row = MapSpec(
        name="m", map_type=MapType.HASH, key_size=4, value_size=6, max_entries=7,
        key_type_id=types.u32, flags=MapFlags.NO_PREALLOC | MapFlags.NUMA_NODE, numa_node=1,
    )  # fmt: skip
    text = generate(types.spec([row]))
    said = (
        "``BPF_MAP_TYPE_HASH``, key ``unsigned int``, value of 6 bytes, 7 entries, flags "
        "``BPF_F_NO_PREALLOC | BPF_F_NUMA_NODE``, NUMA node 1."
    )
    assert " ".join(text.split()).count(said) == 2


def test_a_program_names_its_section_and_its_line_but_no_folder() -> None:
    text = generate(read_object_file(FIXTURES / "maps_basic.bpf.o"))
    assert '"""Section ``socket``, maps_basic.bpf.c:103."""' in text
    assert "/maps_basic.bpf.c" not in text
