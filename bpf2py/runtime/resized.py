"""Data sections that are longer or shorter than in the file: ``MapSpec.array_length``.

In: a spec.  Out: one in which sizes, bytes, variables and BTF agree with the lengths that were asked
for.  Not here: which variable that is and how BTF says it (``btf/resize.py``).
"""

from __future__ import annotations

from ..btf import BTFError, decode
from ..btf.resize import last_array, resized
from ..records import replace
from ..spec import KCONFIG, MapSpec, ObjectSpec

_MOST = 1 << 32


def with_lengths(spec: ObjectSpec) -> ObjectSpec:
    """*spec* with its resized sections; what is in them stays, and zeros follow.

    Raises :class:`ValueError` for a map that is no data section, or one that does not end in an
    array.
    """
    maps, btf = dict(spec.maps), spec.btf
    for name, each in spec.maps.items():
        if each.array_length is None:
            continue
        try:
            maps[name], btf = _resized(each, btf)
        except BTFError as exc:
            raise ValueError(f"map {name!r} cannot get another length: {exc.what}") from None
    return replace(spec, maps=maps, btf=btf)


def _resized(spec: MapSpec, btf: bytes) -> tuple[MapSpec, bytes]:
    length = spec.array_length
    assert length is not None
    if not spec.section or spec.section == KCONFIG:
        raise BTFError("it is no data section")
    if not btf or not spec.value_type_id:
        raise BTFError("the object says nothing about its variables; compile with clang -g")
    table = decode(btf)
    offset, element_size = last_array(table, spec.value_type_id)
    size = offset + length * element_size
    if length < 1 or size >= _MOST:
        raise BTFError(f"with {length} elements its last array has {length * element_size} bytes")
    variables = dict(spec.variables)
    for name, variable in variables.items():
        if variable.offset == offset:
            variables[name] = replace(variable, size=length * element_size)
    changed = replace(
        spec,
        value_size=size,
        data=bytearray(spec.data[:size]) if spec.data is not None else None,
        variables=variables,
    )
    return changed, resized(btf, table, spec.value_type_id, length)
