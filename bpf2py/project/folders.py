"""Folders outside every project."""

from __future__ import annotations

import os
from pathlib import Path


def cache_folder() -> Path:
    """Where bpf2py keeps what can be made again."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache", "bpf2py")
