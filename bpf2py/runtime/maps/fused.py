"""Reading and writing one element as one compiled function per pair of codecs.

In: the codecs of key and value, then a handle.  Out: ``lookup(key) -> value`` and
``store(key, value)`` in which packing the key, the prepared call and unpacking the value stand one
after the other.  After a system call on a machine with the usual mitigations every Python call
costs several times what it costs elsewhere, so three of them are worth saving.
"""

from __future__ import annotations

import struct
from functools import lru_cache

from ...light import Any, Callable, TypeVar
from ...uapi import Cmd
from ..codec.base import PACK_ERRORS, Codec, Reader, Writer, compile_function
from ..codec.scalar import Int
from .handle import WORDS, MapHandle

K = TypeVar("K")
V = TypeVar("V")

Refused = Callable[[Cmd, Any], Exception]


def can_fuse(*codecs: Codec[Any]) -> bool:
    """Whether these codecs are nothing but what they compile to."""
    return all(
        type(codec).unpack is Codec.unpack
        and type(codec).pack_into is Codec.pack_into
        and not codec.variable
        for codec in codecs
    )


@lru_cache(maxsize=256)
def lookup(key: Codec[K], value: Codec[V]) -> Callable[[MapHandle, Refused], Callable[[K], V]]:
    """What makes ``lookup(key)`` of a handle; errors are made by the given :data:`Refused`."""
    writer, reader = Writer(), Reader()
    reader.constants = writer.constants
    pack = _pack(writer, key, "key", 0)
    if _is_word(value):
        unpack = ["return calls[7][0]"]
    else:
        result = value.read(reader)
        reader.seek(value.size)
        unpack_from = reader.constant(struct.Struct(reader.format).unpack_from)
        target = ", ".join(reader.slots) + ", = " if reader.slots else ""
        unpack = [f"{target}{unpack_from}(calls[1])", *reader.statements, f"return {result}"]
    body = [
        *pack,
        "if calls[2]():",
        f"    raise refused({writer.constant(Cmd.MAP_LOOKUP_ELEM)}, key)",
        *unpack,
    ]
    return _function("lookup(key)", body, writer)


@lru_cache(maxsize=256)
def store(key: Codec[K], value: Codec[V]) -> Callable[[MapHandle, Refused], Callable[[K, V], None]]:
    """What makes ``store(key, value)`` of a handle; errors as with :func:`lookup`."""
    writer, values = Writer(), Writer()
    values.constants = writer.constants
    body = [
        *_pack(writer, key, "key", 0),
        *_pack(values, value, "value", 1),
        "if calls[3]():",
        f"    raise refused({writer.constant(Cmd.MAP_UPDATE_ELEM)}, key)",
    ]
    return _function("store(key, value)", body, writer)


def _is_word(codec: Codec[Any]) -> bool:
    """Whether this is an unsigned int of a machine word, which a memoryview reads and writes."""
    return isinstance(codec, Int) and codec.word == WORDS.get(codec.size)


def _pack(out: Writer, codec: Codec[Any], name: str, place: int) -> list[str]:
    if _is_word(codec):
        pack = [f"calls[{6 + place}][0] = {name}"]
    else:
        codec.write(out, name)
        out.seek(codec.size)
        pack_into = out.constant(struct.Struct(out.format).pack_into)
        values = "".join(f", {value}" for value in out.values)
        pack = [*out.statements, f"{pack_into}(calls[{place}], 0{values})"]
    return [
        "try:",
        *(f"    {line}" for line in pack),
        f"except {out.constant(PACK_ERRORS)} as error:",
        f"    raise {out.constant(codec.complain)}({name}, error) from None",
    ]


def _function(head: str, body: list[str], out: Writer) -> Callable[..., Any]:
    lines = [
        "def bind(handle, refused):",
        f"    def {head}:",
        "        pool = handle.calls",
        "        try:",
        "            calls = pool.pop()",
        "        except IndexError:",
        "            calls = handle.prepare()",
        "        try:",
        *(f"            {line}" for line in body),
        "        finally:",
        "            pool.append(calls)",
        f"    return {head.partition('(')[0]}",
    ]
    return compile_function("\n".join(lines) + "\n", "bind", f"map {head}", out.constants)
