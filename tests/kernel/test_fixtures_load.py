"""Every checked-in object meets the running kernel: it loads whole, or is refused as it should be.

Objects are taken from the file here, without a generated module: whoever has only an ``.o`` goes
this way.  What the programs then do is looked at in the other ``test_fixtures_…`` files.
"""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from bpf2py import runtime
from bpf2py.elf import read_object
from bpf2py.spec import ObjectSpec
from tests.kernel.abilities import requires

FOLDER = Path(__file__).parents[2] / "generated_fixtures"

#: Objects that say on purpose what no kernel accepts.
REFUSED = sorted(FOLDER.glob("err_*.bpf.o"))

#: Objects that are there to be read; see their first lines.
ONLY_READ = ("section_names", "kconfig_kinds", "kfuncs_module", "module")

#: The kernel refuses the BTF that the compiler wrote; see the source.
BAD_BTF = "split_static"

LOADABLE = [
    path
    for path in sorted(FOLDER.glob("*.bpf.o"))
    if path not in REFUSED
    and not path.name.startswith((*ONLY_READ, BAD_BTF, "core_"))
    and ".eb." not in path.name
]
BIG_ENDIAN = sorted(FOLDER.glob("*.eb.bpf.o"))


#: What the programs and maps of an object need beyond 5.10, by the start of its name.
NEEDS = {
    "arena": ("arenas (6.9)",),
    "arguments": ("syscall programs (5.14)",),
    "callbacks": ("bpf_loop (5.17)",),
    "cpu_v4": ("cpu v4 instructions (6.6)",),
    "exceptions": ("exceptions (6.7)",),
    "jump_tables": ("jump tables (6.19)",),
    "kernel_fields": ("timers (5.15)",),
    "kernel_graph": ("work queues (6.10)",),
    "kernel_kptr": ("untrusted kernel pointers (6.3)",),
    "kfuncs": ("iterators over numbers (6.4)",),
    "ksyms": (
        "addresses of kernel variables (CONFIG_KALLSYMS_ALL)",
        "types of kernel variables",
    ),
    "map_attrs": ("bloom filters (5.16)",),
    "maps_storage": ("cgroup storage of any program (6.2)", "inode storage (5.10)"),
    "maps_other": ("bloom filters (5.16)", "task storage (5.11)"),
    "printk_strings": ("bpf_strncmp (5.17)",),
    "program_runs": ("syscall programs (5.14)",),
    "section_kinds": ("syscall programs (5.14)", "XDP fragments (5.18)"),
    "streams": ("syscall programs (5.14)",),
    "struct_ops": ("struct_ops links (6.4)",),
    "types_check.v4": ("cpu v4 instructions (6.6)",),
    "variants": ("fetching atomics (5.12)",),
    "variants.v4": ("cpu v4 instructions (6.6)",),
}


def read(path: Path) -> ObjectSpec:
    return read_object(path.read_bytes(), name=path.name.removesuffix(".bpf.o"))


def behind(spec: ObjectSpec, *, created: bool) -> set[str]:
    """The programs of the struct_ops that are created, or of those that are not."""
    maps = [each for each in spec.maps.values() if each.autocreate == created]
    return {name for each in maps for name in each.functions.values()}


@pytest.mark.parametrize("path", LOADABLE, ids=lambda path: path.name)
def test_every_loadable_object_loads_whole(path: Path, tmp_path: Path) -> None:
    for start, abilities in NEEDS.items():
        if path.name.startswith(f"{start}."):
            requires(*abilities)
    spec = read(path)
    for map_spec in spec.maps.values():
        map_spec.pinning = map_spec.pinning.NONE  # test_fixtures_maps.py pins
    with runtime.load(spec) as loaded:
        wanted = {name for name, program in spec.programs.items() if program.autoload}
        wanted -= behind(spec, created=False) - behind(spec, created=True)
        assert {name for name in loaded.programs if loaded.programs[name].loaded} == wanted
        for name in wanted:
            info = loaded.programs[name].info()
            assert info.name == name[:15]
            assert info.func_info_count > 0
            assert info.line_info_count > 0
            assert info.prog_type == spec.programs[name].prog_type


def test_an_object_whose_btf_the_kernel_refuses_loads_without_it_and_says_so() -> None:
    with pytest.warns(RuntimeWarning, match="without BTF.*Invalid size"):
        loaded = runtime.load(read(FOLDER / f"{BAD_BTF}.bpf.o"))
    with loaded:
        program = loaded.programs["keeps_one_member"]
        assert program.run(bytes(64)).return_value == 50
        assert program.run(bytes(64)).return_value == 100


@pytest.mark.parametrize(
    "path",
    [path for path in BIG_ENDIAN if sys.byteorder == "little"],
    ids=lambda path: path.name,
)
def test_an_object_of_the_other_byte_order_is_refused_before_the_kernel_sees_it(path: Path) -> None:
    with pytest.raises(ValueError, match="big"):
        runtime.load(read(path))


#: By object: the program that is refused, what the verifier says of it, the C line it says it of.
VERDICTS = {
    "err_unchecked_pointer": (
        "forgets_the_check",
        "R0 invalid mem access 'map_value_or_null'",
        "*count += 1;",
    ),
    "err_out_of_bounds": (
        "reads_outside",
        "unbounded memory access",
        "return table->slots[index];",
    ),
    "err_one_of_two": ("bad", "R7 !read_ok", "asm volatile"),
    "err_unbounded_loop": ("never_ends", "too large", ""),
    "err_gpl_only": ("uses_gpl_helper", "GPL", "bpf_trace_printk"),
}


def test_each_object_that_must_be_refused_has_a_verdict() -> None:
    assert {path.name.removesuffix(".bpf.o") for path in REFUSED} == set(VERDICTS)


@pytest.mark.parametrize("name", VERDICTS)
def test_a_refused_program_is_named_with_the_reason_and_the_c_line(name: str) -> None:
    program, reason, source = VERDICTS[name]
    with pytest.raises(runtime.VerifierError) as caught:
        runtime.load(read(FOLDER / f"{name}.bpf.o"))
    error = caught.value
    assert error.program == program
    assert reason in error.reason
    assert source in error.source
    for part in (program, error.reason, error.source):
        assert part in str(error)
    assert error.reason in error.log
