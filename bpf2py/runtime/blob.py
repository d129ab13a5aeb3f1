"""Bytes in generated modules: zlib, then base64, in ordinary string literals.

In: text.  Out: bytes.  The same bytes give the same text only with the same zlib; nothing depends
on that text.
"""

from __future__ import annotations

from ..spec import FORMAT

#: What was decoded.  Bytes do not change, so all descriptions of an object share them.
_KNOWN: dict[str, bytes] = {}


def blob(text: str) -> bytes:
    """The bytes that *text* stands for; :class:`ValueError` if it was damaged."""
    known = _KNOWN.get(text)
    if known is not None:
        return known
    import binascii  # not with the module: looking at its types takes neither
    import zlib

    try:
        data = zlib.decompress(binascii.a2b_base64(text, strict_mode=True)) if text else b""
    except (binascii.Error, zlib.error) as exc:
        raise ValueError(f"a blob of {len(text)} characters is damaged: {exc}") from None
    _KNOWN[text] = data
    return data


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
