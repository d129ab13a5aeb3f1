"""BTF that is in the kernel: of the kernel itself, of its modules, of everybody's objects (4.18).

In: an id, or nothing.  Out: the types, and whose they are.  With the BTF ids that maps and programs
tell, a value of any map can be read by its type (:func:`bpf2py.btf.values.decode_value`).
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from .owner import Owner
from .syscalls import obj

if TYPE_CHECKING:
    from ..btf import TypeTable
    from .syscalls.fd import FD
    from .syscalls.obj import BTFInfo


class LoadedBTF(Owner):
    """One BTF object of the kernel, open until it is closed: a context manager.

    ``LoadedBTF.by_id(7)``, or ``for btf in LoadedBTF.all()``.  Opening one takes CAP_SYS_ADMIN
    (or a BPF token).
    """

    __slots__ = ("_fd", "info")

    #: ``id``, ``size`` in bytes, ``name`` (``vmlinux``, or the module's; empty for other BTF), and
    #: ``kernel``: whether it is the kernel's own or a module's (both 5.11).
    info: BTFInfo

    def __init__(self, fd: FD) -> None:
        self._fd = fd
        try:
            self.info = obj.btf_info(fd.fileno(), what=fd.what)
        except BaseException:
            fd.close()
            raise

    @classmethod
    def by_id(cls, number: int) -> LoadedBTF:
        """Open the BTF with that id; ``FileNotFoundError`` if there is none (any more)."""
        return cls(obj.btf_by_id(number))

    @classmethod
    def all(cls) -> Iterator[LoadedBTF]:
        """Every BTF object, by id; each is closed when the next one is asked for (5.1).

        What goes away in the meantime is left out.
        """
        for number in obj.btf_ids():
            try:
                btf = cls.by_id(number)
            except FileNotFoundError:
                continue
            with btf:
                yield btf

    def __repr__(self) -> str:
        return f"<LoadedBTF {self.info.id}: {self.info.name or 'of an object'}>"

    def fileno(self) -> int:
        """The descriptor, still owned by this object; ValueError once it is closed."""
        return self._fd.fileno()

    def close(self) -> None:
        """Close the descriptor; a second call does nothing."""
        self._fd.close()

    def data(self) -> bytes:
        """The raw bytes; a module's are split BTF, which continues the kernel's."""
        return obj.btf_data(self.fileno(), what=self._fd.what)

    def types(self) -> TypeTable:
        """The types; a module's know the kernel's behind them."""
        from ..btf import decode
        from .kernel_btf import kernel_btf

        if self.info.kernel and self.info.name == "vmlinux":
            return kernel_btf()
        return decode(self.data(), base=kernel_btf() if self.info.kernel else None)
