"""What is done on the way into the kernel, line by line, for whoever wants to follow it.

In: what was done.  Out: debug records of the logger ``bpf2py``, and with BPF2PY_LOG_LEVEL=debug in
the environment lines on stderr.  ``logging`` is not imported here: who has not done so has no
handler either.
"""

from __future__ import annotations

import os
import sys

from ..light import TYPE_CHECKING

if TYPE_CHECKING:
    from logging import Logger

_PRINTS = os.environ.get("BPF2PY_LOG_LEVEL", "").lower() == "debug"
_logger: Logger | None = None


def debug(text: str, *values: object) -> None:
    """Say *text*, a format with ``%s`` for each of *values*; nothing is made of it unless heard."""
    global _logger
    if _PRINTS and sys.stderr is not None:  # None in a process without one
        print("bpf2py:", text % values, file=sys.stderr)
    if _logger is None:
        if "logging" not in sys.modules:
            return
        import logging

        _logger = logging.getLogger("bpf2py")
    _logger.debug(text, *values)
