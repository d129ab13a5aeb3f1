"""One blob's worth of types with all 19 kinds, such that the kernel takes it."""

from __future__ import annotations

from bpf2py.btf import types as t

EVERY_KIND: list[t.Type] = [
    t.Int("int", 4, 32, signed=True),
    t.Int("char", 1, 8, char=True),
    t.Int("u32", 4, 32),
    t.Array(2, 1, 16),
    t.Struct("pair", 8, (t.Member("x", 1, 0), t.Member("y", 1, 32))),
    t.Struct("bits", 4, (t.Member("a", 3, 0, 3), t.Member("b", 3, 3, 29)), kind_flag=True),
    t.Union("both", 16, (t.Member("number", 1, 0), t.Member("text", 4, 0))),
    t.Enum("color", 4, (t.Enumerator("RED", -1), t.Enumerator("BLUE", 7)), signed=True),
    t.Enum64(
        "wide", 8, (t.Enumerator("LOW", -(1 << 40)), t.Enumerator("UP", 1 << 40)), signed=True
    ),
    t.Fwd("unknown"),
    t.Typedef("pair_t", 5),
    t.Const(11),
    t.Volatile(12),
    t.TypeTag("user", 13),
    t.Ptr(14),
    t.Restrict(15),
    t.Float("double", 8),
    t.FuncProto(1, (t.Param("first", 16), t.Param("second", 17))),
    t.Func("function", 18, 1),
    t.DeclTag("tag", 5),
    t.Var("variable", 1, 1),
    t.Datasec(".data", 4, (t.SectionVar(21, 0, 4),)),
]
