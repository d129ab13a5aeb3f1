"""What programs name in loaded modules: functions, variables, types, struct_ops.

The modules of distributions have all of it but struct_ops, which is tested with the module in
``module/``: built for the running kernel (CONTRIBUTING) and named by BPF2PY_TEST_MODULE.
"""

from __future__ import annotations

import os
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from bpf2py.btf import decode
from bpf2py.btf.types import Struct
from bpf2py.runtime import NotSupportedError
from bpf2py.runtime.kernel import version_code
from bpf2py.runtime.kernel_btf import kernel_btf
from bpf2py.uapi import BTFKind, LinkType
from generated_fixtures.module_ops_bpf import Ask, ModuleOps
from generated_fixtures.modules_bpf import Modules, ModulesSpec
from tests.conftest import bpf_works
from tests.kernel.abilities import requires
from tests.kernel.conftest import missing

pytestmark = pytest.mark.skipif(not bpf_works(), reason="needs root and bpf(2)")

PACKET = bytes(100)
MODULE_BTF = "modules with BTF (5.11)"
OUR_MODULE = "bpf2py_test"


def modprobe(*arguments: str) -> bool:
    try:
        done = subprocess.run(
            ["modprobe", *arguments], capture_output=True, timeout=60, check=False
        )
    except FileNotFoundError:
        return False
    return done.returncode == 0


def needs_module(name: str) -> None:
    """Load a module, or skip unless it shows its BTF then."""
    modprobe(name)
    if not Path("/sys/kernel/btf", name).exists():
        missing(f"{MODULE_BTF}: {name}")


def only(*programs: str) -> ModulesSpec:
    spec = Modules.spec()
    for name in spec.programs:
        spec.programs[name].autoload = name in programs
    return spec


def test_programs_read_variables_of_modules() -> None:
    needs_module("x_tables")
    requires("addresses of kernel variables (CONFIG_KALLSYMS_ALL)")
    if version_code() < 0x060200:
        missing("fields of kernel variables whose type is a typedef (6.1 has not)")
    with only("looks").load() as modules:
        modules.programs.looks.run(PACKET)
        lines = Path("/proc/kallsyms").read_text(errors="replace").splitlines()
        symbol = next(line for line in lines if line.split()[2:] == ["xt_recseq", "[x_tables]"])
        assert int(symbol.split()[0], 16) == modules.bss.address
        assert modules.data.sequence % 2 == 0, "an even number: nobody writes"


def test_types_that_only_a_module_has_are_found_by_core() -> None:
    needs_module("x_tables")
    table = decode(Path("/sys/kernel/btf/x_tables").read_bytes(), base=kernel_btf())
    assert kernel_btf().find("xt_table", BTFKind.STRUCT) is None
    type_id = table.find("xt_table", BTFKind.STRUCT)
    assert type_id
    struct = table[type_id]
    assert isinstance(struct, Struct)
    places = {member.name: member.bit_offset // 8 for member in struct.members}
    with only("knows").load() as modules:
        modules.programs.knows.run(PACKET)
        seen = modules.bss
        assert (seen.exists, modules.data.not_so) == (1, 0)
        assert seen.table_size == struct.size
        assert (seen.priority_at, seen.af_at) == (places["priority"], places["af"])
        assert seen.priority_at > seen.af_at, "they lie the other way round in the object"


def needs_conntrack() -> None:
    needs_module("nf_conntrack")
    table = decode(Path("/sys/kernel/btf/nf_conntrack").read_bytes(), base=kernel_btf())
    if table.find("bpf_ct_set_timeout", BTFKind.FUNC) is None:
        missing("functions of module nf_conntrack that make connections (6.0)")


def test_a_weak_function_of_a_module_is_there_once_the_module_is() -> None:
    needs_conntrack()
    if version_code() < 0x060400:  # 58aa2afbb1e6
        missing("addresses of kernel functions in programs (6.4)")
    modprobe("--remove", "nf_nat")
    if Path("/sys/module/nf_nat").exists():
        pytest.skip("module nf_nat is in use")
    with only("makes").load() as modules:
        assert modules.programs.makes.run(PACKET).return_value == 0
        assert modules.data.alloc_error == 0
        assert modules.data.set_nat == -1000, "it was not called"
        assert modules.bss.status
    needs_module("nf_nat")
    if "bpf_ct_set_nat_info" not in Path("/proc/kallsyms").read_text(errors="replace"):
        missing("functions of module nf_nat (6.1)")
    with only("makes").load() as modules:
        modules.programs.makes.run(PACKET)
        assert modules.data.set_nat == 0, "called, in another module than the rest"


def test_functions_of_modules_are_traced_by_name_and_with_their_module() -> None:
    needs_module("nf_conntrack")
    requires("tracing of functions (5.5)")
    with only("found_by_module", "found_by_name").load() as modules:
        with modules.attach():
            look_up()
        assert modules.bss.by_module == modules.bss.by_name > 0


def look_up() -> None:
    """Have nf_conntrack look for a connection."""
    from generated_fixtures.kfuncs_module_bpf import KfuncsModule

    with KfuncsModule.spec().load() as found:
        found.programs.looks_up.run(PACKET)


def test_a_function_is_not_looked_for_in_other_modules_than_the_one_named() -> None:
    needs_module("nf_nat")  # and what it needs, nf_conntrack
    with pytest.raises(FileNotFoundError, match=r"no function 'nf_conntrack_find_get'.*'nf_nat'"):
        only("not_in_that_module").load()


# ---- the module of these tests ----


@pytest.fixture(scope="module")
def our_module() -> Iterator[None]:
    path = os.environ.get("BPF2PY_TEST_MODULE")
    if not path:
        missing("module of the tests (BPF2PY_TEST_MODULE)")
    subprocess.run(["insmod", path], check=True, timeout=60)
    yield
    end = time.monotonic() + 30  # the kernel lets go of closed maps when it comes to it
    while subprocess.run(["rmmod", OUR_MODULE], capture_output=True, check=False).returncode:
        assert time.monotonic() < end, "nothing that the tests closed may hold the module"
        time.sleep(0.1)


@pytest.mark.usefixtures("our_module")
def test_a_struct_ops_of_a_module_is_registered_called_and_replaced() -> None:
    spec = ModuleOps.spec()
    spec.struct_ops.first.scale = 3
    with spec.load() as ops:
        asks = ops.programs.asks
        assert asks.call(Ask(number=7)).context.answer == -1
        with ops.maps.first.attach() as link:
            assert link.info().link_type == LinkType.STRUCT_OPS
            assert asks.call(Ask(number=7)).context.answer == 7 * 2 * 3
            with pytest.raises(FileExistsError):
                ops.maps.second.attach()
            link.update_map(ops.maps.second, expected=ops.maps.first)
            assert asks.call(Ask(number=7)).context.answer == -7 * 10
        assert asks.call(Ask(number=7)).context.answer == -1


@pytest.mark.usefixtures("our_module")
def test_a_function_of_a_modules_struct_ops_is_swapped_before_loading() -> None:
    spec = ModuleOps.spec()
    spec.maps.second.autocreate = False
    spec.struct_ops.first.answer = spec.programs.negates
    with spec.load() as ops:
        assert not ops.programs.doubles.loaded
        with ops.maps.first.attach():
            assert ops.programs.asks.call(Ask(number=7)).context.answer == -7


@pytest.mark.usefixtures("our_module")
def test_a_member_that_the_module_lacks_is_named() -> None:
    spec = ModuleOps.spec()
    assert not spec.maps.newer.autocreate, "as ?.struct_ops.link says"
    spec.maps.newer.autocreate = True
    with pytest.raises(NotSupportedError, match=r"'later' is set.*bpf2py_test_ops has none"):
        spec.load()
    spec.struct_ops.newer.later = None
    with spec.load() as ops, ops.maps.newer.attach():
        assert ops.programs.asks.call(Ask(number=7)).context.answer == 14


@pytest.mark.usefixtures("our_module")
def test_what_a_module_refuses_to_register_is_explained() -> None:
    spec = ModuleOps.spec()
    spec.struct_ops.first.scale = 0
    with spec.load() as ops, pytest.raises(OSError, match="a setting is not one it takes"):
        ops.maps.first.attach()


@pytest.mark.usefixtures("our_module")
def test_variables_types_and_functions_of_the_module_are_found() -> None:
    with ModuleOps.spec().load() as ops:
        told = ops.programs.asks.call(Ask(number=7)).context
        assert told.later == -7, "the second version is not the module's"
        assert (ops.bss.counter, ops.bss.third) == (42, 3)
        assert ops.bss.third_at == 20


@pytest.mark.usefixtures("our_module")
def test_a_function_of_the_module_is_traced() -> None:
    requires("tracing of functions (5.5)")
    spec = ModuleOps.spec()
    spec.programs.traces.autoload = True
    with spec.load() as ops, ops.programs.traces.attach():
        ops.programs.asks.call(Ask(number=7))
        assert ops.bss.traced == 1


@pytest.mark.usefixtures("our_module")
def test_a_module_cannot_go_while_its_struct_ops_is_loaded() -> None:
    with ModuleOps.spec().load():
        refused = subprocess.run(["rmmod", OUR_MODULE], capture_output=True, check=False)
        assert refused.returncode != 0
