"""kfuncs: functions of the kernel that programs may call.

The kernel's BTF names them: functions with the declaration tag ``bpf_kfunc`` (Linux 6.10 with
pahole 1.26 and newer).
"""

from __future__ import annotations

from ...light import cache
from ..errors import InconclusiveError
from ..kernel_btf import kernel_btf

_TAG = "bpf_kfunc"


@cache
def kfuncs() -> frozenset[str]:
    """The names of the kernel's kfuncs; modules' are not among them.

    ``InconclusiveError`` for a kernel whose BTF does not mark them, ``NotSupportedError`` for one
    that does not show its BTF.
    """
    from ...btf.types import DeclTag

    table = kernel_btf()
    names: set[str] = set()
    for type_id in table.ids_named(_TAG):
        tag = table[type_id]
        if isinstance(tag, DeclTag):
            names.add(table.name(tag.target))
    if not names:
        raise InconclusiveError(
            "kfuncs", "this kernel's BTF does not mark them (6.10 and newer do)"
        )
    return frozenset(names)


def has_kfunc(name: str) -> bool:
    """Whether the kernel proper offers a kfunc of that name.

    Which types of program may call it is another question: the verifier answers it at load.
    Where the BTF does not mark kfuncs, a name that it lacks altogether is still a no;
    ``InconclusiveError`` else.
    """
    from ...uapi import BTFKind

    try:
        return name in kfuncs()
    except InconclusiveError:
        if kernel_btf().find(name, BTFKind.FUNC) is None:
            return False
        raise
