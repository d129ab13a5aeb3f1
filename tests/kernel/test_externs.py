"""Names from outside of an object, on the running kernel: values, variables, addresses, functions."""

from __future__ import annotations

import gzip
import os
import subprocess
from pathlib import Path

import pytest

from bpf2py.runtime import NotSupportedError, VerifierError
from bpf2py.runtime.kernel_btf import kernel_btf
from bpf2py.runtime.typed_spec import ObjectT, TypedSpec
from bpf2py.uapi import BTFKind
from generated_fixtures.arg_ctx_bpf import ArgCtx
from generated_fixtures.attach_to_program_bpf import AttachToProgram
from generated_fixtures.exceptions_bpf import Exceptions
from generated_fixtures.externs_bpf import Externs
from generated_fixtures.externs_missing_bpf import ExternsMissing
from generated_fixtures.kconfig_kinds_bpf import KconfigKinds, LibbpfTristate
from generated_fixtures.kfuncs_bpf import Kfuncs
from generated_fixtures.kfuncs_module_bpf import KfuncsModule
from generated_fixtures.ksyms_bpf import Ksyms
from tests.conftest import bpf_works
from tests.kernel.abilities import has, requires
from tests.kernel.conftest import missing

pytestmark = pytest.mark.skipif(not bpf_works(), reason="needs root and bpf(2)")

ADDRESSES = "addresses of kernel variables (CONFIG_KALLSYMS_ALL)"
TYPES = "types of kernel variables"
PACKET = bytes(range(5, 105))


def loaded(spec: TypedSpec[ObjectT], **options: object) -> ObjectT:
    """Load; a symbol that is not found is a failure here, not a reason to skip."""
    try:
        return spec.load(**options)  # type: ignore[arg-type]
    except NotSupportedError as exc:
        pytest.fail(str(exc))


def config_of_this_kernel() -> dict[str, str]:
    """The configuration, read in another way than the loader does; skips where there is none."""
    for path in (f"/boot/config-{os.uname().release}", "/proc/config.gz"):
        if os.path.exists(path):
            data = Path(path).read_bytes()
            text = (gzip.decompress(data) if data[:2] == b"\x1f\x8b" else data).decode()
            return dict(
                line.split("=", 1) for line in text.splitlines() if line.startswith("CONFIG_")
            )
    missing("configuration to be read")
    raise AssertionError("unreachable")


def address_of(name: str) -> int:
    with open("/proc/kallsyms", encoding="ascii", errors="replace") as file:
        return next(int(line.split()[0], 16) for line in file if line.split()[2] == name)


def version_of_this_kernel() -> int:
    """What the kernel's headers say: the first number of the vDSO's note with the name Linux."""
    vdso = next(
        line.split()[0]
        for line in Path("/proc/self/maps").read_text().splitlines()
        if "vdso" in line
    )
    start, end = (int(part, 16) for part in vdso.split("-"))
    with open("/proc/self/mem", "rb") as memory:
        memory.seek(start)
        data = memory.read(end - start)
    at = data.index(b"\x06\0\0\0\x04\0\0\0\0\0\0\0Linux\0")
    return int.from_bytes(data[at + 20 : at + 24], "little")


# ---- configuration ----


def test_programs_and_python_read_this_kernels_configuration() -> None:
    config = config_of_this_kernel()
    with loaded(Externs.spec()) as externs:
        values = externs.kconfig
        assert int(config["CONFIG_HZ"]) == values.CONFIG_HZ
        assert values.CONFIG_BPF_SYSCALL is True
        tristate = {"y": LibbpfTristate.TRI_YES, "m": LibbpfTristate.TRI_MODULE}
        expected = tristate.get(config.get("CONFIG_IPV6", ""), LibbpfTristate.TRI_NO)
        assert int(values.CONFIG_IPV6) == int(expected)
        assert config["CONFIG_DEFAULT_HOSTNAME"].strip('"') == values.CONFIG_DEFAULT_HOSTNAME
        assert values.CONFIG_BPF2PY_NO_SUCH_OPTION is False
        assert version_of_this_kernel() == values.LINUX_KERNEL_VERSION


def test_configuration_values_cannot_be_set() -> None:
    refused = pytest.raises(AttributeError, match=r"CONFIG_HZ.*constant")
    with loaded(Externs.spec()) as externs, refused:
        externs.kconfig.CONFIG_HZ = 1  # type: ignore[assignment]


GIVEN: dict[str, bool | int | str] = {
    "CONFIG_T_BOOL": True,
    "CONFIG_T_TRISTATE": "m",
    "CONFIG_T_CHAR": "y",
    "CONFIG_T_S8": -5,
    "CONFIG_T_U8": 250,
    "CONFIG_T_S16": -300,
    "CONFIG_T_U16": 65535,
    "CONFIG_T_S32": -70000,
    "CONFIG_T_U32": 4_000_000_000,
    "CONFIG_T_S64": -1 << 40,
    "CONFIG_T_U64": 0xFFFFFFFF80000000,
    "CONFIG_T_TEXT": "eleven char",
}


def test_programs_see_the_values_that_load_was_given() -> None:
    with loaded(KconfigKinds.spec(), kconfig=GIVEN) as kinds:
        kinds.programs.looks.run()
        seen, values = kinds.bss.seen, kinds.kconfig
        assert (seen.boolean, seen.tristate, chr(seen.letter)) == (True, 2, "y")
        assert (seen.s8, seen.u8, seen.s16, seen.u16) == (-5, 250, -300, 65535)
        assert (seen.s32, seen.u32) == (-70000, 4_000_000_000)
        assert (seen.s64, seen.u64) == (-1 << 40, 0xFFFFFFFF80000000)
        assert (seen.text, seen.weak) == ("er", 0)
        assert seen.cookie == has("links for perf events (5.15)"), "both came with 5.15"
        assert seen.wrapper == values.LINUX_HAS_SYSCALL_WRAPPER
        assert values.CONFIG_T_TRISTATE is LibbpfTristate.TRI_MODULE
        assert values.CONFIG_T_TEXT == "eleven char"
        assert values.CONFIG_T_S64 == -1 << 40


def test_values_that_nobody_knows_are_named_before_anything_is_loaded() -> None:
    with pytest.raises(NotSupportedError) as caught:
        KconfigKinds.spec().load(kconfig={name: GIVEN[name] for name in list(GIVEN)[2:]})
    for part in ("CONFIG_T_BOOL", "CONFIG_T_TRISTATE", "'kconfig_kinds'", "__weak"):
        assert part in str(caught.value)
    assert "CONFIG_T_CHAR" not in str(caught.value)


def test_the_same_description_loads_with_other_values() -> None:
    spec = KconfigKinds.spec()
    for number in (1, 2):
        with loaded(spec, kconfig=GIVEN | {"CONFIG_T_U8": number}) as kinds:
            assert number == kinds.kconfig.CONFIG_T_U8
    assert spec.object_spec.maps[".kconfig"].data is None


# ---- variables and addresses ----


def test_an_address_is_the_kernels_and_null_if_there_is_none() -> None:
    with loaded(Externs.spec()) as externs, externs.attach():
        os.getpgid(0)
        assert externs.bss.address == address_of("schedule")
        assert externs.bss.missing == 0
        assert externs.bss.hz == externs.kconfig.CONFIG_HZ


def test_programs_read_variables_of_the_kernel() -> None:
    requires(ADDRESSES, TYPES)
    with loaded(Ksyms.spec()) as ksyms:
        ksyms.programs.looks.run()
        assert ksyms.data.cpu == 0
        there = kernel_btf().find("bpf_prog_active", BTFKind.VAR) is not None
        assert (ksyms.data.active >= 0) is there
        assert ksyms.data.never == -1
        assert ksyms.bss.address == address_of("schedule")
        assert ksyms.data.nothing == 0


def test_a_kernel_that_hides_its_variables_is_explained() -> None:
    requires(TYPES)
    if has(ADDRESSES):
        pytest.skip("this kernel shows them")
    with pytest.raises(VerifierError) as caught:
        Ksyms.spec().load()
    assert "CONFIG_KALLSYMS_ALL" in caught.value.cause


# ---- functions ----


def test_programs_call_functions_of_the_kernel() -> None:
    requires("iterators over numbers (6.4)")
    with loaded(Kfuncs.spec()) as kfuncs:
        kfuncs.programs.counts.run()
        assert kfuncs.bss.sum == sum(range(5)) + sum(range(4))
        assert kfuncs.bss.versions == 1 + 4, "the second version is not the kernel's"
        assert kfuncs.bss.missing == -1


def test_a_call_of_a_missing_function_is_named_if_it_can_be_reached() -> None:
    requires("iterators over numbers (6.4)")
    spec = Kfuncs.spec()
    spec.programs.calls_missing.autoload = True
    with pytest.raises(VerifierError) as caught:
        spec.load()
    error = caught.value
    assert error.program == "calls_missing"
    assert "'bpf2py_no_such_function'" in error.reason
    assert "bpf_ksym_exists(bpf2py_no_such_function)" in error.hint
    assert "kfuncs.bpf.c" in error.source


@pytest.mark.parametrize(
    ("program", "parts"),
    [
        ("misses_variable", ("kernel variable 'bpf2py_needed_variable'", "BTF of the kernel")),
        ("misses_symbol", ("kernel symbol 'bpf2py_needed_symbol'", "/proc/kallsyms")),
        ("misses_function", ("kernel function 'bpf2py_needed_function'", "BTF of the kernel")),
        (
            "mistakes_variable",
            ("variable 'runqueues'", "'long runqueues'", "'struct rq runqueues'"),
        ),
        ("mistakes_function", ("___wrong(int)'", "bpf_rcu_read_lock(void)'")),
    ],
)
def test_what_the_kernel_has_not_is_named_with_who_needs_it(
    program: str, parts: tuple[str, ...]
) -> None:
    if program == "mistakes_function":
        requires("iterators over numbers (6.4)")  # bpf_rcu_read_lock() came with 6.2
    if program == "mistakes_variable":
        requires(TYPES)
    spec = ExternsMissing.spec()
    spec.programs[program].autoload = True
    with pytest.raises(NotSupportedError) as caught:
        spec.load()
    for part in (*parts, "'externs_missing'"):
        assert part in str(caught.value)


def test_what_only_programs_need_that_are_switched_off_may_be_missing() -> None:
    with loaded(ExternsMissing.spec()) as found:
        assert found.programs.needs_nothing.loaded


def test_a_program_that_throws_returns_what_its_callback_says() -> None:
    requires("exceptions (6.7)")
    with loaded(Exceptions.spec()) as exceptions:
        throws = exceptions.programs.throws
        assert throws.run(bytes(64)).return_value == 7
        assert throws.run(bytes(200)).return_value == 42


@pytest.fixture
def nf_conntrack() -> None:
    """The module, with functions for programs."""
    try:
        subprocess.run(["modprobe", "nf_conntrack"], capture_output=True, timeout=60, check=False)
    except FileNotFoundError:
        missing("modprobe")
    with open("/proc/kallsyms", encoding="ascii", errors="replace") as file:
        if not any("bpf_skb_ct_lookup\t[nf_conntrack]" in line for line in file):
            missing("functions of module nf_conntrack (5.18)")


@pytest.mark.usefixtures("nf_conntrack")
def test_programs_call_functions_of_modules() -> None:
    with loaded(KfuncsModule.spec()) as found:
        found.programs.looks_up.run(PACKET)
        assert found.data.error == -2, "ENOENT: there is no such connection"


# ---- contexts, and programs attached to programs ----


def test_functions_that_say_what_their_context_is_load_on_every_kernel() -> None:
    with loaded(ArgCtx.spec()) as found:
        assert found.programs.reads.run(PACKET).return_value == PACKET[0]
        assert found.programs.reads_again.run(PACKET).return_value == PACKET[1]
        assert (found.bss.first, found.bss.second) == (PACKET[0], len(PACKET))


def test_a_program_runs_after_another_one() -> None:
    requires("tracing of functions (5.5)")
    spec = AttachToProgram.spec()
    spec.programs.after.autoload = True
    with loaded(AttachToProgram.spec()) as first:
        target = first.programs.target
        with loaded(spec, targets={"after": target}) as second:
            assert target.run(PACKET).return_value == len(PACKET) + 1
            assert second.data.seen == -1
            with second.programs.after.attach():
                target.run(PACKET)
            assert second.data.seen == len(PACKET) + 1


def test_a_program_takes_the_place_of_a_function_of_another_one() -> None:
    requires("tracing of functions (5.5)")
    spec = AttachToProgram.spec()
    spec.programs.replacement.autoload = True
    with loaded(AttachToProgram.spec()) as first:
        target = first.programs.target
        with loaded(spec, targets={"replacement": target}) as second:
            with second.programs.replacement.attach():
                assert target.run(PACKET).return_value == 1001
            assert target.run(PACKET).return_value == len(PACKET) + 1


def test_a_target_without_that_function_is_named() -> None:
    spec = AttachToProgram.spec()
    spec.programs.after.autoload = True
    spec.programs.after.attach_to = "no_such_function"
    refused = pytest.raises(FileNotFoundError, match="no function 'no_such_function' in program")
    with loaded(AttachToProgram.spec()) as first, refused:
        spec.load(targets={"after": first.programs.target})


def test_a_target_for_a_program_that_takes_none_is_refused() -> None:
    refused = pytest.raises(ValueError, match=r"no program 'target' that could be attached.*after")
    with loaded(AttachToProgram.spec()) as first, refused:
        AttachToProgram.spec().load(targets={"target": first.programs.target})


def test_a_program_that_replaces_a_function_needs_a_target() -> None:
    spec = AttachToProgram.spec()
    spec.programs.replacement.autoload = True
    with pytest.raises(ValueError, match=r"give load.. that program as targets="):
        spec.load()
