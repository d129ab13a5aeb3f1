"""BTF as C text: one declaration, a type's name, or a whole header.

In: a TypeTable and an id.  Out: text.  Raises BTFError if the types make no sense.  Names, packed
attributes, bitfields and gaps are such that a C compiler gives the same layout again.
"""

from __future__ import annotations

from ..light import Iterable
from ..uapi import BTFKind
from .c_header import header_lines
from .c_text import CText, identifier
from .table import TypeTable
from .types import Datasec, DeclTag, Enum, Enum64, Func, Fwd, Struct, Typedef, Union, Var

__all__ = ["declaration", "header", "header_lines", "type_name"]

#: ``BTF_VAR_*`` and ``BTF_FUNC_*``: static, global, extern.
_LINKAGE = {0: "static ", 2: "extern "}


def type_name(table: TypeTable, type_id: int) -> str:
    """The type as it stands in a cast: ``const struct foo *``, ``int (*)(void)``, ``char[16]``."""
    return CText(table).declare(type_id)


def declaration(table: TypeTable, type_id: int) -> str:
    """The declaration of one type, variable or function, over several lines if it has members.

    Other types are referred to by name; anonymous ones are spelled out.  Ends with a semicolon.
    """
    text = CText(table)
    each = table[type_id]
    match each:
        case Struct() | Union() | Enum() | Enum64():
            return text.definition(type_id) + ";"
        case Fwd():
            return text.base(type_id) + ";"
        case Typedef():
            return f"typedef {text.declare(each.target, identifier(each.name))};"
        case Var() | Func():
            linkage = _LINKAGE.get(each.linkage, "")
            return f"{linkage}{text.declare(each.target, identifier(each.name))};"
        case Datasec():
            lines = [f"/* {each.name} */"]
            for variable in each.variables:
                if table.kind(variable.target) in (BTFKind.VAR, BTFKind.FUNC):
                    lines.append(declaration(table, variable.target))
            return "\n".join(lines)
        case DeclTag():
            tag = each.name if each.attribute else f'btf_decl_tag("{each.name}")'
            return f"__attribute__(({tag}));"
        case _:
            return text.declare(type_id) + ";"


def header(
    table: TypeTable, *, guard: str = "__VMLINUX_H__", types: Iterable[int] | None = None
) -> str:
    """All types of the table as one C header, like ``bpftool btf dump … format c``.

    Programs that include it get CO-RE relocations for every record (preserve_access_index), and
    prototypes of the kernel's kfuncs unless BPF_NO_KFUNC_PROTOTYPES is defined.  With *types*
    (``pick`` finds them by name) only those, what they hold by value, and a declaration of what
    they point to.

    Sizes and offsets are the kernel's, held by unnamed bitfields where C would leave other gaps;
    a struct that the kernel aligns wider than its members is not, because BTF does not say so.
    A struct with a va_list inside differs; a comment above it says how.
    """
    return "\n".join(header_lines(table, guard=guard, types=types)) + "\n"
