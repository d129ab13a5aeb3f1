"""All answers at once, as plain data: what ``bpf2py features`` prints."""

from __future__ import annotations

import enum
import os
from collections.abc import Callable, Mapping
from typing import Literal, TypeAlias, TypeVar

from ...asm.cpu import FAMILIES
from ...records import dataclass, field
from ...uapi import HELPER_NAMES, LinkType, MapFlags, MapType, ProgType
from ..errors import InconclusiveError, NotSupportedError
from .config import kernel_config, sysctls
from .instructions import (
    cpu_version,
    has_bounded_loops,
    has_instructions,
    has_large_programs,
)
from .kfuncs import kfuncs
from .links import has_link_type, has_session
from .maps import has_map_flag, has_map_type
from .programs import WITHOUT_HELPERS, has_helper, has_program_type
from .types import has_btf

_T = TypeVar("_T")
_E = TypeVar("_E", bound=enum.IntEnum)
#: Yes, no, or could not tell; why not is in :attr:`Report.unknown`.
Answer: TypeAlias = Literal["yes", "no", "unknown"]


@dataclass(slots=True, kw_only=True)
class Report:
    """What this kernel can do, as this process may find out."""

    kernel: str
    machine: str
    program_types: dict[str, Answer] = field(default_factory=dict[str, Answer])
    map_types: dict[str, Answer] = field(default_factory=dict[str, Answer])
    link_types: dict[str, Answer] = field(default_factory=dict[str, Answer])
    btf: dict[str, Answer] = field(default_factory=dict[str, Answer])
    #: Flags of maps, each asked of the type of map that it came with.
    map_flags: dict[str, Answer] = field(default_factory=dict[str, Answer])
    #: Families of instructions, finer than versions of ``-mcpu``.
    instructions: dict[str, Answer] = field(default_factory=dict[str, Answer])
    #: ``bounded_loops``, ``large_programs`` (beyond 4096 instructions), ``kprobe_session``,
    #: ``uprobe_session``.
    misc: dict[str, Answer] = field(default_factory=dict[str, Answer])
    #: The highest ``-mcpu`` version; ``None`` if that could not be told.
    cpu_version: int | None = None
    #: Per program type, the names of the helpers it has, without ``bpf_``.
    helpers: dict[str, list[str]] = field(default_factory=dict[str, list[str]])
    #: Names of kfuncs; ``None`` if that could not be told.
    kfuncs: list[str] | None = None
    #: Settings of the running kernel (sysctls); ``None`` for one that could not be read.
    settings: dict[str, int | None] = field(default_factory=dict[str, "int | None"])
    #: Options it was built with, ``None`` for one not set; ``None`` if its configuration is not shown.
    config: dict[str, str | None] | None = None
    #: What could not be told, and why.
    unknown: dict[str, str] = field(default_factory=dict[str, str])

    @property
    def sections(self) -> Mapping[str, Mapping[str, Answer]]:
        """The parts that are yes or no, by title."""
        return {
            "Program types": self.program_types,
            "Map types": self.map_types,
            "Map flags": self.map_flags,
            "Link types": self.link_types,
            "BTF": self.btf,
            "Instructions": self.instructions,
            "Misc": self.misc,
        }


#: What is yes or no, and no type.
_MISC: dict[str, Callable[[], bool]] = {
    "bounded_loops": has_bounded_loops,
    "large_programs": has_large_programs,
    "kprobe_session": lambda: has_session(LinkType.KPROBE_MULTI),
    "uprobe_session": lambda: has_session(LinkType.UPROBE_MULTI),
}
#: Flags that mean the same for all kinds of calls say nothing of maps.
_FLAGS_OF_CALLS = ("PATH_FD", "VTYPE_BTF_OBJ_FD", "TOKEN_FD")


def report(*, helpers: bool = True, refused: Answer = "unknown") -> Report:
    """Ask everything; without *helpers*, which are some thousand system calls, a few hundred.

    Nothing is raised for what cannot be told: it is ``"unknown"``, with the reason in
    :attr:`Report.unknown`.  What this process may not do is *refused*: ``"no"`` makes it a
    report of what this user can do, not of what the kernel can.
    """
    from ...btf.sanitize import BTFFeature

    kernel = os.uname()
    made = Report(kernel=kernel.release, machine=kernel.machine)

    def ask(
        kind: str, question: Callable[[_T], bool], names: Mapping[str, _T]
    ) -> dict[str, Answer]:
        answers: dict[str, Answer] = {}
        for name, each in names.items():
            try:
                answers[name] = "yes" if question(each) else "no"
            except (InconclusiveError, NotSupportedError) as exc:
                if isinstance(exc.__cause__, PermissionError) and refused != "unknown":
                    answers[name] = refused
                    continue
                made.unknown[f"{kind} {name}"] = str(exc)
                answers[name] = "unknown"
        return answers

    made.program_types = ask("program type", has_program_type, _members(ProgType))
    made.map_types = ask("map type", has_map_type, _members(MapType))
    flags = {flag.name or "": flag for flag in MapFlags if flag.name not in _FLAGS_OF_CALLS}
    made.map_flags = ask("map flag", has_map_flag, flags)
    made.link_types = ask("link type", has_link_type, _members(LinkType))
    made.btf = ask("BTF", has_btf, dict(BTFFeature.__members__))
    made.instructions = ask("instructions", has_instructions, {name: name for name in FAMILIES})
    made.misc = ask("misc", lambda question: question(), _MISC)
    made.settings = sysctls()
    try:
        made.config = kernel_config()
    except OSError as exc:
        made.unknown["config"] = str(exc)
    try:
        made.cpu_version = cpu_version()
    except InconclusiveError as exc:
        made.unknown["cpu version"] = str(exc)
    try:
        made.kfuncs = sorted(kfuncs())
    except (InconclusiveError, NotSupportedError) as exc:
        made.unknown["kfuncs"] = str(exc)
    if helpers:
        for prog_type in ProgType:
            if prog_type in WITHOUT_HELPERS:
                made.unknown[f"helpers of {prog_type.name}"] = (
                    "such a program cannot be loaded without its target"
                )
            elif made.program_types.get(prog_type.name) == "yes":
                made.helpers[prog_type.name] = [
                    name
                    for number, name in enumerate(HELPER_NAMES)
                    if number and has_helper(prog_type, number)
                ]
    return made


def _members(cls: type[_E]) -> dict[str, _E]:
    return {each.name: each for each in cls if each.name != "UNSPEC"}
