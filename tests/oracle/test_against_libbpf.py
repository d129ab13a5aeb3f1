"""Every CO-RE test object, relocated for five kernels by libbpf and by us: the same bytes."""

from __future__ import annotations

from pathlib import Path

import pytest

from bpf2py.btf import decode
from bpf2py.btf.core import Relocator
from bpf2py.elf import read_object_file
from bpf2py.runtime.kernel_btf import kernel_btf
from bpf2py.spec import ObjectSpec, ProgramSpec

from ..core.trim import FOLDER, objects
from . import Kernel, require_libbpf, run_libbpf
from .traces import unhex

RUNNING = "the running kernel"
KERNELS = (RUNNING, *sorted(path.stem for path in FOLDER.glob("*.btf")))
#: What libbpf refuses altogether, so that it has no instructions to compare.
REFUSED_BY_LIBBPF = {"top_bit"}


def without_maps(insns: bytes, program: ProgramSpec) -> bytes:
    """Instructions with what libbpf writes into the loads of maps taken out."""
    masked = bytearray(insns)
    for relocation in program.map_relocations:
        at = 8 * relocation.insn
        masked[at + 1] &= 0x0F
        masked[at + 4 : at + 8] = masked[at + 12 : at + 16] = bytes(4)
    return bytes(masked)


class LibbpfRefused(Exception):
    """libbpf found a record it could not honour; its messages are the text."""


def relocated_by_libbpf(
    object_file: Path, btf: Path | None, programs: tuple[str, ...] = ()
) -> dict[str, bytes]:
    """Program name to instructions, after libbpf relocated them, without asking the kernel.

    *btf* is another kernel's BTF instead of the running one's; *programs* are looked at although
    their sections say they are not to be loaded.  Raises LibbpfRefused.
    """
    require_libbpf()
    (trace,) = run_libbpf([object_file], kernel=Kernel.NONE, btf=btf, programs=programs)[1]
    if any("failed to perform CO-RE relocations" in line for line in trace.says):
        raise LibbpfRefused("\n".join(trace.says))
    assert trace.outcome == "loaded", (trace.outcome, trace.reason, trace.says)
    loaded = {name for name, flag in trace.lines["autoload"] if flag == "1" or name in programs}
    return {words[0]: unhex(words[4]) for words in trace.lines["program"] if words[0] in loaded}


def relocated_by_us(spec: ObjectSpec, btf: Path | None) -> dict[str, bytes]:
    target = kernel_btf() if btf is None else decode(btf.read_bytes())
    relocator = Relocator(decode(spec.btf), target)
    found = {}
    for name, program in spec.programs.items():
        insns = bytearray(program.insns)
        relocator.relocate(insns, program.core_relocations, program=name)
        found[name] = without_maps(bytes(insns), program)
    return found


@pytest.mark.parametrize("kernel", KERNELS)
@pytest.mark.parametrize("path", objects(), ids=lambda path: path.name)
def test_libbpf_writes_the_same_instructions(path: Path, kernel: str) -> None:
    spec = read_object_file(path)
    btf = None if kernel == RUNNING else FOLDER / f"{kernel}.btf"
    names = tuple(sorted(spec.programs.keys() - REFUSED_BY_LIBBPF))
    theirs = relocated_by_libbpf(path, btf, names)
    ours = relocated_by_us(spec, btf)
    assert theirs.keys() == set(names)
    for name in names:
        program = spec.programs[name]
        assert ours[name] == without_maps(theirs[name], program), name
        assert ours[name] != without_maps(program.insns, program) or not program.core_relocations


def test_there_are_kernels_and_objects_to_compare() -> None:
    assert len(KERNELS) >= 5
    assert len(objects()) >= 5


def test_an_unsigned_enum_that_libbpf_refuses_is_relocated_right() -> None:
    (path,) = [path for path in objects() if path.name == "core_enums.bpf.o"]
    btf = FOLDER / "debian-6.12.btf"
    with pytest.raises(
        LibbpfRefused, match="unexpected insn #0 \\(LDIMM64\\) value: got 2147483648"
    ):
        relocated_by_libbpf(path, btf, ("top_bit",))
    insns = relocated_by_us(read_object_file(path), btf)["top_bit"]
    # BPF_MAP_CREATE is 0.
    assert insns[4:8] + insns[12:16] == bytes(8)
