"""Exclusive maps (6.18): the digest by which the kernel knows the one program that may use a map.

In: an object's maps, some with ``exclusive_program``, and how its programs are relocated.  Out: the
digests, before any map is made.  What is hashed is said in tags.py; the same as
bpf_prog_compute_hash() of libbpf.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from hashlib import sha256

from ..spec import MapSpec, ObjectSpec, ProgramSpec
from .tags import hashed


def program_digests(
    spec: ObjectSpec,
    maps: Mapping[str, MapSpec],
    given: Collection[str],
    relocated: Callable[[ProgramSpec], bytearray],
) -> dict[str, bytes]:
    """The digest of each program that one of *maps* is for; *given* are those made elsewhere.

    *relocated* gives a program's instructions with everything in place but maps.
    Raises :class:`ValueError` for a program that is not there or not to be loaded.
    """
    created = {name: name in given or each.autocreate for name, each in maps.items()}
    found: dict[str, bytes] = {}
    for each in maps.values():
        name = each.exclusive_program
        if not name or name in found:
            continue
        program = spec.programs.get(name)
        if program is None or not program.autoload:
            why = "has autoload off" if program else "the object does not have; there are: "
            there = "" if program else ", ".join(spec.programs) or "none"
            raise ValueError(
                f"map {each.name!r} is exclusively for program {name!r}, which {why}{there}"
            )
        found[name] = sha256(hashed(program, relocated(program), created)).digest()
    return found
