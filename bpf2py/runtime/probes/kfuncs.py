"""kfuncs: functions of the kernel and its modules that programs may call.

Their BTF names them: functions with the declaration tag ``bpf_kfunc`` (Linux 6.10 with
pahole 1.26 and newer).
"""

from __future__ import annotations

from ...light import TYPE_CHECKING, cache
from ..errors import InconclusiveError
from ..kernel_btf import kernel_btf

if TYPE_CHECKING:
    from ...btf import TypeTable

_TAG = "bpf_kfunc"


@cache
def kfuncs() -> frozenset[str]:
    """The names of the kernel's kfuncs; modules' are not among them.

    ``InconclusiveError`` for a kernel whose BTF does not mark them, ``NotSupportedError`` for one
    that does not show its BTF.
    """
    names = _tagged(kernel_btf())
    if not names:
        raise InconclusiveError(
            "kfuncs", "this kernel's BTF does not mark them (6.10 and newer do)"
        )
    return names


def module_kfuncs() -> dict[str, frozenset[str]]:
    """The kfuncs of each loaded module that has some, by the module's name.

    Looked at anew each time, since modules come and go; needs no rights, as a rule (sysfs).  A
    module whose BTF cannot be read is left out with a warning.  Errors as in :func:`kfuncs`.
    """
    from ..module_btf import module_types

    kfuncs()  # a kernel that does not mark its own does not mark theirs
    found = {name: _tagged(table) for name, table in module_types(kernel_btf())}
    return {name: names for name, names in found.items() if names}


def _tagged(table: TypeTable) -> frozenset[str]:
    """The functions with the tag in *table* itself, without its base."""
    from ...btf.types import DeclTag

    tags = (table[each] for each in table.ids_named(_TAG) if each >= table.first_id)
    return frozenset(table.name(tag.target) for tag in tags if isinstance(tag, DeclTag))


def has_kfunc(name: str) -> bool:
    """Whether the kernel proper offers a kfunc of that name; :func:`module_kfuncs` has the others.

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
