"""The build side's reader: a compiled BPF object to an ``ObjectSpec``.  Needs pyelftools."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .btf_file import is_split_btf_file, read_btf_file
from .errors import ObjectError
from .objects import read_object, read_object_file
from .sections import SectionDef, SectionFlags, own_sections, section_def

if TYPE_CHECKING:
    from .static_link import link_object_files, link_objects

__all__ = [
    "ObjectError",
    "SectionDef",
    "SectionFlags",
    "is_split_btf_file",
    "link_object_files",
    "link_objects",
    "own_sections",
    "read_btf_file",
    "read_object",
    "read_object_file",
    "section_def",
]

if not TYPE_CHECKING:  # the checkers see the import above, and no other names

    def __getattr__(name):
        # What reads objects does not link them.
        if name not in ("link_object_files", "link_objects"):
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        from . import static_link

        value = globals()[name] = getattr(static_link, name)
        return value
