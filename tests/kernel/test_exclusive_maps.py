"""Exclusive maps on the running kernel: one program may use them, found by its instructions."""

from __future__ import annotations

from pathlib import Path

import pytest

from bpf2py import runtime
from bpf2py.elf import read_object_file
from bpf2py.spec import MapSpec, ObjectSpec
from bpf2py.uapi import MapType
from generated_fixtures.maps_basic_bpf import MapsBasic
from generated_fixtures.program_runs_bpf import ProgramRuns
from tests.kernel.abilities import has, requires

FIXTURES = Path(__file__).parents[2] / "generated_fixtures"
ABILITY = "exclusive maps (6.18)"


def test_the_program_it_is_for_uses_the_map_and_so_does_python() -> None:
    requires(ABILITY)
    spec = MapsBasic.spec()
    spec.maps.start.exclusive_program = spec.maps.flows.exclusive_program = "fill"
    with spec.load() as loaded:
        assert loaded.programs.fill.run(bytes(64)).return_value == 0
        assert loaded.maps.start[77].cpu == -5


def test_the_kernel_refuses_every_other_program() -> None:
    requires(ABILITY)
    spec = ProgramRuns.spec()
    spec.maps[".bss"].exclusive_program = "adds"
    with pytest.raises(runtime.VerifierError, match="program 'swaps'") as info:
        spec.load()
    assert info.value.kind == "exclusive-map"


#: Program by object: what is put into instructions before they reach the kernel must be counted.
WITH_MUCH_IN_THEM = {
    "core_fields": "CO-RE",
    "kfuncs": "functions of the kernel",
    "ksyms": "variables of the kernel",
    "externs": "configuration",
    "callbacks": "subprograms and callbacks",
}


@pytest.mark.parametrize("name", WITH_MUCH_IN_THEM)
def test_the_digest_is_that_of_the_program_as_it_is_loaded(name: str) -> None:
    requires(ABILITY)
    base = read_object_file(FIXTURES / f"{name}.bpf.o")
    loads = [program for program in base.programs if _loads(base.copy(), program)]
    if not loads:
        pytest.skip(f"no program of {name} loads on this kernel")
    for program in loads:
        assert _loads(base.copy(), program, exclusive=True), program


def _loads(spec: ObjectSpec, program: str, *, exclusive: bool = False) -> bool:
    for each in spec.programs.values():
        each.autoload = each.name == program
    if exclusive:
        for each_map in spec.maps.values():
            each_map.exclusive_program = program
    try:
        runtime.load(spec).close()
    except (OSError, runtime.NotSupportedError):
        return False
    return True


def test_maps_that_are_not_made_count_as_the_loader_leaves_them() -> None:
    requires(ABILITY)
    spec = MapsBasic.spec()
    spec.object_spec.maps["of_nobody"] = MapSpec(
        name="of_nobody", map_type=MapType.ARRAY, key_size=4, value_size=4, max_entries=1
    )
    spec.maps["of_nobody"].autocreate = False
    spec.maps.start.exclusive_program = "fill"
    spec.load().close()


@pytest.mark.parametrize(
    ("wanted", "autoload", "complaint"),
    [
        ("fil", True, r"map 'start' .* program 'fil', which the object does not have; .*: fill"),
        ("fill", False, "program 'fill', which has autoload off"),
    ],
)
def test_a_program_that_is_not_loaded_is_an_error_before_anything_is_made(
    wanted: str, autoload: bool, complaint: str
) -> None:
    spec = MapsBasic.spec()
    spec.maps.start.exclusive_program = wanted
    spec.programs.fill.autoload = autoload
    with pytest.raises(ValueError, match=complaint):
        spec.load()


def test_a_kernel_without_exclusive_maps_is_named() -> None:
    if has(ABILITY):
        pytest.skip("this kernel has exclusive maps")
    spec = MapsBasic.spec()
    spec.maps.start.exclusive_program = "fill"
    with pytest.raises(runtime.NotSupportedError, match=r"exclusive maps \(Linux 6\.18.*'start'"):
        spec.load()
