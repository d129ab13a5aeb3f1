"""What files with the BTF of kernels are called.

In: a name.  Out: whether it is one kernel's or an archive of many, and the name without what says
how it is packed.  Nothing is imported: who ships such a file asks at every start.
"""

from __future__ import annotations

#: What a file of BTF is called; each may be compressed, or lie in an archive as BTFHub's do.
SUFFIX = ".btf"
_COMPRESSED = (".xz", ".gz")
_ARCHIVES = (".tar", ".tar.xz", ".tar.gz")


def is_name_of_btf(name: str) -> bool:
    """Whether a file called *name* has the BTF of one kernel, as far as its name tells."""
    return stem(name) != name


def is_name_of_archive(name: str) -> bool:
    """Whether a file called *name* is an archive of many kernels' BTF (``btf.tar.xz``)."""
    return name.endswith(_ARCHIVES) and not is_name_of_btf(name)


def stem(name: str) -> str:
    """*name* without ``.btf`` and what says how it is packed; unchanged for other files."""
    plain = name
    for suffix in (*_ARCHIVES[1:], *_COMPRESSED, _ARCHIVES[0]):
        if plain.endswith(suffix):
            plain = plain.removesuffix(suffix)
            break
    return plain.removesuffix(SUFFIX) if plain.endswith(SUFFIX) else name
