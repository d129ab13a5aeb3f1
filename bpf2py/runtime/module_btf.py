"""The BTF of loaded kernel modules (5.11).

In: the kernel's own types, their base.  Out: a table for each module, one by one, as the caller
goes on.  A module whose BTF cannot be read is left out with a warning: it must not keep an object
from loading that never needed it.

CO-RE wants types alone, which everybody may read in sysfs.  Programs on functions of modules, their
kfuncs and struct_ops name the BTF by a descriptor, which takes CAP_SYS_ADMIN.
"""

from __future__ import annotations

import errno
import os

from ..light import TYPE_CHECKING, Iterator
from .log import warn
from .syscalls import obj
from .syscalls.fd import FD

if TYPE_CHECKING:
    from ..btf import TypeTable

#: The kernel's own BTF is one of the files; the others have their module's name.
SYSFS_BTF = "/sys/kernel/btf"
_KERNEL = "vmlinux"


def module_types(kernel: TypeTable) -> Iterator[tuple[str, TypeTable]]:
    """(name, types) of every loaded module."""
    from ..btf import BTFError, decode

    try:
        names = sorted(os.listdir(SYSFS_BTF))
    except OSError:
        # Without sysfs, as some containers are, the kernel is asked.
        for name, _, table in module_tables(kernel):
            yield name, table
        return
    for name in names:
        if name == _KERNEL:
            continue
        try:
            with open(os.path.join(SYSFS_BTF, name), "rb", buffering=0) as file:
                table = decode(file.readall() or b"", base=kernel)
        except FileNotFoundError:
            continue  # unloaded since
        except (OSError, BTFError) as exc:
            _warn(f"module {name!r}", exc)
            continue
        yield name, table


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
        what = f"a module (with id {number})"
        try:
            with obj.btf_by_id(number) as fd:
                info = obj.btf_info(fd.fileno(), what=fd.what)
                if not info.kernel or info.name == _KERNEL or name not in ("", info.name):
                    continue
                what = f"module {info.name!r}"
                table = decode(obj.btf_data(fd.fileno(), what=fd.what), base=kernel)
                yield info.name, fd, table
        except FileNotFoundError:
            continue  # unloaded since
        except (OSError, BTFError) as exc:
            _warn(what, exc)


def _warn(what: str, why: Exception) -> None:
    warn(f"the BTF of {what} cannot be read, so that its types and functions are not known: {why}")
