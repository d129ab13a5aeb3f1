"""What the functions of an object take: programs, global functions, the members of struct_ops.

In: BTF and program specs.  Out: prototypes, and the structs that their arguments point to.

A program has one argument, its context.  With ``BPF_PROG(name, …)`` the arguments that one sees in
C belong to ``____name``, which is inlined: where the compiler left no such function in the BTF,
the context (``unsigned long long *``) is all that is known.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from ..btf import BTFError, TypeTable
from ..btf.ext_info import decode_func_info
from ..btf.pointers import function_behind, struct_behind
from ..btf.types import Func, FuncProto, Struct
from ..records import dataclass
from ..spec import Linkage, MapSpec, ProgramSpec
from ..uapi import BTFKind, MapType
from .c_text import c_text, safe
from .errors import CodegenError

#: What BPF_PROG() and BPF_KPROBE() of libbpf's bpf_tracing.h put in front of the function inside.
_INNER = "____"


@dataclass(frozen=True, slots=True)
class Function:
    """A prototype: its return type, and (name, type id) of each argument."""

    name: str
    returns: int
    arguments: tuple[tuple[str, int], ...]


def program_function(table: TypeTable, program: ProgramSpec) -> Function | None:
    """The function that *program* begins with, as its author wrote it; ``None`` without BTF."""
    entry = _entry(table, program)
    if entry is None:
        return None
    outer = _function(table, entry)
    for type_id in table.ids_named(_INNER + program.name):
        inner = _function(table, type_id) if table.kind(type_id) is BTFKind.FUNC else None
        if outer is not None and inner is not None and inner.arguments[:1] == outer.arguments[:1]:
            return Function(program.name, inner.returns, inner.arguments[1:])
    return outer


def global_functions(table: TypeTable, programs: Iterable[ProgramSpec]) -> list[Function]:
    """Functions with external linkage that are no program themselves, in the order of the BTF."""
    entries = {_entry(table, program) for program in programs}
    found: list[Function] = []
    for type_id in range(1, len(table)):
        if table.kind(type_id) is BTFKind.FUNC and type_id not in entries:
            typ = table[type_id]
            function = _function(table, type_id)
            if isinstance(typ, Func) and typ.linkage == Linkage.GLOBAL and function is not None:
                found.append(function)
    return found


def struct_ops_type(table: TypeTable, map_spec: MapSpec) -> Struct:
    """The struct of kernel functions that a struct_ops map implements."""
    found = table[table.resolve(map_spec.value_type_id)]
    if not isinstance(found, Struct):
        raise CodegenError(f"struct_ops map {map_spec.name}: its type is no struct")
    return found


def struct_ops_functions(table: TypeTable, maps: Iterable[MapSpec]) -> Iterator[Function]:
    """The members of struct_ops maps that are functions: ``tcp_congestion_ops.ssthresh``."""
    for each in maps:
        if each.map_type == MapType.STRUCT_OPS:
            struct = struct_ops_type(table, each)
            for member in struct.members:
                target = function_behind(table, member.target)
                proto = table[target] if target is not None else None
                if isinstance(proto, FuncProto):
                    yield _prototype(f"{struct.name}.{member.name}", proto)


def pointees(table: TypeTable, function: Function | None) -> Iterator[tuple[str, int]]:
    """(name, struct or union) of the arguments that point to one."""
    for name, type_id in function.arguments if function else ():
        if (target := struct_behind(table, type_id)) is not None:
            yield name, target


def declaration(table: TypeTable, function: Function) -> str:
    """``int global_fn(struct third *t)``."""
    arguments = ", ".join(c_text(table, type_id, name) for name, type_id in function.arguments)
    returns = c_text(table, function.returns)
    return f"{returns} {safe(function.name)}({arguments or 'void'})"


def _entry(table: TypeTable, program: ProgramSpec) -> int | None:
    """The id of the Func that the program begins with."""
    try:
        records = decode_func_info(program.func_info, table.byte_order)
    except BTFError:
        return None
    known = bool(records) and 0 < records[0].type_id < len(table)
    return records[0].type_id if known else None


def _function(table: TypeTable, type_id: int) -> Function | None:
    typ = table[type_id]
    if not isinstance(typ, Func):
        return None
    proto = table[table.resolve(typ.target)]
    return _prototype(typ.name, proto) if isinstance(proto, FuncProto) else None


def _prototype(name: str, proto: FuncProto) -> Function:
    # a last parameter without a type is the ellipsis
    params = tuple((each.name, each.target) for each in proto.params if each.target)
    return Function(name, proto.target, params)
