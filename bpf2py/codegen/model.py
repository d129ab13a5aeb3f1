"""What the templates see: every decision is made, every piece of source is text.

In: nothing; ``describe`` makes these.  Out: nothing; ``render`` lays them out.  Strings named
``…_name``, ``annotation``, ``codec`` and ``expression`` are Python source; the ones called
``c_name``, ``section`` and the like come from the object and reach source through ``py`` only.
"""

from __future__ import annotations

from ..records import dataclass


@dataclass(frozen=True, slots=True)
class EnumModel:
    template = "enum.py.j2"
    name: str
    doc: str
    #: Whether it is a set of flags.
    flags: bool
    #: (Python name, number), as in C.
    members: tuple[tuple[str, int], ...]


@dataclass(frozen=True, slots=True)
class FieldModel:
    """One line of a class body, comments above it, and the comment behind it with its ``#``."""

    code: str
    above: tuple[str, ...] = ()
    after: str = ""


@dataclass(frozen=True, slots=True)
class StructModel:
    template = "struct.py.j2"
    name: str
    doc: str
    size: int
    decorator: str
    fields: tuple[FieldModel, ...]
    #: Members of anonymous unions, as attributes of the struct.
    forwards: tuple[FieldModel, ...]
    #: (Python name, annotation): what the constructor takes where there are forwards, the fields
    #: and then those.
    parameters: tuple[tuple[str, str], ...]
    keywords: tuple[tuple[str, str], ...]
    #: Comments about members that come after the last field and are not in the class.
    notes: tuple[str, ...]
    #: A key that is no plain tuple of hashable values is hashed by its bytes.
    hash_by_bytes: bool
    #: (Python name, offset in bytes, codec).
    layout: tuple[tuple[str, int, str], ...]
    #: Size and layout on other machines, per layout of the module; empty if they are the same.
    elsewhere: tuple[tuple[int, tuple[tuple[str, int, str], ...]], ...] = ()


@dataclass(frozen=True, slots=True)
class UnionModel:
    template = "union.py.j2"
    name: str
    doc: str
    size: int
    members: tuple[FieldModel, ...]
    notes: tuple[str, ...]
    #: Whether a map has such keys; those are hashed by their bytes.
    is_key: bool
    #: (Python name, annotation): what the constructor takes one of.
    keywords: tuple[tuple[str, str], ...]
    #: How the class says ``bytes`` and ``None``.
    bytes_name: str
    #: (Python name, offset in bytes, codec).
    layout: tuple[tuple[str, int, str], ...]
    #: The size as an expression: it may be another on other machines.
    size_expression: str


@dataclass(frozen=True, slots=True)
class MapModel:
    name: str
    c_name: str
    class_name: str
    key_size: int
    value_size: int
    #: What the class is made with: the map's handle and codecs.
    arguments: tuple[str, ...]
    #: The map that counts what found no room in this one.
    counter: str
    #: The same text for the indent of a loaded map, and of its spec.
    doc: str
    spec_doc: str


@dataclass(frozen=True, slots=True)
class ProgramModel:
    name: str
    c_name: str
    class_name: str
    doc: str
    spec_doc: str


@dataclass(frozen=True, slots=True)
class VariableModel:
    name: str
    codec: str
    offset: int
    doc: str


@dataclass(frozen=True, slots=True)
class SectionModel:
    """A data section: its class before loading and after."""

    attribute: str
    section: str
    #: What docstrings call it.
    title: str
    #: The key of the map that holds it.
    map_name: str
    spec_name: str
    name: str
    #: What its variables are after loading: ``Constant`` or ``Variable``.
    after_loading: str
    variables: tuple[VariableModel, ...]
    notes: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class FunctionModel:
    """A function pointer in a struct_ops."""

    name: str
    c_name: str
    doc: str


@dataclass(frozen=True, slots=True)
class OperationsModel:
    """A struct_ops map before loading."""

    attribute: str
    c_name: str
    class_name: str
    #: The C name of the struct.
    struct: str
    settings: tuple[VariableModel, ...]
    functions: tuple[FunctionModel, ...]


@dataclass(frozen=True, slots=True)
class ObjectNames:
    """The classes of the object itself."""

    object: str
    spec: str
    maps: str
    map_specs: str
    programs: str
    program_specs: str
    struct_ops_specs: str


@dataclass(frozen=True, slots=True)
class VariantModel:
    """One object of the module: the function that describes it."""

    function: str
    doc: str
    file_name: str
    digest: str
    byte_order: str
    arch: str
    cpu: int
    needs: tuple[str, ...]
    #: The spec as an expression; or, if that is empty, the statements that make it of the first.
    expression: str
    changes: tuple[str, ...] = ()

    @property
    def uses_data(self) -> bool:
        """Whether any of it stands in the file beside the module."""
        return any("data[" in each for each in (self.expression, *self.changes))


@dataclass(frozen=True, slots=True)
class SidecarModel:
    """The file beside the module that has its bytes."""

    name: str
    digest: str
    data: bytes


@dataclass(frozen=True, slots=True)
class ModuleModel:
    """A whole module."""

    file_name: str
    format: int
    #: Per layout, its digest, and the names of the machines that have it.
    layout_digests: tuple[str, ...]
    machines: tuple[tuple[str, ...], ...]
    #: Rules of linters that C names break.
    lint_exceptions: tuple[str, ...]
    #: Modules of the standard library, and of bpf2py, that the text uses.
    standard: tuple[str, ...]
    package: str
    parts: tuple[str, ...]
    #: ``codec``, if it is used.
    codec_modules: tuple[str, ...]
    types: tuple[EnumModel | StructModel | UnionModel, ...]
    names: ObjectNames
    maps: tuple[MapModel, ...]
    programs: tuple[ProgramModel, ...]
    #: Data sections: those the user can change before loading, and all of them.
    spec_sections: tuple[SectionModel, ...]
    sections: tuple[SectionModel, ...]
    #: The struct_ops maps.
    operations: tuple[OperationsModel, ...]
    #: Python name and C name, where they differ.
    map_names: dict[str, str]
    program_names: dict[str, str]
    #: The objects: one, or for each machine from the oldest CPU version to the newest.
    variants: tuple[VariantModel, ...]
    sidecar: SidecarModel | None
