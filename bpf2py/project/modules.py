"""Objects' bytes become the text of their module; modules are type-checked.

In: bytes, names, options.  Out: text, and bytes for a file beside it.  Nothing is written.
"""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from ..records import dataclass
from . import kept, output, variants
from .folders import cache_folder
from .variants import Build

if TYPE_CHECKING:
    from ..codegen.variants import Source
    from ..spec import ObjectSpec

#: The structs whose members are an architecture's registers.
_REGISTERS = ("pt_regs", "user_pt_regs")


def module_name(file: Path) -> str:
    """The module's name for an object file: ``open-snoop.bpf.o`` gives ``open_snoop_bpf``."""
    stem = file.name.removesuffix(".o").removesuffix(".bpf")
    name = "".join(c if c == "_" or (c.isascii() and c.isalnum()) else "_" for c in stem) + "_bpf"
    return name if name.isidentifier() else "_" + name


@dataclass(frozen=True, slots=True, kw_only=True)
class ObjectFile:
    """A compiled object, and what is said about it.

    ``arch`` is ``__TARGET_ARCH_x``; with ``if_read`` it counts only if the object knows registers
    at all.  ``cpu`` is the version it was compiled for, 0 if its instructions shall tell.
    """

    name: str
    data: bytes
    arch: str = ""
    cpu: int = 0
    if_read: bool = False

    @classmethod
    def at(cls, path: Path, arch: str = "") -> ObjectFile:
        """The file at *path*; what is not said is taken from its name."""
        return cls(
            name=path.name,
            data=path.read_bytes(),
            arch=arch or variants.arch_in_name(path),
            cpu=variants.version_in_name(path),
        )

    @classmethod
    def built(cls, name: str, data: bytes, build: Build, arch: str) -> ObjectFile:
        """What *build* gave, compiled for *arch*.

        An architecture that the user did not ask for matters only where registers are read: other
        programs run everywhere.
        """
        return cls(name=name, data=data, arch=arch, cpu=build.version, if_read=not build.arch)


@dataclass(frozen=True, slots=True)
class Generated:
    """A module: its text, and the file beside it with its name, if there is one."""

    text: str
    sidecar: tuple[str, bytes] | None = None

    def encode(self) -> bytes:
        """All of it, for :meth:`decode`."""
        name, data = self.sidecar or ("", b"")
        text = self.text.encode()
        return b"%d %s\n%s%s" % (len(text), name.encode(), text, data)

    @classmethod
    def decode(cls, data: bytes) -> Generated:
        """What :meth:`encode` made the bytes of."""
        head, _, rest = data.partition(b"\n")
        size, _, name = head.decode().partition(" ")
        text = rest[: int(size)].decode()
        return cls(text, (name, rest[int(size) :]) if name else None)

    def bytes_beside(self, module: Path) -> dict[Path, bytes]:
        """The file beside *module*."""
        return {module.with_name(self.sidecar[0]): self.sidecar[1]} if self.sidecar else {}

    def left_beside(self, module: Path) -> list[Path]:
        """The file that the module now at *module* has beside it, and this one has not."""
        beside = module.with_suffix(".bin")
        if self.sidecar or not beside.exists():
            return []
        try:
            before = module.read_text(encoding="utf-8")
        except (OSError, ValueError):
            return []
        ours = output.MARK in before and f'"{beside.name}"' in before
        return [beside] if ours else []


def generated(
    objects: Sequence[ObjectFile],
    *,
    module: Path,
    name: str = "",
    vendored: bool = False,
    sidecar: bool = False,
    class_name: str = "",
    types: Sequence[str] = (),
    events: Mapping[str, str] = MappingProxyType({}),
    views: Mapping[str, str] = MappingProxyType({}),
    as_bytes: Sequence[str] = (),
    contexts: bool = False,
    constants: Mapping[str, int | float | str] = MappingProxyType({}),
    strip_enum_prefix: bool = False,
    sections: Mapping[str, str] = MappingProxyType({}),
) -> Generated:
    """The module of *objects*, which are one or are together called *name*, to lie at *module*.

    *vendored* beside a runtime's copy, with *sidecar* beside a file with its binary part.
    *sections* are section names of one's own, as ``elf.own_sections`` takes them.
    """
    package = "bpf2py"
    if vendored:
        from ..codegen import vendor

        package = vendor.import_name(module.parent)
    options = dict[str, Any](
        file_name=f"{name}.bpf.o" if name else objects[0].name,
        class_name=class_name,
        package=package,
        types=tuple(types),
        events=dict(events),
        views=dict(views),
        as_bytes=tuple(as_bytes),
        contexts=contexts,
        constants=dict(constants),
        strip_enum_prefix=strip_enum_prefix,
        sidecar=f"{module.stem}.bin" if sidecar else "",
    )
    key = kept.key(name, sorted(options.items()), list(sections.items()), *objects)
    if (known := kept.load(key)) is not None:
        return Generated.decode(known)
    made = _made(objects, name, options, sections)
    kept.save(key, made.encode())
    return made


def linked(name: str, parts: Sequence[ObjectFile]) -> ObjectFile:
    """One object, NAME.bpf.o, of *parts*; they are for one architecture, or say nothing of it.

    Raises :class:`~bpf2py.elf.ObjectError` for parts that do not fit each other.
    """
    from ..elf import ObjectError, link_objects

    archs = {part.arch for part in parts if part.arch}
    if len(archs) > 1:
        raise ObjectError(f"{name}: parts for {' and '.join(sorted(archs))} cannot be linked")
    return ObjectFile(
        name=f"{name}.bpf.o",
        data=link_objects([(part.name, part.data) for part in parts]),
        arch="".join(archs),
        if_read=all(part.if_read for part in parts if part.arch),
    )


def _made(
    objects: Sequence[ObjectFile], name: str, options: dict[str, Any], sections: Mapping[str, str]
) -> Generated:
    # imported here: most of what a command costs that finds nothing new
    from ..codegen import CodegenError, Options, render
    from ..codegen.variants import Source, describe_variants
    from ..elf import own_sections, read_object
    from ..elf.errors import damage_of

    if not all(c.isalnum() or c in "_-" for c in name):
        raise CodegenError(f"{name!r} cannot be what several objects are called together")
    rows = own_sections(sections)
    sources: list[Source] = []
    for each in objects:
        spec = read_object(each.data, name=each.name, sections=rows)
        spec.name = name or spec.name
        if each.arch and (not each.if_read or _knows_registers(spec)):
            spec.arch = each.arch
        sources.append(Source(spec=spec, file_name=each.name, cpu=each.cpu))
    try:
        with damage_of(", ".join(each.name for each in objects)):
            model = describe_variants(sources, Options(**options))
    except CodegenError as error:
        if len(objects) > 1:  # it names those that it is about
            raise
        raise CodegenError(f"{options['file_name']}: {error}", hint=error.hint) from error
    beside = (model.sidecar.name, model.sidecar.data) if model.sidecar else None
    return Generated(render(model), beside)


def _knows_registers(spec: ObjectSpec) -> bool:
    """Whether the C source had the registers of an architecture: what BPF_KPROBE and such read."""
    from .. import btf
    from ..uapi import BTFKind

    if not spec.btf:
        return False
    table = btf.decode(spec.btf)
    return any(table.find(name, BTFKind.STRUCT) for name in _REGISTERS)


def typecheck(modules: Iterable[Path]) -> tuple[list[Path], str]:
    """Run ``mypy --strict``, once per directory: the modules it is content with, its findings.

    No configuration file is read: the modules shall be clean in anybody's project.
    """
    import subprocess

    if importlib.util.find_spec("mypy") is None:
        raise ModuleNotFoundError("mypy is not installed", name="mypy")
    cache = cache_folder() / "mypy"
    by_directory: dict[Path, list[Path]] = {}
    for module in modules:
        by_directory.setdefault(module.parent, []).append(module)
    content: list[Path] = []
    findings = ""
    for paths in by_directory.values():
        mypy = [sys.executable, "-m", "mypy", "--strict", "--config-file=", "--no-error-summary"]
        result = subprocess.run(
            [*mypy, f"--cache-dir={cache}", *map(str, paths)],
            capture_output=True,
            text=True,
            check=False,
        )
        if result.returncode:
            findings += result.stdout + result.stderr
        else:
            content += paths
    return content, findings
