"""The build side's reader: a compiled BPF object to an ``ObjectSpec``.  Needs pyelftools."""

from .btf_file import is_split_btf_file, read_btf_file
from .errors import ObjectError
from .objects import read_object, read_object_file
from .sections import SectionDef, SectionFlags, section_def

__all__ = [
    "ObjectError",
    "SectionDef",
    "SectionFlags",
    "is_split_btf_file",
    "read_btf_file",
    "read_object",
    "read_object_file",
    "section_def",
]
