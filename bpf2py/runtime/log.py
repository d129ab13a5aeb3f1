"""What is done on the way into the kernel, line by line, for whoever wants to follow it.

In: what was done.  Out: debug records of the logger ``bpf2py``, and with BPF2PY_LOG_LEVEL=debug in
the environment lines on stderr.  ``logging`` is not imported here: who has not done so has no
handler either.  What everybody should know is a warning, at the line that called this package.
"""

from __future__ import annotations

import os
import sys

from ..light import TYPE_CHECKING

if TYPE_CHECKING:
    from logging import Logger

_PRINTS = os.environ.get("BPF2PY_LOG_LEVEL", "").lower() == "debug"
_logger: Logger | None = None
#: This package, under the name that it has where it was copied to.
_PACKAGE = __name__.removesuffix("runtime.log")


def debug(text: str, *values: object) -> None:
    """Say *text*, a format with ``%s`` for each of *values*; nothing is made of it unless heard."""
    global _logger
    if _PRINTS:
        print("bpf2py:", text % values, file=sys.stderr)
    if _logger is None:
        if "logging" not in sys.modules:
            return
        import logging

        _logger = logging.getLogger("bpf2py")
    _logger.debug(text, *values)


def warn(text: str) -> None:
    """A RuntimeWarning that shows the caller's line, however deep in this package it is raised."""
    import warnings

    level, frame = 2, sys._getframe(1)
    while frame.f_back is not None and frame.f_globals.get("__name__", "").startswith(_PACKAGE):
        level, frame = level + 1, frame.f_back
    warnings.warn(text, RuntimeWarning, stacklevel=level)
