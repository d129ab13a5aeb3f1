"""BTF out of a file: raw, as in /sys/kernel/btf, the section of a kernel, module or object, packed.

In: a path.  Out: a ``TypeTable``.  A module's BTF is split: its ids continue those of the kernel
it was built for, its base.  Since 6.11 a module can carry what it needs of its base with it
(``.BTF.base``: names and sizes, no members).  Its ids continue those; with a base given, the types
of that name and size are found in it (``btf.distilled``), as the kernel does.
"""

from __future__ import annotations

import os
from pathlib import Path

from ..btf import TypeTable, decode
from ..btf.container import unpack
from ..btf.distilled import relocated
from ..btf.errors import BTFError
from ..btf.header import MAGIC_BYTES, is_split
from .errors import ObjectError
from .reader import named_sections

_ELF_MAGIC = b"\x7fELF"


def read_btf_file(path: str | os.PathLike[str], *, base: TypeTable | None = None) -> TypeTable:
    """The types in the file at *path*; *base* is for split BTF, and not looked at for other.

    Raises ``ObjectError`` for a file without BTF, for BTF that makes no sense, and for split BTF
    without a base; ``OSError``.
    """
    path = Path(path)
    sections = _sections(path)
    try:
        if not is_split(sections[".BTF"]):
            return decode(sections[".BTF"])
        if ".BTF.base" in sections:
            split = decode(sections[".BTF"], base=decode(sections[".BTF.base"]))
            return split if base is None else relocated(split, base)
        if base is None:
            raise ObjectError(f"{path}: split BTF, as of a module; the kernel's BTF is missing")
        return decode(sections[".BTF"], base=base)
    except BTFError as error:
        raise ObjectError(f"{path}: {error}") from error


def is_split_btf_file(path: str | os.PathLike[str]) -> bool:
    """Whether the BTF in the file continues another's and does not come with it.

    Raises as ``read_btf_file``.
    """
    path = Path(path)
    sections = _sections(path)
    try:
        return ".BTF.base" not in sections and is_split(sections[".BTF"])
    except BTFError as error:
        raise ObjectError(f"{path}: {error}") from error


def _sections(path: Path) -> dict[str, bytes]:
    """``.BTF``, and ``.BTF.base`` if there is one."""
    with open(path, "rb") as file:
        magic = file.read(4)
        file.seek(0)
        if magic[:2] in MAGIC_BYTES:
            return {".BTF": file.read()}
        if magic != _ELF_MAGIC:
            try:
                return {".BTF": bytes(unpack(file.read()))}
            except BTFError as error:
                raise ObjectError(f"{path}: {error.what}") from error
        sections = named_sections(file, (".BTF", ".BTF.base"), name=str(path))
    if ".BTF" not in sections:
        raise ObjectError(
            f"{path}: no section .BTF; compile with -g, a kernel with CONFIG_DEBUG_INFO_BTF"
        )
    return sections
