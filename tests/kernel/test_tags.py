"""Tags that are computed, against those that the running kernel gives the programs it loads."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from bpf2py import runtime
from bpf2py.elf import read_object_file
from bpf2py.records import replace
from bpf2py.spec import ObjectSpec
from generated_fixtures.maps_basic_bpf import MapsBasic
from generated_fixtures.variants_bpf import Variants
from tests.kernel.abilities import has

FIXTURES = Path(__file__).parents[2] / "generated_fixtures"
#: Its maps are pinned, its modules are not there, it takes long, or no kernel takes it.
LEFT_OUT = (
    "map_attrs",
    "kfuncs_module",
    "modules",
    "bench_",
    "big_program",
    "split_static",
    "err_",
)


def of_this_kernel(tag: runtime.ProgramTag) -> str:
    # Both came with 6.18, where a hash got to be more than a name.
    return tag.sha256 if has("exclusive maps (6.18)") else tag.sha1


def objects() -> list[Path]:
    machine = ".eb." if sys.byteorder == "little" else ".el."
    return [
        each
        for each in sorted(FIXTURES.glob("*.bpf.o"))
        if machine not in each.name
        and ".clang1" not in each.name
        and not each.name.startswith(LEFT_OUT)
    ]


def loadable(path: Path) -> list[ObjectSpec]:
    """The object, or what of it this kernel takes: an object per program."""
    whole = read_object_file(path)
    if loads(whole):
        return [whole]
    found: list[ObjectSpec] = []
    for name in whole.programs:
        alone = whole.copy()
        for each in alone.programs.values():
            each.autoload = each.name == name
        if loads(alone):
            found.append(alone)
    return found


def loads(spec: ObjectSpec) -> bool:
    try:
        runtime.load(spec).close()
    except (OSError, ValueError, runtime.NotSupportedError):
        return False
    return True


def test_each_loaded_program_has_the_tag_that_was_computed() -> None:
    compared: dict[str, int] = {}
    for path in objects():
        for alone in loadable(path):
            with runtime.load(alone) as loaded:
                tags = runtime.program_tags(alone)
                for name, program in alone.programs.items():
                    if not loaded.programs[name].loaded:
                        continue  # switched off, or the kernel's struct_ops has no such member
                    assert loaded.programs[name].info().tag == of_this_kernel(tags[name]), name
                    for kind in ("map_relocations", "extern_relocations", "core_relocations"):
                        compared[kind] = compared.get(kind, 0) + bool(getattr(program, kind))
                    compared["all"] = compared.get("all", 0) + 1
    assert compared["all"] > 100
    assert min(compared.values()) >= 1, compared


def test_a_program_that_runs_already_is_found_by_its_tag() -> None:
    with MapsBasic.spec().load() as running:
        number = running.programs.fill.info().id
        with runtime.Program.open_id(number) as found:
            tags = runtime.program_tags(MapsBasic.spec())
            assert [name for name, tag in tags.items() if found.info().tag in tag] == ["fill"]


def test_of_a_module_for_several_cpu_versions_the_one_that_would_be_loaded_counts() -> None:
    with Variants.spec().load() as loaded:
        tags = runtime.program_tags(Variants.spec())
        assert tags
        for name in tags:
            assert loaded.programs[name].info().tag in tags[name]


def test_maps_that_are_not_made_are_in_the_tag_and_their_sizes_are_not() -> None:
    def tag_with(change: str) -> runtime.ProgramTag:
        spec = MapsBasic.spec()
        if change == "size":
            spec.maps.start.max_entries *= 2
        if change == "none":
            spec.maps.start.autocreate = False
        return runtime.program_tags(spec)["fill"]

    assert tag_with("size") == tag_with("nothing") != tag_with("none")


def test_programs_that_are_switched_off_have_no_tag_and_no_kernel_is_asked_for_them() -> None:
    spec = read_object_file(FIXTURES / "externs_missing.bpf.o")
    assert list(runtime.program_tags(spec)) == ["needs_nothing"]
    for each in spec.programs.values():
        each.autoload = True
    with pytest.raises(runtime.NotSupportedError):
        runtime.program_tags(spec)


@pytest.mark.parametrize("place", [-1, 1, 1 << 20])
def test_a_map_where_none_can_be_taken_is_an_error_and_not_another_tag(place: int) -> None:
    spec = read_object_file(FIXTURES / "maps_basic.bpf.o")
    program = next(each for each in spec.programs.values() if each.map_relocations)
    program.map_relocations = (replace(program.map_relocations[0], insn=place),)
    with pytest.raises(ValueError, match=f"instruction {place}: no 16-byte load"):
        runtime.program_tags(spec)


def test_an_object_for_another_machine_has_no_tags_here() -> None:
    other: ObjectSpec = read_object_file(FIXTURES / "minimal.bpf.o")
    other.byte_order = "big" if sys.byteorder == "little" else "little"
    with pytest.raises(ValueError, match="endian"):
        runtime.program_tags(other)
