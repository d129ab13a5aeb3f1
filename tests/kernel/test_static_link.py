"""Objects linked from two files, loaded and run: each name is the definition that counts.

What the programs return is reckoned here from the two sources in tests/elf/objects.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from bpf2py import runtime
from bpf2py.elf import link_object_files, read_object
from bpf2py.spec import ObjectSpec
from tests.conftest import bpf_works
from tests.kernel.abilities import requires

pytestmark = pytest.mark.skipif(not bpf_works(), reason="needs root and bpf(2)")

OBJECTS = Path(__file__).parents[1] / "elf" / "objects"
PACKET = bytes(64)
CONFIG = b'CONFIG_BPF_SYSCALL=y\nCONFIG_CC_VERSION_TEXT="some"\n'


def linked(name: str) -> ObjectSpec:
    files = [OBJECTS / f"{name}_{half}.o" for half in ("one", "two")]
    return read_object(link_object_files(files), name=f"{name}.bpf.o")


def test_programs_of_two_files_see_one_another_s_definitions() -> None:
    requires("bpf_loop (5.17)")
    with runtime.load(linked("part"), kconfig=CONFIG) as loaded:
        # limit, table[1], table[0], custom, replaced, kept, both_weak, hidden_one
        counted = 100 + 20 + 2 + 1 + 5 + 2 + 30 + 11 + 3
        loops = 1 + 2 + 3 + 4
        overridden, there, hidden = loops * 9 - 5, 0 + 2 + (0 + 7 + 2), 1 * 9 * 7
        helper, mode = 1 + 7, 1
        one = loaded.programs["one"].run(PACKET)
        assert one.return_value == overridden + there + hidden + helper + mode
        loops = 10 * (0 + 1 + 2)
        two = loaded.programs["two"].run(PACKET)
        # hidden_one, counted, custom_two, list.mode, replaced, kept, both values of the
        # configuration, "abc"[0]
        rest = 3 + counted + 6 + 1 + 2 + 30 + 2 + 97
        assert two.return_value == loops * 9 + rest


def test_weak_variables_are_the_definition_that_counts_wherever_it_lies() -> None:
    with runtime.load(linked("moved")) as loaded:
        assert loaded.programs["moved_one"].run(PACKET).return_value == 0
        assert loaded.programs["moved_two"].run(PACKET).return_value == 2 + 0 + 7 + 0
        assert loaded.programs["moved_one"].run(PACKET).return_value == 100 * 2 + 0
