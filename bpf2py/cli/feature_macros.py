"""What the kernel can do, as C macros: a header to compile programs with.

In: a ``Report``.  Out: lines of C.  Names that ``bpftool feature probe macros`` has are the same
here: ``HAVE_…`` if it is there, ``NO_HAVE_…`` if not; neither if that could not be told.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from ..runtime.probes import Answer, Report
from ..uapi import HELPER_NAMES

#: Of instructions: the version of ``-mcpu``, and the families that came with it.
_ISA = {2: ("jlt",), 3: ("jmp32", "atomics"), 4: ("movsx", "ldsx", "bswap", "gotol", "sdiv")}
_MISC = {
    "large_programs": "LARGE_INSN_LIMIT",
    "bounded_loops": "BOUNDED_LOOPS",
    "kprobe_session": "KPROBE_SESSION",
    "uprobe_session": "UPROBE_SESSION",
}


def macros(found: Report, prefix: str = "") -> Iterable[str]:
    """The header; *prefix* goes before every name."""

    def section(title: str, answers: Mapping[str, Answer], suffix: str = "") -> Iterable[str]:
        yield f"\n/*** {title} ***/"
        for name, answer in answers.items():
            macro = f"HAVE_{name.removesuffix('_DEPRECATED').upper()}{suffix}"
            if answer == "unknown":
                yield f"/* {prefix}{macro}: could not tell */"
            else:
                yield f"#define {prefix}{'' if answer == 'yes' else 'NO_'}{macro}"

    yield f"/* Linux {found.kernel}, {found.machine} */"
    yield "\n/*** Kernel configuration ***/"
    if found.config is None:
        yield "/* could not tell */"
    else:
        for name, value in found.config.items():
            if value is not None and value not in ("y", "m") and value.isdigit():
                yield f"#define {prefix}{name} {value}"
    yield from section("System call", {"BPF_SYSCALL": _has_syscall(found)})
    yield from section("Program types", found.program_types, "_PROG_TYPE")
    yield from section("Map types", found.map_types, "_MAP_TYPE")
    yield from section("Map flags", found.map_flags, "_MAP_FLAG")
    yield from section("Link types", found.link_types, "_LINK_TYPE")
    yield from section("BTF", found.btf, "_BTF")
    yield from section("Instructions", {f"V{v}_ISA_EXTENSION": _isa(found, v) for v in _ISA})
    yield from section("Misc", {_MISC[name]: answer for name, answer in found.misc.items()})
    yield "\n/*** Helpers ***/"
    yield f"/* #if {prefix}HAVE_PROG_TYPE_HELPER(xdp, bpf_redirect) */"
    yield f"#define {prefix}HAVE_PROG_TYPE_HELPER(prog_type, helper) \\"
    yield f"\t{prefix}BPF__PROG_TYPE_ ## prog_type ## __HELPER_ ## helper"
    for prog_type, names in found.helpers.items():
        there = set(names)
        for name in HELPER_NAMES[1:]:
            macro = f"{prefix}BPF__PROG_TYPE_{prog_type.lower()}__HELPER_bpf_{name}"
            yield f"#define {macro} {int(name in there)}"


def _has_syscall(found: Report) -> Answer:
    """A kernel without bpf(2) has nothing of it."""
    answers = {*found.program_types.values(), *found.map_types.values()}
    return "yes" if "yes" in answers else "unknown" if "unknown" in answers else "no"


def _isa(found: Report, version: int) -> Answer:
    answers = {found.instructions[family] for family in _ISA[version]}
    return "no" if "no" in answers else "unknown" if "unknown" in answers else "yes"
