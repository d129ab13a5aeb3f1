"""The model of a module: what a spec comes to in Python.  The templates lay it out; so may you.

In: nothing; ``describe`` makes these.  Out: nothing; ``render`` lays them out, and whoever writes
a generator of his own reads them: a schema of the events, a table for the manual.

What every class says under the same name means the same:

* ``name`` is the Python name in the module, ``c_name`` the name in C; ``class_name`` the class of
  ``bpf2py.runtime`` that a map or program gets;
* ``c_type`` is a type as C writes it, ``annotation`` the same in Python, ``codec`` the expression
  that reads and writes it;
* ``size`` and ``offset`` are in bytes;
* ``spec`` is the part of the ``ObjectSpec`` that the rest comes from, with all that is said there.

Fields below the line *for the templates* are pieces of source text and may change with them.
Strings named ``…_name``, ``annotation``, ``codec`` and ``expression`` are Python source; those
called ``c_name``, ``section`` and the like come from the object and reach source through the
filter ``py`` only.
"""

from __future__ import annotations

from typing import ClassVar, TypeAlias

from ..records import dataclass
from ..spec import MapSpec, ObjectSpec, ProgramSpec


@dataclass(frozen=True, slots=True)
class ValueModel:
    """A key, a value, an event, a variable's content: one C type in Python.

    ``c_type`` is empty where the object does not say the type: then it is ``bytes``.
    ``class_names`` are the generated classes in the annotation; :meth:`ModuleModel.type` has them.
    """

    c_type: str
    annotation: str
    size: int
    codec: str
    class_names: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class MemberModel:
    """One member of a struct or union, as C counts them: those of anonymous members are among them.

    ``bits`` is (first bit inside the byte at ``offset``, number of bits) of a bitfield.
    ``storage`` is the attribute that holds the anonymous union which the member is a view of;
    otherwise empty.
    """

    name: str
    c_name: str
    c_type: str
    annotation: str
    offset: int
    size: int
    bits: tuple[int, int] | None = None
    class_names: tuple[str, ...] = ()
    storage: str = ""


@dataclass(frozen=True, slots=True)
class EnumeratorModel:
    """One value of an enum."""

    name: str
    c_name: str
    number: int


@dataclass(frozen=True, slots=True)
class EnumModel:
    """An enum: an ``enum.IntEnum`` in the module."""

    kind: ClassVar[str] = "enum"
    name: str
    c_name: str
    size: int
    members: tuple[EnumeratorModel, ...]
    # ---- for the templates ----
    template: ClassVar[str] = "enum.py.j2"
    doc: str
    #: Whether it is a set of flags.
    flags: bool


@dataclass(frozen=True, slots=True)
class FieldModel:
    """One line of a class body, comments above it, and the comment behind it with its ``#``."""

    code: str
    above: tuple[str, ...] = ()
    after: str = ""


@dataclass(frozen=True, slots=True)
class StructModel:
    """A struct: a dataclass in the module."""

    kind: ClassVar[str] = "struct"
    name: str
    c_name: str
    size: int
    members: tuple[MemberModel, ...]
    # ---- for the templates ----
    template: ClassVar[str] = "struct.py.j2"
    doc: str
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
    """A union: one storage and a view per member."""

    kind: ClassVar[str] = "union"
    name: str
    c_name: str
    size: int
    members: tuple[MemberModel, ...]
    # ---- for the templates ----
    template: ClassVar[str] = "union.py.j2"
    doc: str
    lines: tuple[FieldModel, ...]
    notes: tuple[str, ...]
    #: Whether a map has such keys; those are hashed by their bytes.
    is_key: bool
    #: (Python name, annotation): what the constructor takes one of.
    keywords: tuple[tuple[str, str], ...]
    #: How the class says ``bytes`` and ``object``.
    bytes_name: str
    object_name: str
    #: (Python name, offset in bytes, codec).
    layout: tuple[tuple[str, int, str], ...]
    #: The size as an expression: it may be another on other machines.
    size_expression: str


TypeModel: TypeAlias = EnumModel | StructModel | UnionModel


@dataclass(frozen=True, slots=True)
class MapModel:
    """A map.  ``key`` and ``value`` are ``None`` where its type has none; ``event`` is what a ring
    buffer or perf array carries, ``inner`` the map that a map of maps holds.
    """

    name: str
    c_name: str
    class_name: str
    spec: MapSpec
    key: ValueModel | None
    value: ValueModel | None
    event: ValueModel | None
    inner: MapModel | None
    # ---- for the templates ----
    #: What the class is made with: the map's handle and codecs.
    arguments: tuple[str, ...]
    #: The map that counts what found no room in this one.
    counter: str
    #: The same text for the indent of a loaded map, and of its spec.
    doc: str
    spec_doc: str


@dataclass(frozen=True, slots=True)
class ArgumentModel:
    """One argument of a function in C; ``annotation`` is the class of what it points to, if the
    module has that, otherwise empty.
    """

    name: str
    c_type: str
    annotation: str


@dataclass(frozen=True, slots=True)
class GlobalFunctionModel:
    """A global function that is no program: what freplace programs can take the place of."""

    c_name: str
    c_type: str
    arguments: tuple[ArgumentModel, ...]


@dataclass(frozen=True, slots=True)
class ConstantModel:
    """A macro of the C source that was asked for."""

    name: str
    c_name: str
    value: int | float | str
    # ---- for the templates ----
    expression: str


@dataclass(frozen=True, slots=True)
class ProgramModel:
    """A program; ``file`` and ``line`` are where it begins in C, empty and 0 if that is not known.

    ``context`` is what a syscall program works on, if the object has its type.
    """

    name: str
    c_name: str
    class_name: str
    spec: ProgramSpec
    section: str
    file: str
    line: int
    arguments: tuple[ArgumentModel, ...]
    context: ValueModel | None
    # ---- for the templates ----
    #: What the class is made with: the program, perhaps a codec.
    handles: tuple[str, ...]
    doc: str
    spec_doc: str


@dataclass(frozen=True, slots=True)
class VariableModel:
    """A global variable; ``offset`` is inside its section."""

    name: str
    c_name: str
    value: ValueModel
    offset: int
    # ---- for the templates ----
    doc: str

    @property
    def codec(self) -> str:
        """The codec of its value."""
        return self.value.codec


@dataclass(frozen=True, slots=True)
class SectionModel:
    """A data section: its class before loading (``spec_name``) and after (``name``)."""

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
    # ---- for the templates ----
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
    """A whole module: iterate what you need.

    ``types`` are in the order in which they refer to each other, parts before wholes; ``maps`` and
    ``programs`` in that of the object; ``sections`` have the variables.
    """

    file_name: str
    digest: str
    spec: ObjectSpec
    names: ObjectNames
    types: tuple[TypeModel, ...]
    maps: tuple[MapModel, ...]
    programs: tuple[ProgramModel, ...]
    sections: tuple[SectionModel, ...]
    functions: tuple[GlobalFunctionModel, ...]
    constants: tuple[ConstantModel, ...]
    # ---- for the templates ----
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
    #: Those of the data sections that the user can change before loading.
    spec_sections: tuple[SectionModel, ...]
    #: The struct_ops maps.
    operations: tuple[OperationsModel, ...]
    #: Python name and C name, where they differ.
    map_names: dict[str, str]
    program_names: dict[str, str]
    #: The objects: one, or for each machine from the oldest CPU version to the newest.
    variants: tuple[VariantModel, ...]
    sidecar: SidecarModel | None

    def type(self, name: str) -> TypeModel:
        """The generated class of that Python name; :class:`KeyError` if there is none."""
        for model in self.types:
            if model.name == name:
                return model
        raise KeyError(name)
