"""Bytes in generated modules: zlib, then base64, in ordinary string literals.

In: text.  Out: bytes.  The same bytes give the same text only with the same zlib; nothing depends
on that text.
"""

from __future__ import annotations

from ..spec import FORMAT


def blob(text: str) -> bytes:
    """The bytes that *text* stands for; :class:`ValueError` if it was damaged."""
    import binascii  # not with the module: looking at its types takes neither
    import zlib

    try:
        return zlib.decompress(binascii.a2b_base64(text, strict_mode=True)) if text else b""
    except (binascii.Error, zlib.error) as exc:
        raise ValueError(f"a blob of {len(text)} characters is damaged: {exc}") from None


def require_format(number: int) -> None:
    """Refuse a module that was generated for another shape of description.

    :class:`RuntimeError` says which of the two to renew.
    """
    if number != FORMAT:
        older = "module" if number < FORMAT else "runtime"
        raise RuntimeError(
            f"this module was generated for description format {number}, the runtime has format "
            f"{FORMAT}: "
            + (
                "generate the module again with `bpf2py gen`"
                if older == "module"
                else "install a newer bpf2py"
            )
        )
