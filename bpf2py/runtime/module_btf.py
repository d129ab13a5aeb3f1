"""The BTF of loaded kernel modules (5.11).

In: the kernel's own types, their base.  Out: a table for each module, one by one, as the caller
goes on.  A module that may not be read, or cannot be, is left out: it must not keep an object from
loading that never needed it.
"""

from __future__ import annotations

import errno

from ..light import TYPE_CHECKING, Iterator
from .syscalls import obj
from .syscalls.fd import FD

if TYPE_CHECKING:
    from ..btf import TypeTable


def module_tables(kernel: TypeTable, name: str = "") -> Iterator[tuple[str, FD, TypeTable]]:
    """(name, descriptor, types) of the module *name*, or of every module.

    The descriptor is closed when the caller goes on; who wants to keep it duplicates it.
    """
    from ..btf import BTFError, decode

    try:
        numbers = list(obj.btf_ids())
    except PermissionError:
        return  # without CAP_SYS_ADMIN there are none, as in load_module_btfs() of libbpf
    except OSError as exc:
        if exc.errno != errno.EINVAL:
            raise
        return  # before 5.1
    for number in numbers:
        try:
            fd = obj.btf_by_id(number)
        except OSError:
            continue  # unloaded since, or not for us
        with fd:
            try:
                info = obj.btf_info(fd.fileno(), what=fd.what)
                if not info.kernel or info.name == "vmlinux" or name not in ("", info.name):
                    continue
                table = decode(obj.btf_data(fd.fileno(), what=fd.what), base=kernel)
            except (OSError, BTFError):
                continue
            yield info.name, fd, table
