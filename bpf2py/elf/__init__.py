"""The build side's reader: a compiled BPF object to an ``ObjectSpec``.  Needs pyelftools."""

from .btf_file import is_split_btf_file, read_btf_file
from .errors import ObjectError
from .objects import read_object, read_object_file
from .sections import section_def
from .static_link import link_object_files, link_objects

__all__ = [
    "ObjectError",
    "is_split_btf_file",
    "link_object_files",
    "link_objects",
    "read_btf_file",
    "read_object",
    "read_object_file",
    "section_def",
]
