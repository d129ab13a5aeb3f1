"""The options of ``load()`` as one type, for functions that pass them on.  Only checkers import it.

What they mean stands in ``TypedSpec.load``.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import TypedDict

from ..btf import TypeTable
from .externs.kconfig import Kconfig
from .syscalls.fd import HasFileno


class LoadOptions(TypedDict, total=False):
    """Keyword arguments of ``TypedSpec.load``, ``TypedSpec.prepare`` and ``runtime.load``."""

    pin_path: str | os.PathLike[str] | None
    kernel_btf: str | os.PathLike[str] | bytes | TypeTable | None
    log_level: int | None
    maps: Mapping[str, HasFileno] | None
    kconfig: Kconfig | None
    targets: Mapping[str, HasFileno] | None
    token: str | os.PathLike[str] | HasFileno | None
