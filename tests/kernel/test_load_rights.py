"""The capabilities that objects are said to need, against what the running kernel asks for.

A child process keeps just those, and loads.
"""

from __future__ import annotations

import ctypes
import os
import struct
import sys
from collections.abc import Callable, Iterable
from pathlib import Path

import pytest

from bpf2py import runtime
from bpf2py.elf import read_object_file
from bpf2py.runtime import privileges, smallest
from bpf2py.runtime.kernel import version_code
from bpf2py.runtime.probes import programs
from bpf2py.runtime.rights import LOOKING_HELPERS, load_rights
from bpf2py.spec import MapSpec, ObjectSpec
from bpf2py.uapi import HELPER_NAMES, MapType, ProgType

FIXTURES = Path(__file__).parents[2] / "generated_fixtures"
CAPABILITIES = {"CAP_NET_ADMIN": 12, "CAP_SYS_ADMIN": 21, "CAP_PERFMON": 38, "CAP_BPF": 39}
#: Pinned maps, long verification, and what needs modules or addresses.
LEFT_OUT = (
    "map_attrs", "bench_", "big_program", "split_static", "err_", "ksyms", "externs", "mod",
    "kfuncs_module",
)  # fmt: skip


def answer_with(capabilities: Iterable[str], ask: Callable[[], object]) -> str:
    """``""`` if *ask* succeeds in a process with just these, the class of what it raises else."""
    mask = sum(1 << CAPABILITIES[name] for name in capabilities)
    words = [mask & 0xFFFFFFFF] * 2 + [0] + [mask >> 32] * 2 + [0]
    reader, writer = os.pipe()
    child = os.fork()
    if not child:
        said = "capset"
        try:
            libc = ctypes.CDLL(None)
            if not libc.capset(struct.pack("=Ii", 0x20080522, 0), struct.pack("=6I", *words)):
                ask()
                said = ""
        except BaseException as error:
            said = type(error).__name__
        finally:
            os.write(writer, said.encode())
            os._exit(0)
    os.close(writer)
    with os.fdopen(reader) as answer:
        said = answer.read()
    os.waitpid(child, 0)
    return said


def loadable() -> list[ObjectSpec]:
    found: list[ObjectSpec] = []
    for path in sorted(FIXTURES.glob("*.bpf.o")):
        if path.name.count(".") > 2 or path.name.startswith(LEFT_OUT):
            continue
        spec = read_object_file(path)
        try:
            runtime.load(spec).close()
        except (OSError, ValueError, runtime.NotSupportedError):
            continue
        found.append(spec)
    return found


def test_an_object_loads_with_what_it_needs_and_with_nothing_less() -> None:
    compared: set[str] = set()
    by_verifier: list[str] = []
    for spec in loadable():
        needed = load_rights(spec)

        def load(spec: ObjectSpec = spec) -> None:
            runtime.load(spec).close()

        answer = answer_with(needed, load)
        if answer == "VerifierError":  # what no table can see
            by_verifier.append(spec.name)
            needed["CAP_PERFMON"] = ["the verifier"]
            answer = answer_with(needed, load)
        assert answer == "", (spec.name, needed)
        for name in needed.keys() - {"CAP_BPF"}:
            assert answer_with(needed.keys() - {name}, load) != "", (spec.name, name)
        if spec.btf and spec.programs and "CAP_PERFMON" in needed:
            assert answer_with(needed.keys() - {"CAP_BPF"}, load) != "", spec.name
        compared.add("+".join(needed))
    if version_code() >= 0x061200:  # older ones see more to speculate about
        assert set(by_verifier) <= {"kernel_fields", "kernel_graph", "kernel_kptr", "resized"}
    assert compared >= {"CAP_BPF", "CAP_BPF+CAP_NET_ADMIN", "CAP_BPF+CAP_PERFMON"}, compared


@pytest.mark.parametrize("prog_type", [each for each in ProgType if each])
def test_a_type_of_program_is_refused_without_its_capabilities_only(prog_type: ProgType) -> None:
    def load() -> None:
        programs.load(prog_type, smallest.NOTHING, "a program")

    if refused := answer_with(CAPABILITIES, load):
        pytest.skip(f"this kernel refuses every smallest program of {prog_type.name}: {refused}")
    needed = privileges.needed_capabilities(prog_type)
    assert answer_with(needed, load) == ""
    for name in needed[1:]:
        assert answer_with([each for each in needed if each != name], load) == "PermissionError"


def test_helpers_that_look_into_the_kernel_are_those_of_the_kernel() -> None:
    """An XDP program without CAP_PERFMON lacks just these."""
    if version_code() < 0x061200:
        pytest.skip("before 6.18 network programs have fewer of these helpers")
    base = ("CAP_BPF", "CAP_NET_ADMIN")
    lacking: set[str] = set()
    for helper in sorted({*LOOKING_HELPERS, *HELPER_NAMES[1::8], "get_current_comm"}):

        def call(helper: str = helper) -> None:
            from bpf2py.runtime.syscalls.prog import LogBuffer

            insns = smallest.code(smallest.call(helper))
            log = LogBuffer(1, 1 << 14)
            try:
                smallest.load_program(ProgType.XDP, insns, log, what="a program").close()
            except OSError as error:
                if "cannot use helper" in log.text or "unknown func" in log.text:
                    raise LookupError(helper) from error

        with_it = answer_with((*base, "CAP_PERFMON"), call)
        if with_it != "LookupError" and answer_with(base, call) == "LookupError":
            lacking.add(helper)
    # Programs of cgroups may ask for this one without.
    assert lacking - {"get_current_comm"} == LOOKING_HELPERS


@pytest.mark.parametrize("map_type", [MapType.DEVMAP, MapType.SOCKMAP, MapType.LRU_HASH])
def test_a_map_needs_what_its_type_says(map_type: MapType) -> None:
    entry = MapSpec(name="m", map_type=map_type, key_size=4, value_size=4, max_entries=1)
    spec = ObjectSpec(name="o", byte_order=sys.byteorder, maps={"m": entry})
    needed = list(load_rights(spec))
    assert answer_with(needed, lambda: runtime.load(spec).close()) == ""
    for name in needed[1:]:
        rest = CAPABILITIES.keys() - {name, "CAP_SYS_ADMIN"}
        assert answer_with(rest, lambda: runtime.load(spec)) == "PermissionError"


def test_what_is_switched_off_needs_nothing() -> None:
    spec = read_object_file(FIXTURES / "minimal.bpf.o")
    assert load_rights(spec)
    spec.btf = b""
    for program in spec.programs.values():
        program.autoload = False
    for each in spec.maps.values():
        each.autocreate = False
    assert load_rights(spec) == {}
