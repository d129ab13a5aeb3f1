"""BTF as values: bytes in, values out; no files, no system calls."""

from __future__ import annotations

from ..light import TYPE_CHECKING
from .decode import decode
from .errors import BTFError
from .names import NameIndex, essential_name
from .table import TypeTable

if TYPE_CHECKING:
    from .encoder import encode
    from .ext_info import CoreRelocationRecord, ExtInfo, FuncInfo, LineInfo, decode_ext
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

#: Imported when first used: the classes behind them take longer to make than a small object takes
#: to load, and loading needs none of them.
_HOMES = {
    "encoder": ("encode",),
    "ext_info": ("CoreRelocationRecord", "ExtInfo", "FuncInfo", "LineInfo", "decode_ext"),
    "types": ("Type",),
}
_HOME = {name: home for home, names in _HOMES.items() for name in names}

if not TYPE_CHECKING:  # the checkers see the imports above, and no other names

    def __getattr__(name):
        home = _HOME.get(name)
        if home is None:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        from importlib import import_module

        value = globals()[name] = getattr(import_module(f".{home}", __name__), name)
        return value
