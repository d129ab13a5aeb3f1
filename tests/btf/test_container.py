"""BTF in what it may be packed in: each gives the same bytes, and damage is a BTFError."""

from __future__ import annotations

import contextlib
import gzip
import io
import lzma
import tarfile
import tracemalloc
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bpf2py.btf import BTFError, container, encode
from bpf2py.btf import types as t
from bpf2py.btf.container import members, unpack
from bpf2py.elf.reader import named_sections
from bpf2py.runtime.hub_names import is_name_of_archive, is_name_of_btf, stem
from tests.support.elfwriter import COMPRESSED, executable

RAW = encode([t.Int("int", 4, 32)], byte_order="little")


def tar(files: dict[str, bytes]) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        for name, content in files.items():
            info = tarfile.TarInfo(name)
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))
    return buffer.getvalue()


PACKED: dict[str, Callable[[bytes], bytes]] = {
    "raw": lambda data: data,
    "xz": lzma.compress,
    "gzip": gzip.compress,
    "tar": lambda data: tar({"README": b"no", "./5.4.btf": data}),
    "tar.xz": lambda data: lzma.compress(tar({"5.4.btf": data})),
    "tar.gz": lambda data: gzip.compress(tar({"5.4.btf": data})),
    "vmlinux": lambda data: executable({".BTF": data}),
    "vmlinux of 32 bits": lambda data: executable({".BTF": data}, order="little", bits=32),
    "vmlinux of s390x": lambda data: executable({".BTF": data}, order="big", bits=64),
    "vmlinux of ppc": lambda data: executable({".BTF": data}, order="big", bits=32),
    "vmlinux.xz": lambda data: lzma.compress(executable({".BTF": data})),
}


@pytest.mark.parametrize("how", PACKED)
def test_whatever_it_is_packed_in_the_btf_is_the_same(how: str) -> None:
    assert bytes(unpack(PACKED[how](RAW))) == RAW


@pytest.mark.parametrize("name", ["core_fields.bpf.o", "core_fields.eb.bpf.o"])
def test_the_section_is_the_one_that_pyelftools_finds(name: str) -> None:
    data = (Path(__file__).parents[2] / "generated_fixtures" / name).read_bytes()
    assert unpack(data) == named_sections(io.BytesIO(data), (".BTF",), name=name)[".BTF"]


@pytest.mark.parametrize(
    ("data", "complaint"),
    [
        (b"", "empty"),
        (b"some text", "neither BTF"),
        (lzma.compress(RAW)[:-9], "xz that is cut off"),
        (b"\xfd7zXZ\0 and more", "damaged xz"),
        (gzip.compress(RAW)[:-9], "gzip that is cut off"),
        (tar({"a.btf": RAW, "b.btf": RAW}), "2 files"),
        (tar({"a": RAW}), "0 files"),
        (tar({"a.btf": RAW})[:520], "archive that is cut off"),
        (executable({".BTF": RAW})[:60], "damaged ELF"),
        (executable({".BTF": RAW})[:-40], "damaged ELF"),
        (executable({".DTF": RAW}), "without a section .BTF"),
        (executable({".BTF": RAW}, flags=COMPRESSED), "compressed"),
        (executable({".BTF.base": RAW}), "a base of its own"),
        (b"\x7fELF", "damaged ELF"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_what_is_no_btf_is_said(data: bytes, complaint: str) -> None:
    with pytest.raises(BTFError, match=complaint):
        unpack(data)


@given(st.sampled_from(sorted(PACKED)), st.data())
def test_damage_gives_some_bytes_or_a_btf_error(how: str, data: st.DataObject) -> None:
    packed = bytearray(PACKED[how](RAW))
    for _ in range(data.draw(st.integers(1, 4))):
        packed[data.draw(st.integers(0, len(packed) - 1))] = data.draw(st.integers(0, 255))
    del packed[data.draw(st.integers(0, len(packed))) :]
    with contextlib.suppress(BTFError):
        unpack(bytes(packed))


@pytest.mark.parametrize("pack", [lzma.compress, gzip.compress])
def test_what_claims_to_be_endless_is_not_unpacked(
    pack: Callable[[bytes], bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(container, "_LIMIT", 32 << 20)
    bomb = pack(bytes(128 << 20))
    tracemalloc.start()
    with pytest.raises(BTFError, match=r"(xz|gzip) with more than 32 MiB in it"):
        unpack(bomb)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 3 * container._LIMIT


@pytest.mark.parametrize("pack", [lzma.compress, gzip.compress])
def test_files_of_a_packer_one_behind_the_other_are_one(pack: Callable[[bytes], bytes]) -> None:
    assert unpack(pack(RAW[:9]) + bytes(4) + pack(RAW[9:])) == RAW


FORMATS = {"ustar": tarfile.USTAR_FORMAT, "gnu": tarfile.GNU_FORMAT, "pax": tarfile.PAX_FORMAT}


@pytest.mark.parametrize("how", FORMATS)
def test_an_archive_has_what_tarfile_put_into_it(how: str) -> None:
    files = {
        "a.btf": RAW,
        "folder/b.btf": RAW * 40,
        "empty": b"",
        f"{'long/' * 25}{'n' * 90}.btf": b"1",
        "/absolute": b"2",
        "x/../up": b"3",
    }
    if how != "ustar":
        files |= {f"{'n' * 300}.btf": b"4", "ümläut": b"5"}
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=FORMATS[how]) as archive:
        for name, content in files.items():
            info = tarfile.TarInfo(name)
            info.size = len(content)
            info.mtime = 1.5
            archive.addfile(info, io.BytesIO(content))
        for kind in (tarfile.DIRTYPE, tarfile.SYMTYPE, tarfile.FIFOTYPE, tarfile.CHRTYPE):
            info = tarfile.TarInfo("other.btf")
            info.type, info.linkname = kind, "a.btf"
            archive.addfile(info)
    assert dict(members(buffer.getvalue())) == files


def test_hard_links_lead_back_only() -> None:
    def linked(*pairs: tuple[str, str]) -> bytes:
        buffer = io.BytesIO()
        with tarfile.open(fileobj=buffer, mode="w") as archive:
            for name, target in pairs:
                info = tarfile.TarInfo(name)
                info.type, info.linkname = tarfile.LNKTYPE, target
                archive.addfile(info)
        return buffer.getvalue()

    for pairs in ([("a", "a")], [("a", "b"), ("b", "a")]):
        with pytest.raises(BTFError, match=r"a link to .*, which is missing"):
            list(members(linked(*pairs)))
    first = tar({"0": RAW})[: 512 * 2]
    chain = first + linked(*((str(number), str(number - 1)) for number in range(1, 3000)))
    assert dict(members(chain))["2999"] == RAW


@pytest.mark.parametrize(
    ("place", "field"),
    [(124, b"77777777777\0"), (124, b"\x80" + b"\xff" * 11), (124, b"-0000000001\0"), (148, b"7")],
)
def test_a_tar_header_that_lies_is_refused(place: int, field: bytes) -> None:
    header = bytearray(tar({"a.btf": RAW}))
    header[place : place + len(field)] = field
    if place != 148:
        header[148:156] = b" " * 8
        header[148:156] = b"%06o\0 " % sum(header[:512])
    with pytest.raises(BTFError, match="archive"):
        list(members(bytes(header)))


def test_a_hard_link_in_an_archive_is_what_it_leads_to() -> None:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        info = tarfile.TarInfo("a.btf")
        info.size = len(RAW)
        archive.addfile(info, io.BytesIO(RAW))
        link = tarfile.TarInfo("b.btf")
        link.type, link.linkname = tarfile.LNKTYPE, "a.btf"
        archive.addfile(link)
    assert dict(members(buffer.getvalue())) == {"a.btf": RAW, "b.btf": RAW}


@pytest.mark.parametrize(
    ("name", "short", "archive"),
    [
        ("5.4.0-91-generic.btf", "5.4.0-91-generic", False),
        ("5.4.0-91-generic.btf.tar.xz", "5.4.0-91-generic", False),
        ("4.14.0.amzn2.x86_64.btf.xz", "4.14.0.amzn2.x86_64", False),
        ("a.btf.tar", "a", False),
        ("btf.tar.xz", "btf.tar.xz", True),
        ("kernels.tar", "kernels.tar", True),
        ("vmlinux", "vmlinux", False),
        ("notes.xz", "notes.xz", False),
    ],
)
def test_names_tell_one_kernel_from_many(name: str, short: str, archive: bool) -> None:
    assert stem(name) == short
    assert is_name_of_btf(name) == (short != name)
    assert is_name_of_archive(name) == archive
