"""Following what loading does: with logging, by the environment, and not at all."""

from __future__ import annotations

import errno
import logging
import os
import subprocess
import sys
from pathlib import Path

import pytest

from bpf2py import runtime
from bpf2py.uapi import Cmd, MapFlags
from tests.runtime.bpf_code import an_object, array, program
from tests.runtime.conftest import Attr, FakeKernel

ROOT = Path(__file__).resolve().parents[2]


def test_the_logger_hears_of_each_map_and_program(
    kernel: FakeKernel, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG, logger="bpf2py")
    runtime.load(an_object(array(), program())).close()
    assert [record.message for record in caplog.records] == [
        "object 'tests': 1 maps, 1 programs, BTF none",
        "map 'counts': created",
        "program 'prog': 2 instructions loaded, 0 relocated",
    ]


def test_what_an_old_kernel_was_spared_is_said(
    kernel: FakeKernel, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG, logger="bpf2py")

    def create(attr: Attr) -> int:
        known = not attr.u32(16) & MapFlags.MMAPABLE and not any(attr.bytes[28:44])
        return kernel.descriptor() if known else -errno.EINVAL

    kernel.handlers[Cmd.MAP_CREATE] = create
    data = array(".bss")
    data.section, data.flags, data.data = ".bss", MapFlags.MMAPABLE, bytearray(8)
    runtime.load(an_object(data)).close()
    assert (
        "map '.bss': created without mmap and a name, which this kernel refuses" in caplog.messages
    )


@pytest.mark.parametrize("level", ["debug", ""])
def test_the_environment_prints_it_without_logging(level: str) -> None:
    code = (
        "import sys\n"
        "from bpf2py.runtime.log import debug\n"
        "debug('map %r: created', 'counts')\n"
        "print('logging' in sys.modules)\n"
    )
    done = subprocess.run(
        [sys.executable, "-S", "-c", code],
        env={**os.environ, "PYTHONPATH": str(ROOT), "BPF2PY_LOG_LEVEL": level},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout == "False\n"
    assert done.stderr == ("bpf2py: map 'counts': created\n" if level else "")


def test_a_warning_shows_the_line_that_called_this_package(kernel: FakeKernel) -> None:
    kernel.handlers[Cmd.BTF_LOAD] = lambda _: -errno.EINVAL
    spec = an_object(program())
    spec.btf = b"\x9f\xeb" + bytes(30)
    with pytest.warns(RuntimeWarning, match="going on without BTF") as caught:
        runtime.load(spec).close()
    assert caught[0].filename == __file__
