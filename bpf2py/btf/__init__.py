"""BTF as values: bytes in, values out; no files, no system calls."""

from __future__ import annotations

from .decode import decode
from .encode import encode
from .errors import BTFError
from .ext_info import CoreRelocationRecord, ExtInfo, FuncInfo, LineInfo, decode_ext
from .names import NameIndex, essential_name
from .table import TypeTable
from .types import Type

__all__ = [
    "BTFError",
    "CoreRelocationRecord",
    "ExtInfo",
    "FuncInfo",
    "LineInfo",
    "NameIndex",
    "Type",
    "TypeTable",
    "decode",
    "decode_ext",
    "encode",
    "essential_name",
]
