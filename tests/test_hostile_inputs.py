"""Broken files of other kinds than objects: whatever is done to them, an answer or our errors.

As ``test_hostile_objects``, for what is linked, what BTF is packed in, the BTF of modules and
kernels, and the kernel's configuration.
"""

from __future__ import annotations

import gzip
import lzma
import random
import tempfile
from collections.abc import Callable
from pathlib import Path

import pytest

from bpf2py.btf import BTFError, TypeTable, decode, encode
from bpf2py.btf import types as t
from bpf2py.btf.container import unpack
from bpf2py.btf.core_errors import RelocationError
from bpf2py.btf.reduce import reduce
from bpf2py.btf.values import decode_value, format_value
from bpf2py.elf import ObjectError, link_objects, read_btf_file, read_object
from bpf2py.project.hub import archive, needs_of
from bpf2py.runtime.btf_hub import choose, entries_of_archive, this_kernel
from bpf2py.runtime.core_report import against
from bpf2py.runtime.errors import NotSupportedError
from bpf2py.runtime.externs.kconfig import kconfig_data
from tests.elf.test_btf_file import BASE, SPLIT
from tests.support.elfwriter import executable
from tests.test_hostile_objects import FIXTURES, OBJECTS, found_in_mutants

CORE = FIXTURES / "core_fields.bpf.o"
SPEC = read_object(CORE.read_bytes(), name=CORE.name)
#: A kernel whose structs are those of the object itself.
KERNEL = SPEC.btf


def _link(data: bytes) -> None:
    """Linked to itself, to another before and behind it, and read."""
    other = (FIXTURES / "externs.bpf.o").read_bytes()
    for pair in ((data,), (data, data), (other, data), (data, other)):
        try:
            linked = link_objects((f"{number}.o", each) for number, each in enumerate(pair))
        except ObjectError:
            continue
        read_object(linked, name="linked.bpf.o")


@pytest.mark.parametrize("path", OBJECTS, ids=lambda path: path.name)
def test_broken_objects_are_linked_or_refused(path: Path) -> None:
    assert not found_in_mutants(path.name, path.read_bytes(), _link)


def _unpack(data: bytes) -> None:
    _every_value(decode(bytes(unpack(data))))


def _choose(data: bytes) -> None:
    blob, _ = choose(entries_of_archive(data), this_kernel(), "hub.tar")
    assert blob is None or decode(bytes(blob)) is not None


def _every_value(table: TypeTable) -> None:
    data = random.Random(1).randbytes(256)
    for type_id in table:
        for read in (decode_value, format_value):
            try:
                read(table, type_id, data)
            except BTFError:
                continue


def _tar(data: bytes) -> bytes:
    release = this_kernel().release
    places = [f"x/{release}.btf", "y/5.4.btf", "long" * 40 + ".btf", "z/5.5.btf"]
    return lzma.decompress(archive((each, data) for each in places))


PACKED: dict[str, tuple[bytes, Callable[[bytes], None]]] = {
    "raw": (KERNEL, _unpack),
    "xz": (lzma.compress(KERNEL), _unpack),
    "gzip": (gzip.compress(KERNEL, mtime=0), _unpack),
    "tar": (_tar(BASE), _choose),
    "tar.xz": (lzma.compress(_tar(BASE)), _choose),
    "vmlinux": (executable({".BTF": KERNEL}), _unpack),
    "vmlinux of 32 bits": (executable({".BTF": KERNEL}, order="big", bits=32), _unpack),
}


@pytest.mark.parametrize("how", PACKED)
def test_broken_files_of_btf_are_read_or_refused(how: str) -> None:
    data, use = PACKED[how]
    assert not found_in_mutants(how, data, use, (BTFError,))


def _module(data: bytes) -> None:
    kernel = [t.Int("long", 8, 64), t.Int("int", 4, 32, signed=True)]
    with tempfile.NamedTemporaryFile() as file:
        file.write(data)
        file.flush()
        table = read_btf_file(file.name, base=decode(encode(kernel, byte_order="little")))
    _every_value(table)


def test_a_broken_module_with_a_base_of_its_own_is_read_or_refused() -> None:
    data = executable({".BTF": SPLIT, ".BTF.base": BASE})
    assert not found_in_mutants("module.ko", data, _module, (ObjectError, BTFError))


def _ask(data: bytes) -> None:
    kernel = decode(data)
    for each in against(SPEC, kernel):
        assert str(each)
    decode(reduce(kernel, [needs_of(SPEC, "x.o")]))


def test_broken_btf_of_a_kernel_is_asked_or_refused() -> None:
    assert not found_in_mutants("vmlinux", KERNEL, _ask, (BTFError, RelocationError))


CONFIG = b"".join(
    b"# comment\nCONFIG_%s=%s\n" % pair
    for pair in ((b"HZ", b"250"), (b"DEFAULT_HOSTNAME", b'"(none)"'), (b"BPF_SYSCALL", b"y"))
)


@pytest.mark.parametrize("packed", [False, True])
def test_a_broken_configuration_is_read_or_refused(packed: bool) -> None:
    path = FIXTURES / "externs.bpf.o"
    spec = read_object(path.read_bytes(), name=path.name)
    data = gzip.compress(CONFIG, mtime=0) if packed else CONFIG

    def use(config: bytes) -> None:
        kconfig_data(spec, config)

    allowed = ValueError, NotSupportedError, OSError
    assert not found_in_mutants("config", data, use, allowed)
