"""``bpf2py link``: several objects, one file."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from bpf2py.cli.main import cli
from bpf2py.elf import link_object_files

OBJECTS = Path(__file__).parents[1] / "elf" / "objects"
ONE, TWO = OBJECTS / "part_one.o", OBJECTS / "part_two.o"


def run(*arguments: str | Path) -> Result:
    return CliRunner().invoke(cli, ["link", *map(str, arguments)])


def test_two_objects_become_one_file(tmp_path: Path) -> None:
    target = tmp_path / "new" / "part.bpf.o"
    result = run(ONE, TWO, "-o", target)
    assert result.exit_code == 0, result.output
    assert target.read_bytes() == link_object_files([ONE, TWO])
    size = target.stat().st_size
    assert result.stdout == f"{target}: {size} bytes of 2 objects, 4 programs, 14 maps\n"


def test_what_nobody_defines_yet_is_named_and_can_be_linked_later(tmp_path: Path) -> None:
    half, whole = tmp_path / "half.o", tmp_path / "whole.o"
    result = run(ONE, "-o", half)
    assert result.exit_code == 0
    assert "not to be loaded as it is (half.o: map 'shared' is extern" in result.stdout
    assert run(half, TWO, "-o", whole).exit_code == 0


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ((ONE, ONE), "both define 'defined_here'"),
        ((ONE, OBJECTS / "part.eb.bpf.o"), "is little-endian"),
    ],
)
def test_what_does_not_fit_together_is_refused_in_a_line(
    arguments: tuple[Path, ...], said: str, tmp_path: Path
) -> None:
    target = tmp_path / "x.o"
    result = run(*arguments, "-o", target)
    assert result.exit_code == 1
    assert result.stderr.startswith("Error: ")
    assert said in result.stderr
    assert not target.exists()


def test_an_input_is_never_written_over(tmp_path: Path) -> None:
    one = tmp_path / "one.o"
    one.write_bytes(ONE.read_bytes())
    result = run(one, TWO, "-o", one)
    assert result.exit_code == 1
    assert "is to be linked and to be written" in result.stderr
    assert one.read_bytes() == ONE.read_bytes()
