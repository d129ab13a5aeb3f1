"""Configuration values: from what the user gives and from the kernel's own, into their map."""

from __future__ import annotations

import gzip
import os
import struct
from pathlib import Path

import pytest

from bpf2py.runtime import NotSupportedError, kernel
from bpf2py.runtime.externs import kconfig
from bpf2py.runtime.externs.kconfig import kconfig_data
from bpf2py.spec import KCONFIG, ExternKind, ExternSpec, Linkage, MapSpec, ObjectSpec, VariableSpec
from bpf2py.uapi import MapType

HZ = ("CONFIG_HZ", ExternKind.UNSIGNED, 4)


def an_object(*externs: tuple[str, ExternKind, int], weak: bool = False) -> ObjectSpec:
    """An object with these externs, one behind the other: name, kind, size in bytes."""
    variables: dict[str, VariableSpec] = {}
    offset = 0
    for name, _, size in externs:
        variables[name] = VariableSpec(name=name, offset=offset, size=size, linkage=Linkage.EXTERN)
        offset += size
    data = MapSpec(
        name=KCONFIG,
        map_type=MapType.ARRAY,
        value_size=offset,
        section=KCONFIG,
        variables=variables,
    )
    return ObjectSpec(
        name="thing",
        byte_order="little",
        maps={KCONFIG: data},
        externs={name: ExternSpec(name=name, kind=kind, weak=weak) for name, kind, _ in externs},
    )


@pytest.fixture
def no_kernel(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """A kernel that does not show its configuration; the paths that were asked for."""
    asked: list[str] = []

    def read(path: str | os.PathLike[str]) -> bytes:
        asked.append(os.fspath(path))
        raise FileNotFoundError(path)

    monkeypatch.setattr(kconfig, "_read", read)
    return asked


U, S = ExternKind.UNSIGNED, ExternKind.SIGNED
BOOL, TRISTATE, TEXT = ExternKind.BOOL, ExternKind.TRISTATE, ExternKind.TEXT


@pytest.mark.parametrize(
    ("kind", "size", "written", "bytes_"),
    [
        (BOOL, 1, "y", b"\1"),
        (BOOL, 1, "n", b"\0"),
        (TRISTATE, 4, "n", b"\0\0\0\0"),
        (TRISTATE, 4, "y", b"\1\0\0\0"),
        (TRISTATE, 4, "m", b"\2\0\0\0"),
        (TRISTATE, 8, "m", b"\2\0\0\0\0\0\0\0"),
        (S, 1, "y", b"y"),
        (U, 1, "m", b"m"),
        (U, 1, "255", b"\xff"),
        (S, 1, "-128", b"\x80"),
        (S, 1, "127", b"\x7f"),
        (U, 2, "0xffff", b"\xff\xff"),
        (S, 2, "-0x8000", b"\x00\x80"),
        (U, 4, "250", b"\xfa\0\0\0"),
        (S, 4, "-1", b"\xff\xff\xff\xff"),
        (U, 4, "010", b"\x08\0\0\0"),
        (U, 8, "0xffffffff80000000", struct.pack("<Q", 0xFFFFFFFF80000000)),
        (S, 8, "0xffffffff80000000", struct.pack("<Q", 0xFFFFFFFF80000000)),
        (TEXT, 8, '"abc"', b"abc\0\0\0\0\0"),
        (TEXT, 4, '""', b"\0\0\0\0"),
        (TEXT, 4, '"a=b"', b"a=b\0"),
        (TEXT, 8, '"a"b"', b'a"b\0\0\0\0\0'),
    ],
)
def test_a_value_is_stored_as_its_extern_wants_it(
    kind: ExternKind, size: int, written: str, bytes_: bytes
) -> None:
    spec = an_object(("CONFIG_X", kind, size))
    assert kconfig_data(spec, f"CONFIG_X={written}\n".encode()) == bytes_


@pytest.mark.parametrize(
    ("kind", "size", "written", "message"),
    [
        (BOOL, 1, "m", "says m, which is a tristate; the extern is declared as a bool"),
        (BOOL, 1, "1", "says 1, which is a number; the extern is declared as a bool"),
        (U, 4, "y", "says y, which is a bool or tristate; the extern is declared as a number"),
        (U, 4, '"a"', 'says "a", which is a text; the extern is declared as a number'),
        (TEXT, 4, "7", "says 7, which is a number; the extern is declared as a text"),
        (TEXT, 4, "y", "is a bool or tristate; the extern is declared as a text"),
        (TRISTATE, 4, "2", "is a number; the extern is declared as a tristate"),
        (U, 1, "256", r"says 256, which does not fit into 1 byte \(0 to 255\)"),
        (U, 2, "-1", r"does not fit into 2 bytes \(0 to 65535\)"),
        (S, 1, "128", r"does not fit into 1 byte \(-128 to 127\)"),
        (S, 4, "0xffffffff", r"says 4294967295, which does not fit into 4 bytes"),
        (U, 8, "0x10000000000000000", "does not fit into 8 bytes"),
        (U, 4, "12ab", "says '12ab', which is no value"),
        (U, 4, "", "says '', which is no value"),
        (TEXT, 4, '"abc', "says '\"abc', which has no end"),
    ],
)
def test_a_value_that_does_not_fit_is_refused_by_name(
    kind: ExternKind, size: int, written: str, message: str
) -> None:
    spec = an_object(("CONFIG_X", kind, size))
    with pytest.raises(ValueError, match=f"extern 'CONFIG_X' of object 'thing'.*{message}"):
        kconfig_data(spec, f"CONFIG_X={written}\n".encode())


def test_a_text_that_is_too_long_is_cut_off_with_a_warning() -> None:
    spec = an_object(("CONFIG_X", TEXT, 4))
    with pytest.warns(RuntimeWarning, match=r"CONFIG_X.*abcdef.*only 3 bytes fit"):
        assert kconfig_data(spec, b'CONFIG_X="abcdef"') == b"abc\0"


def test_whole_names_count_and_of_several_lines_the_first() -> None:
    text = b"# CONFIG_HZ=1\nMY_CONFIG_HZ=2\nCONFIG_HZ_X=3\r\nCONFIG_HZ=250\r\nCONFIG_HZ=100\n"
    assert kconfig_data(an_object(HZ), text) == b"\xfa\0\0\0"


@pytest.mark.parametrize(
    ("kind", "size", "value", "bytes_"),
    [
        (BOOL, 1, True, b"\1"),
        (BOOL, 1, "n", b"\0"),
        (TRISTATE, 4, False, b"\0\0\0\0"),
        (TRISTATE, 4, "m", b"\2\0\0\0"),
        (U, 4, 250, b"\xfa\0\0\0"),
        (S, 4, -2, b"\xfe\xff\xff\xff"),
        (U, 4, "0x10", b"\x10\0\0\0"),
        (TEXT, 8, "y", b"y\0\0\0\0\0\0\0"),
        (TEXT, 8, 'a"b', b'a"b\0\0\0\0\0'),
    ],
)
def test_values_can_be_given_in_python(
    kind: ExternKind, size: int, value: bool | int | str, bytes_: bytes
) -> None:
    assert kconfig_data(an_object(("CONFIG_X", kind, size)), {"CONFIG_X": value}) == bytes_


def test_a_value_for_an_extern_that_is_not_there_is_refused() -> None:
    with pytest.raises(ValueError, match="no extern 'CONFIG_HS'; there are: CONFIG_HZ"):
        kconfig_data(an_object(HZ), {"CONFIG_HS": 1})


@pytest.mark.parametrize("pack", [bytes, gzip.compress], ids=["plain", "gzip"])
def test_a_file_may_be_packed(tmp_path: Path, pack: type[bytes]) -> None:
    path = tmp_path / "config"
    path.write_bytes(pack(b"CONFIG_HZ=250\n"))
    assert kconfig_data(an_object(HZ), path) == b"\xfa\0\0\0"
    assert kconfig_data(an_object(HZ), str(path)) == b"\xfa\0\0\0"
    assert kconfig_data(an_object(HZ), path.read_bytes()) == b"\xfa\0\0\0"


def test_a_damaged_file_is_refused_by_name(tmp_path: Path) -> None:
    path = tmp_path / "config.gz"
    path.write_bytes(gzip.compress(b"CONFIG_HZ=250\n")[:15])
    with pytest.raises(ValueError, match=r"config\.gz is no configuration"):
        kconfig_data(an_object(HZ), path)


def test_text_given_as_a_path_is_explained() -> None:
    with pytest.raises(FileNotFoundError) as caught:
        kconfig_data(an_object(HZ), "CONFIG_HZ=250")
    assert "give the text itself as bytes" in caught.value.__notes__[0]


# ---- the kernel's own ----


def test_the_kernels_configuration_fills_what_is_open(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kconfig, "_read", lambda path: b"CONFIG_HZ=100\nCONFIG_B=7\n")
    spec = an_object(HZ, ("CONFIG_B", U, 1))
    assert kconfig_data(spec, {"CONFIG_HZ": 250}) == b"\xfa\0\0\0\7"
    assert kconfig_data(spec, b"CONFIG_HZ=250") == b"\xfa\0\0\0\7"
    assert kconfig_data(spec, None) == b"\x64\0\0\0\7"


def test_nothing_is_read_if_all_is_given(no_kernel: list[str]) -> None:
    kconfig_data(an_object(HZ), {"CONFIG_HZ": 250})
    kconfig_data(an_object(("LINUX_KERNEL_VERSION", S, 4)), None)
    assert no_kernel == []


def test_the_kernels_configuration_is_looked_for_in_two_places(no_kernel: list[str]) -> None:
    with pytest.raises(NotSupportedError, match=r"neither /boot/config-.* nor /proc/config.gz is"):
        kconfig_data(an_object(HZ, weak=True), None)
    assert no_kernel == [f"/boot/config-{os.uname().release}", "/proc/config.gz"]


def test_what_is_given_may_be_all_there_is(no_kernel: list[str]) -> None:
    spec = an_object(HZ, ("CONFIG_B", U, 1), weak=True)
    assert kconfig_data(spec, {"CONFIG_HZ": 250}) == b"\xfa\0\0\0\0"


def test_a_value_that_is_not_set_is_zero_if_weak_and_refused_if_not(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    text = b"# CONFIG_HZ is not set\nCONFIG_B=1\n"
    monkeypatch.setattr(kconfig, "_read", lambda path: text)
    assert kconfig_data(an_object(HZ, weak=True), None) == bytes(4)
    with pytest.raises(NotSupportedError) as caught:
        kconfig_data(an_object(HZ, ("CONFIG_Y", U, 1)), b"CONFIG_Z=1")
    for part in ("CONFIG_HZ, CONFIG_Y", "kconfig or /boot/config-", "'thing'", "__weak"):
        assert part in str(caught.value)


# ---- what is no configuration ----


def test_facts_about_the_kernel_are_found_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(kconfig._FACTS, "LINUX_HAS_BPF_COOKIE", lambda: 1)
    spec = an_object(("LINUX_KERNEL_VERSION", S, 4), ("LINUX_HAS_BPF_COOKIE", BOOL, 1))
    assert kconfig_data(spec, None) == struct.pack("<IB", kernel.version_code(), 1)


def test_facts_can_be_given_for_a_test() -> None:
    spec = an_object(("LINUX_KERNEL_VERSION", S, 4))
    assert kconfig_data(spec, {"LINUX_KERNEL_VERSION": 0x050A00}) == b"\x00\x0a\x05\x00"


def test_a_file_cannot_change_facts() -> None:
    spec = an_object(("LINUX_KERNEL_VERSION", S, 4))
    data = kconfig_data(spec, b"LINUX_KERNEL_VERSION=1\n")
    assert data == struct.pack("<I", kernel.version_code())


def test_a_fact_that_does_not_fit_is_refused() -> None:
    with pytest.raises(ValueError, match=r"LINUX_KERNEL_VERSION.*does not fit into 2 bytes"):
        kconfig_data(an_object(("LINUX_KERNEL_VERSION", U, 2)), None)


@pytest.mark.parametrize(
    ("name", "weak", "known"),
    [
        ("LINUX_HAS_NOTHING", True, True),
        ("LINUX_HAS_NOTHING", False, False),
        ("OTHER", True, False),
    ],
)
def test_only_a_weak_linux_name_may_be_unknown(name: str, weak: bool, known: bool) -> None:
    spec = an_object((name, U, 4), weak=weak)
    if known:
        assert kconfig_data(spec, None) == bytes(4)
        return
    with pytest.raises(ValueError, match=f"{name}.*one of LINUX_KERNEL_VERSION, LINUX_HAS"):
        kconfig_data(spec, None)


@pytest.mark.parametrize(
    ("release", "version", "signature", "code"),
    [
        ("6.1.11", "#1 SMP", "", 0x06010B),
        ("5.4.0-12-generic", "#15-Ubuntu", "Ubuntu 5.4.0-12.15-generic 5.4.8\n", 0x050408),
        ("4.19.0-22-amd64", "#1 SMP Debian 4.19.260-1 (2022-09-29)", "", 0x0413FF),
        ("6.1.0-18-amd64", "#1 SMP PREEMPT_DYNAMIC Debian 6.1.76-1 (2024-02-01)", "", 0x06014C),
        ("6.18.44-fc-v657", "#1 SMP PREEMPT_DYNAMIC @0", "", 0x06122C),
        ("6.19.0-rc3+", "#2 Debian testing", "", 0x061300),
        ("4.4.302-st1", "#1", "damaged", 0x0404FF),
    ],
)
def test_the_version_is_the_one_programs_are_compiled_for(
    release: str, version: str, signature: str, code: int
) -> None:
    assert kernel.find_version_code(release, version, signature) == code


def test_a_kernel_without_a_version_is_an_error() -> None:
    with pytest.raises(ValueError, match="'unknown' is no version"):
        kernel.find_version_code("unknown", "#1", "")
