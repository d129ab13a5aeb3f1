"""BTF out of whatever file holds it."""

from __future__ import annotations

import io
import lzma
from pathlib import Path

import pytest

from bpf2py.btf import decode, encode
from bpf2py.btf import types as t
from bpf2py.elf import ObjectError, is_split_btf_file, read_btf_file, read_object_file
from bpf2py.elf.reader import named_sections
from tests.support.elfwriter import executable

FIXTURES = Path(__file__).parents[2] / "generated_fixtures"
OBJECT = FIXTURES / "core_fields.bpf.o"
EM_X86_64, ET_EXEC, SHT_PROGBITS, SHT_STRTAB = 62, 2, 1, 3

BASE = encode([t.Int("int", 4, 32, signed=True)], byte_order="little")
SPLIT = encode([t.Struct("mod", 4, (t.Member("x", 1, 0),))], byte_order="little", base=decode(BASE))


def names(path: Path) -> list[str]:
    table = read_btf_file(path)
    return [table.name(each) for each in table]


@pytest.mark.parametrize(
    "content", [BASE, executable({".text": b"x", ".BTF": BASE}), lzma.compress(BASE)]
)
def test_raw_btf_and_a_kernel_s_section_are_the_same(content: bytes, tmp_path: Path) -> None:
    path = tmp_path / "vmlinux"
    path.write_bytes(content)
    assert names(path) == ["int"]
    assert not is_split_btf_file(path)


def test_an_object_s_types_are_read() -> None:
    assert read_btf_file(OBJECT).find("measured") == decode(read_object_file(OBJECT).btf).find(
        "measured"
    )
    assert read_btf_file(OBJECT).find("int")


def test_a_module_s_types_need_their_base(tmp_path: Path) -> None:
    path = tmp_path / "module"
    for content in (SPLIT, executable({".BTF": SPLIT})):
        path.write_bytes(content)
        assert is_split_btf_file(path)
        with pytest.raises(ObjectError, match=r"module: split BTF"):
            read_btf_file(path)
        table = read_btf_file(path, base=decode(BASE))
        assert table[2] == t.Struct("mod", 4, (t.Member("x", 1, 0),))


def test_a_module_may_bring_its_base(tmp_path: Path) -> None:
    path = tmp_path / "module.ko"
    path.write_bytes(executable({".BTF": SPLIT, ".BTF.base": BASE}))
    assert not is_split_btf_file(path)
    assert read_btf_file(path).name(2) == "mod"


def test_a_base_that_is_not_needed_is_not_looked_at(tmp_path: Path) -> None:
    path = tmp_path / "vmlinux"
    path.write_bytes(BASE)
    assert len(read_btf_file(path, base=decode(BASE))) == 2


@pytest.mark.parametrize(
    ("content", "what"),
    [
        (b"", "empty"),
        (b"text", "neither BTF, nor an ELF file"),
        (b"\xfd7zXZ\0", "xz that is cut off"),
        (b"\x7fELF", "the ELF file cannot be read"),
        (executable({".text": b""}), r"no section \.BTF"),
        (executable({".BTF": b""}), "bad BTF"),
        (BASE[:20], "bad BTF"),
        (executable({".BTF": SPLIT, ".BTF.base": b"\x9f\xeb"}), "bad BTF"),
    ],
)
def test_a_file_without_btf_says_what_is_wrong(content: bytes, what: str, tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(content)
    with pytest.raises(ObjectError, match=rf"file: .*{what}"):
        read_btf_file(path)


def test_any_prefix_of_a_file_is_read_or_refused(tmp_path: Path) -> None:
    whole = executable({".BTF": BASE})
    for end in range(len(whole)):
        try:
            found = named_sections(io.BytesIO(whole[:end]), (".BTF",), name="cut")
        except ObjectError:
            continue
        assert found.get(".BTF", b"") == BASE[: len(found.get(".BTF", b""))]
