"""The binary part of a generated module in a file beside it (``bpf2py gen --sidecar``).

In: the module's name, the file's, and the digest that the module was generated with.  Out: bytes,
read when a description is asked for, never at import.  The import system reads the file, as it
read the module: it works from a folder, a wheel, a zip file, and what else imports come from.
"""

from __future__ import annotations

import sys

from ..light import Any


def sidecar(module: str, file_name: str, digest: str) -> bytes:
    """What the file called *file_name* beside *module* holds; *digest* is its sha256.

    :class:`FileNotFoundError` if it is not there, :class:`ValueError` if it belongs to another
    build of the module, or is damaged.
    """
    data = _read(module, file_name)
    if _sha256(data) != digest:
        raise ValueError(
            f"{file_name} is of another build than the module {module}, or damaged: ship the two "
            "files that one run of `bpf2py` wrote"
        )
    return data


def _sha256(data: bytes) -> str:
    """The digest by CPython's own code: ``hashlib`` loads OpenSSL first, which takes milliseconds."""
    from importlib import import_module

    for name in ("_sha2", "_sha256", "hashlib"):  # since 3.12, before, and wherever else
        try:
            digest: str = import_module(name).sha256(data).hexdigest()
        except ModuleNotFoundError:
            continue
        return digest
    raise AssertionError("hashlib is always there")


def _read(module: str, file_name: str) -> bytes:
    found = sys.modules[module]
    spec, origin = found.__spec__, found.__file__
    loader: Any = getattr(spec, "loader", None) or getattr(found, "__loader__", None)
    try:
        if hasattr(loader, "get_data") and origin:
            # importlib.resources finds nothing beside a module in no package before Python 3.12,
            # and costs a tool's start as much as all the rest; the loader is what it would ask.
            data: bytes = loader.get_data(_beside(origin, file_name))
            return data
        from importlib.resources import files

        return files(found.__package__ or module).joinpath(file_name).read_bytes()
    except OSError as exc:
        import errno

        raise FileNotFoundError(
            errno.ENOENT,
            f"the module {module} has its instructions and BTF in a file beside it, which is "
            "missing: ship it along (is it in package-data?), or generate without --sidecar",
            file_name,
        ) from exc


def _beside(origin: str, file_name: str) -> str:
    import os

    return os.path.join(os.path.dirname(origin), file_name)
