"""For all tests: in CI, kernel tests that can run on this machine must have run.

A kernel test skips where there are no rights or no feature, and says why.  That is right for a
developer and a trap for CI: a whole suite of skips is green.  So with ``CI`` set, a full run fails
if this machine lets us call bpf(2) and not one test under ``tests/kernel`` passed.
"""

from __future__ import annotations

import ctypes
import os
import platform
import struct

import pytest
from hypothesis import HealthCheck, settings

# What an example gives is tested, not how long it took on a machine that has other things to do.
settings.register_profile(
    "any machine", settings(), deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
settings.load_profile("any machine")

#: ``__NR_bpf``, written down a second time: this check must not trust the code under test.
_NR_BPF = {
    "x86_64": 321,
    "aarch64": 280,
    "riscv64": 280,
    "loongarch64": 280,
    "s390x": 351,
    "ppc64le": 361,
}

_KERNEL_TESTS = "tests/kernel/"


def bpf_works() -> bool:
    """Whether this process may create a BPF map: root, and no sandbox in between."""
    number = _NR_BPF.get(platform.machine())
    if number is None or os.geteuid() != 0:
        return False
    # union bpf_attr of BPF_MAP_CREATE: an array map of one four-byte value
    attr = ctypes.create_string_buffer(struct.pack("=IIIII", 2, 4, 4, 1, 0).ljust(72, b"\0"))
    fd: int = ctypes.CDLL(None, use_errno=True).syscall(number, 0, attr, 72)
    if fd < 0:
        return False
    os.close(fd)
    return True


class _KernelTestsRan:
    """Counts kernel tests that passed, and fails the session if there should have been some."""

    def __init__(self) -> None:
        self.passed = 0
        self.complaint = ""

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if report.when == "call" and report.passed and report.nodeid.startswith(_KERNEL_TESTS):
            self.passed += 1

    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        if not self.passed and not session.config.option.collectonly and bpf_works():
            self.complaint = f"bpf(2) works here, but no test of {_KERNEL_TESTS} passed"
            session.exitstatus = pytest.ExitCode.TESTS_FAILED

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        if self.complaint:
            terminalreporter.section("kernel tests did not run", red=True)
            terminalreporter.line(self.complaint)


def pytest_configure(config: pytest.Config) -> None:
    """Watch the run if it is CI's and a full one: no files were named on the command line."""
    full = config.args_source == pytest.Config.ArgsSource.TESTPATHS
    if os.environ.get("CI") and full:
        config.pluginmanager.register(_KernelTestsRan(), "kernel-tests-ran")
