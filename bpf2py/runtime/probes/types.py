"""BTF: what the kernel takes of it, and what its own says."""

from __future__ import annotations

from ...light import TYPE_CHECKING, cache
from ..errors import InconclusiveError
from ..features import missing_btf_features

if TYPE_CHECKING:
    from ...btf.sanitize import BTFFeature


def has_btf(feature: BTFFeature) -> bool:
    """Whether BPF_BTF_LOAD takes this kind or form of BTF (a :class:`~bpf2py.btf.sanitize.BTFFeature`).

    ``InconclusiveError`` without the rights.
    """
    try:
        return feature not in missing_btf_features()
    except OSError as exc:
        raise InconclusiveError(f"BTF with {feature.name}", str(exc)) from exc


@cache
def has_field(type_name: str, path: str) -> bool:
    """Whether the kernel's ``struct`` or ``union`` *type_name* has a member.

    *path* is as in C: ``state``, ``se.vruntime``; members of anonymous structs count as their
    parent's.  ``False`` also where there is no such type; ``NotSupportedError`` where the kernel
    does not show its BTF.
    """
    from ...btf.types import Struct, Union
    from ...uapi import BTFKind
    from ..kernel_btf import kernel_btf

    table = kernel_btf()
    type_id = table.find(type_name, BTFKind.STRUCT, BTFKind.UNION)

    def find(type_id: int, name: str) -> int | None:
        each = table[table.resolve(type_id)]
        if not isinstance(each, (Struct, Union)):
            return None
        for member in each.members:
            if member.name == name:
                return member.target
            if not member.name and (found := find(member.target, name)) is not None:
                return found
        return None

    for name in path.split("."):
        type_id = find(type_id, name) if type_id else None
    return type_id is not None
