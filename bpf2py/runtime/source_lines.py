"""From an instruction's number to its line of C.

In: a program's ``line_info`` and the object's BTF, whose strings it points into.  Out: text such
as ``opensnoop.bpf.c:12: x = *p;``, read only when somebody asks.
"""

from __future__ import annotations

from ..light import TYPE_CHECKING, Callable
from ..spec import ByteOrder, ProgramSpec

if TYPE_CHECKING:
    from ..btf import LineInfo, TypeTable


def source_of(
    program: ProgramSpec, table: Callable[[], TypeTable], byte_order: ByteOrder
) -> Callable[[int], str]:
    """A function from instruction number to C line; it gives "" where nothing is known."""
    records: list[LineInfo] | None = None

    def find(insn: int) -> str:
        nonlocal records
        from bisect import bisect_right

        from ..btf import BTFError
        from ..btf.ext_info import decode_line_info

        if not program.line_info:
            return ""
        if records is None:
            records = decode_line_info(program.line_info, byte_order)
        at = bisect_right(records, insn, key=lambda record: record.insn_offset) - 1
        if at < 0:
            return ""
        record = records[at]
        try:
            file = table().string(record.file_name_off)
            text = table().string(record.line_off).strip()
        except BTFError:
            return ""
        return f"{file.rpartition('/')[2]}:{record.line}: {text}"

    return find
