"""The object's BTF on its way into the kernel: whole, or without what this kernel does not know.

In: the BTF of a spec.  Out: a descriptor, or None with a warning; the program's func_info where it
must change with it.  What an old kernel lacks is found out only after it refused something.  Not
here: what is done to the bytes (``btf/sanitize.py``, ``btf/arg_ctx.py``).
"""

from __future__ import annotations

from ..light import TYPE_CHECKING, Mapping, suppress
from .log import debug, warn
from .privileges import with_memlock
from .syscalls.btf import btf_load
from .syscalls.fd import FD

if TYPE_CHECKING:
    from ..spec import ObjectSpec

#: ``__arg_ctx`` in the strings of BTF.
_CONTEXT_TAG = b"\0arg:ctx\0"


def with_contexts(spec: ObjectSpec) -> tuple[bytes, Mapping[str, bytes]]:
    """The BTF, and func_info that is not the spec's: where the kernel does not know ``arg:ctx``."""
    if _CONTEXT_TAG in spec.btf:
        from ..btf import BTFError
        from ..btf.arg_ctx import Tagged, retyped
        from .features import knows_context_tags

        if not knows_context_tags():
            programs = {
                name: Tagged(program.prog_type, program.func_info)
                for name, program in spec.programs.items()
                if program.autoload
            }
            with suppress(BTFError):  # the kernel says better what is wrong with it
                return retyped(spec.btf, programs)
    return spec.btf, {}


def load_btf(object_name: str, blob: bytes) -> FD | None:
    """The object's BTF in the kernel; None, with a warning, where the kernel refuses it.

    It is tried as it is, then without what this kernel does not know.  Without any, maps and
    programs lose their types and C lines; what cannot live without is refused by the kernel with a
    reason of its own.
    """
    if not blob:
        return None
    what = f"BTF of object {object_name!r}"
    try:
        return FD(with_memlock(lambda: btf_load(blob, what=what, explain=False)), what)
    except PermissionError:
        raise
    except OSError:
        btf = _sanitized(blob)
    try:
        return FD(with_memlock(lambda: btf_load(btf, what=what)), what)
    except OSError as exc:
        warn(f"going on without BTF, which this kernel refuses: {exc}")
        return None


def _sanitized(btf: bytes) -> bytes:
    from ..btf import BTFError
    from ..btf.sanitize import sanitize
    from .features import missing_btf_features

    missing = missing_btf_features()
    debug("BTF: without what this kernel refuses: %s", ", ".join(each.name for each in missing))
    try:
        return sanitize(btf, missing)
    except BTFError:
        return btf  # the kernel says better what is wrong with it
