"""A type in one line of a comment."""

from __future__ import annotations

import pytest

from bpf2py.btf import decode, encode
from bpf2py.btf import types as t
from bpf2py.codegen import CodegenError
from bpf2py.codegen.c_text import MAX_LENGTH, c_text

INT = t.Int("int", 4, 32, signed=True)


@pytest.mark.parametrize(
    ("more", "text"),
    [
        ([t.Array(1, 1, 4)], "int x.1[4]"),
        ([t.Ptr(3), t.Struct("s", 0, ())], "struct s *x.1"),
        ([t.Ptr(3), t.Struct("", 4, (t.Member("a", 1, 0),))], "struct *x.1"),
        ([t.Enum("", 4, (t.Enumerator("A", 0),))], "enum x.1"),
        ([t.Enum64("", 8, (t.Enumerator("A", 0),))], "enum x.1"),
        ([t.Ptr(3), t.TypeTag("kptr", 4), t.Fwd("u", True)], "union u *x.1"),
        ([t.Ptr(3), t.FuncProto(0, (t.Param("a", 1), t.Param("", 0)))], "void (*x.1)(int, ...)"),
        ([t.Const(3), t.Ptr(4), t.Volatile(5), t.Typedef("constant", 1)], "volatile constant *const x.1"),
        ([t.Const(3), t.Array(4, 1, 2), t.Ptr(1)], "int *const x.1[2]"),
    ],
)  # fmt: skip
def test_a_type_is_written_in_one_line(more: list[t.Type], text: str) -> None:
    assert c_text(decode(encode([INT, *more], byte_order="little")), 2, "x.1") == text


@pytest.mark.parametrize(
    ("type_", "what"),
    [
        (t.Typedef('q"', 1), "no name that C could have"),
        (t.Struct("n\n", 0, ()), "no name that C could have"),
        (t.Fwd("\\"), "no name that C could have"),
        (t.Typedef("long" * MAX_LENGTH, 1), f"^type 2: longer than {MAX_LENGTH} characters"),
        (t.Const(2), "^type 2 is nested too deep"),
        (t.Func("f", 1), r"^type 2 \(FUNC\) is no type"),
        (t.Ptr(9), "refers to type 9"),
    ],
)
def test_what_cannot_be_written_is_an_error_that_says_why(type_: t.Type, what: str) -> None:
    with pytest.raises(CodegenError, match=what):
        c_text(decode(encode([INT, type_], byte_order="little")), 2)
