"""Names of members that end up in comments of the module: they may come from anybody's object."""

from __future__ import annotations

from pathlib import Path

import pytest

from bpf2py.codegen import CodegenError, generate
from bpf2py.elf import read_object

FIXTURES = Path(__file__).parents[2] / "generated_fixtures"


@pytest.mark.parametrize("name", [b"no\ng=1", b"no\xffing", b"no\rg=1"])
def test_a_member_without_bytes_whose_name_is_no_name_is_refused(name: bytes) -> None:
    data = (FIXTURES / "types_unions.bpf.o").read_bytes()
    assert data.count(b"\0nothing\0") >= 1
    data = data.replace(b"\0nothing\0", b"\0" + name.ljust(7, b"x") + b"\0")
    with pytest.raises(CodegenError, match="no name that C could have"):
        generate(read_object(data, name="mutant.bpf.o"))
