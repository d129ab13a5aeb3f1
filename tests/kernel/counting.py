"""A program that counts its runs in ``.bss``: what the tests of links attach everywhere."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable

from bpf2py import runtime
from bpf2py.spec import MapRelocation, MapSpec, ProgramSpec
from bpf2py.uapi import AttachType, MapType, ProgType
from tests.runtime.bpf_code import (
    EXIT,
    add,
    code,
    load,
    load_map,
    mov,
    program,
    store_reg,
)


def counter(
    prog_type: ProgType,
    section: str,
    attach_to: str = "",
    *,
    attach_type: AttachType | None = None,
    returns: int = 0,
    name: str = "count",
) -> tuple[MapSpec, ProgramSpec]:
    """A program that adds one to ``.bss`` each time it runs."""
    bss = MapSpec(
        name=".bss",
        map_type=MapType.ARRAY,
        key_size=4,
        value_size=8,
        max_entries=1,
        section=".bss",
    )
    insns = code(load_map(1), load(2, 1, 0), add(2, 1), store_reg(1, 0, 2), mov(0, returns), EXIT)
    return bss, program(
        insns,
        name=name,
        prog_type=prog_type,
        section=section,
        attach_to=attach_to,
        attach_type=attach_type,
        map_relocations=(MapRelocation(0, ".bss", 0),),
    )


def count(loaded: runtime.DynamicObject) -> int:
    return int.from_bytes(loaded.maps[".bss"][0], sys.byteorder)


def settles(loaded: runtime.DynamicObject, at_least: int) -> bool:
    """Wait, with a deadline, until the program ran *at_least* that often."""
    deadline = time.monotonic() + 5
    while count(loaded) < at_least:
        if time.monotonic() > deadline:
            return False
        time.sleep(0.001)
    return True


def call_getpgid(times: int) -> None:
    for _ in range(times):
        os.getpgid(0)


def stops(loaded: runtime.DynamicObject, trigger: Callable[[], None]) -> bool:
    """Wait, with a deadline, until *trigger* no longer makes the program run."""
    deadline = time.monotonic() + 5
    while time.monotonic() < deadline:
        before = count(loaded)
        trigger()
        if count(loaded) == before:
            return True
        time.sleep(0.001)
    return False
