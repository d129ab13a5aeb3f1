"""``[tool.bpf2py]`` of ``pyproject.toml`` as values.

In: a path.  Out: a :class:`Project`; :class:`ConfigError` names the key that is wrong and what is
allowed.  Paths stay as written, relative to the file's folder.  A key in ``[tool.bpf2py]`` holds
for every target; a target replaces it, and adds to ``cflags`` and ``includes``.  Without
``targets`` the table is itself the one target.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ..records import dataclass
from .errors import ConfigError
from .variants import ARCHS, CPUS, TARGETS

_FILE = "pyproject.toml"

#: Key, and what kind of value it has.
_COMMON = {
    "clang": "a string",
    "cflags": "a list of strings",
    "includes": "a list of strings",
    "target": "a string or a list of strings",
    "arch": "a string or a list of strings",
    "cpu": "a string or a list of strings",
    "vmlinux": "true or false",
    "vendor": "true or false",
    "strip-enum-prefix": "true or false",
    "sidecar": "true or false",
    "kernels": "a string",
    "object-dir": "a string",
    "output-dir": "a string",
}
_OF_A_TARGET = {
    "sources": "a list of strings",
    "objects": "a list of strings",
    "types": "a list of strings",
    "events": "a table of strings",
    "views": "a table of strings",
    "bytes": "a list of strings",
    "class": "a string",
    "contexts": "true or false",
    "constants": "a list of strings",
    "as-one": "a string",
    "link": "a string",
    "sections": "a table of strings",
}
_OF_THE_PROJECT = {"typecheck": "true or false", "targets": "a list of tables"}

#: Keys that take one of a few words.
_CHOICES = {"target": TARGETS, "arch": ARCHS, "cpu": CPUS}

#: What a target adds to, instead of replacing it.
_ADDED = ("cflags", "includes")

#: Keys that Python or a dataclass has other names for.
_FIELDS = {"bytes": "as_bytes", "class": "class_name"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """Sources or objects that are made in the same way; the defaults are those of the command."""

    sources: tuple[str, ...] = ()
    objects: tuple[str, ...] = ()
    clang: str = ""
    cflags: tuple[str, ...] = ()
    includes: tuple[str, ...] = ()
    target: tuple[str, ...] = ()
    arch: tuple[str, ...] = ()
    cpu: tuple[str, ...] = ()
    vmlinux: bool = False
    vendor: bool = False
    sidecar: bool = False
    kernels: str = ""
    object_dir: str = ""
    output_dir: str = ""
    types: tuple[str, ...] = ()
    events: tuple[tuple[str, str], ...] = ()
    views: tuple[tuple[str, str], ...] = ()
    as_bytes: tuple[str, ...] = ()
    strip_enum_prefix: bool = False
    class_name: str = ""
    contexts: bool = False
    constants: tuple[str, ...] = ()
    as_one: str = ""
    link: str = ""
    sections: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Project:
    """A ``pyproject.toml`` with ``[tool.bpf2py]``; ``root`` is its folder."""

    file: Path
    targets: tuple[Target, ...]
    typecheck: bool = False

    @property
    def root(self) -> Path:
        """What the paths of the targets are relative to."""
        return self.file.parent


def find(start: Path) -> Path:
    """The nearest ``pyproject.toml`` with ``[tool.bpf2py]``, from *start* upwards."""
    start = start.absolute()
    for folder in (start, *start.parents):
        file = folder / _FILE
        if file.is_file() and _table(file) is not None:
            return file
    raise ConfigError(
        f"no {_FILE} with [tool.bpf2py] in {start} or above",
        hint="name the objects (bpf2py gen FILE.o), or describe them in [tool.bpf2py]",
    )


def load(file: Path) -> Project:
    """The project that *file* describes; :class:`ConfigError` if it does not, or wrongly."""
    file = file.absolute()
    table = _table(file)
    if table is None:
        raise ConfigError(f"{file}: there is no [tool.bpf2py]")
    reader = _Reader(file)
    if "targets" not in table:
        common = reader.values(table, "tool.bpf2py", _COMMON | _OF_A_TARGET | _OF_THE_PROJECT)
        typecheck = common.pop("typecheck", False)
        return Project(
            file=file, targets=(reader.target(common, "tool.bpf2py"),), typecheck=typecheck
        )
    for key in _OF_A_TARGET.keys() & table.keys():
        raise reader.error(f"tool.bpf2py.{key}", "belongs into one of [[tool.bpf2py.targets]]")
    common = reader.values(table, "tool.bpf2py", _COMMON | _OF_THE_PROJECT)
    typecheck = common.pop("typecheck", False)
    targets: list[Target] = []
    for number, each in enumerate(common.pop("targets")):
        where = f"tool.bpf2py.targets[{number}]"
        own = reader.values(each, where, _COMMON | _OF_A_TARGET)
        for key in _ADDED:
            if key in common and key in own:
                own[key] = common[key] + own[key]
        targets.append(reader.target(common | own, where))
    return Project(file=file, targets=tuple(targets), typecheck=typecheck)


def _table(file: Path) -> Mapping[str, Any] | None:
    """``[tool.bpf2py]`` of *file*, ``None`` if it has none."""
    import tomllib

    try:
        tool: Any = tomllib.loads(file.read_text(encoding="utf-8")).get("tool", {})
    except ValueError as error:  # TOML or UTF-8
        raise ConfigError(f"{file}: {error}") from error
    table: Any = tool.get("bpf2py") if hasattr(tool, "get") else None
    if table is not None and not hasattr(table, "get"):
        raise ConfigError(f"{file}: tool.bpf2py: a table is wanted")
    found: Mapping[str, Any] | None = table
    return found


def _fits(value: Any, kind: str) -> bool:
    """Whether a value that TOML gave is of a kind."""
    match kind:
        case "a string" | "true or false":
            return type(value) is (str if kind == "a string" else bool)
        case "a table of strings":
            return hasattr(value, "values") and all(type(each) is str for each in value.values())
        case _:
            if type(value) is str and kind == "a string or a list of strings":
                return True
            wanted = dict if kind == "a list of tables" else str
            return hasattr(value, "append") and all(type(each) is wanted for each in value)


class _Reader:
    """Checks values; every complaint names the file and the key."""

    def __init__(self, file: Path) -> None:
        self._file = file

    def error(self, where: str, message: str, *, hint: str = "") -> ConfigError:
        return ConfigError(f"{self._file}: {where} {message}", hint=hint)

    def values(
        self, table: Mapping[str, Any], where: str, allowed: Mapping[str, str]
    ) -> dict[str, Any]:
        """The table's values by key, lists and tables as tuples."""
        found: dict[str, Any] = {}
        for key, value in table.items():
            if key not in allowed:
                import difflib

                close = difflib.get_close_matches(key, allowed, 1)
                meant = f" (did you mean {close[0]!r}?)" if close else ""
                raise self.error(
                    f"{where}.{key}", f"is not known{meant}", hint=f"allowed: {', '.join(allowed)}"
                )
            found[key] = self._value(f"{where}.{key}", value, allowed[key])
            choices = _CHOICES.get(key)
            if choices and not set(found[key]) <= set(choices):
                raise self.error(
                    f"{where}.{key}", f"is {value!r}", hint=f"allowed: {', '.join(choices)}"
                )
        return found

    def _value(self, where: str, value: Any, kind: str) -> Any:
        if not _fits(value, kind):
            raise self.error(where, f"must be {kind}, and is {value!r}")
        if kind == "a table of strings":
            return tuple(value.items())
        if type(value) is str:
            return (value,) if "list" in kind else value
        return tuple(value) if "list" in kind else value

    def target(self, values: Mapping[str, Any], where: str) -> Target:
        """The target that these checked values describe."""
        given = [key for key in ("sources", "objects") if values.get(key)]
        if len(given) != 1:
            raise self.error(
                where,
                "has both sources and objects" if given else "has neither sources nor objects",
                hint="sources are compiled; objects are taken as they lie there",
            )
        if values.get("constants") and not values.get("sources"):
            raise self.error(
                where,
                "has constants, but no sources",
                hint="an object has no macros: the compiler is asked for them",
            )
        if values.get("as-one") and given == ["sources"]:
            raise self.error(
                where,
                "has sources: as-one is for objects",
                hint="say several of target, arch, cpu: a source and its variants are one module",
            )
        if values.get("link"):
            self._require_linkable(values, where)
        return Target(
            **{_FIELDS.get(key, key.replace("-", "_")): value for key, value in values.items()}
        )

    def _require_linkable(self, values: Mapping[str, Any], where: str) -> None:
        if values.get("as-one"):
            raise self.error(
                where,
                "has both link and as-one",
                hint="as-one is for variants of one source, link for the parts of one program",
            )
        if several := [key for key in ("target", "arch", "cpu") if len(values.get(key, ())) > 1]:
            raise self.error(
                where,
                f"has link and several of {several[0]}",
                hint="give each its own table, with link and an object-dir, and make one module "
                "of the objects by as-one",
            )
        if not values["link"].replace("-", "_").isidentifier():
            raise self.error(f"{where}.link", f"is {values['link']!r}, and must be a name")
