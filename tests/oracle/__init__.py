"""libbpf as a witness: what it makes of an object file, to compare with what we make of it.

``recorder.c`` (preloaded: writes down each bpf(2) call) and ``libbpf_loader.c`` are compiled
against the machine's libbpf, or the one under the prefix in BPF2PY_LIBBPF, once, into the user's
cache folder.  ``run_libbpf`` and ``run_ours`` load objects under the recorder and give back what
was said to the kernel, as ``traces`` reads it.  Where there is no compiler or no libbpf, tests skip
and say so (``require_libbpf``).
"""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from enum import StrEnum
from functools import cache
from pathlib import Path

import pytest

from .traces import Trace, read_traces

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
#: An object that takes longer than this hangs: the kernel verifies nothing for so long.
TIMEOUT = 120


class Kernel(StrEnum):
    """What answers the calls; see ``recorder.c``."""

    WILLING = "willing"
    NONE = "none"
    #: None, but one that does not know context tags (6.8).
    OLD = "old"


class Unbuildable(Exception):
    """There is no compiler, or no libbpf to compile against; the text says which."""


def _prefix() -> Path | None:
    """Where another libbpf than the machine's is, if one is asked for."""
    prefix = os.environ.get("BPF2PY_LIBBPF")
    return Path(prefix) if prefix else None


@cache
def _built(source: str, *flags: str) -> Path:
    compiler = shutil.which(os.environ.get("CC", "cc"))
    if compiler is None:
        raise Unbuildable("no C compiler to build the libbpf witness with")
    file = HERE / source
    key = hashlib.sha256(file.read_bytes() + " ".join(flags).encode()).hexdigest()[:16]
    cache_home = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    program = cache_home / "bpf2py-tests" / f"{file.stem}-{key}"
    if program.exists():
        return program
    program.parent.mkdir(parents=True, exist_ok=True)
    made = program.with_name(f"{program.name}.{os.getpid()}")
    done = subprocess.run(
        [compiler, "-O1", "-o", made, file, *flags], capture_output=True, text=True
    )
    if done.returncode:
        raise Unbuildable(f"{source} does not build (libbpf-dev missing?): {done.stderr[:300]}")
    made.replace(program)
    return program


def recorder() -> Path:
    """The library to preload.  Raises Unbuildable."""
    return _built("recorder.c", "-shared", "-fPIC", "-ldl")


def libbpf_loader() -> Path:
    """The program that loads with libbpf.  Raises Unbuildable."""
    prefix = _prefix()
    if prefix is None:
        return _built("libbpf_loader.c", "-lbpf", "-ldl")
    flags = [f"-I{prefix}/include"]
    flags += [flag for lib in ("lib64", "lib") for flag in (f"-L{prefix}/{lib}",)]
    flags += [f"-Wl,-rpath,{prefix}/{lib}" for lib in ("lib64", "lib")]
    return _built("libbpf_loader.c", *flags, "-lbpf", "-lelf", "-lz", "-ldl")


def require_libbpf() -> None:
    """Skip the test, with the reason, where libbpf cannot be asked."""
    try:
        recorder()
        libbpf_loader()
    except Unbuildable as exc:
        pytest.skip(str(exc))


def run_libbpf(
    paths: Sequence[Path],
    *,
    kernel: Kernel,
    btf: Path | None = None,
    kconfig: str | None = None,
    everything: bool = False,
    programs: Sequence[str] = (),
    without: Sequence[str] = (),
) -> tuple[str, list[Trace]]:
    """libbpf's version and what it does with each object.

    *btf* is another kernel's BTF in place of the running one's, *kconfig* text of a configuration
    that comes before the running one's; *everything*, and *programs*, are
    loaded although their sections say they are not to be, those of *without* never.
    """
    command: list[str | Path] = [libbpf_loader()]
    if btf is not None:
        command += ["-b", btf]
    if kconfig is not None:
        command += ["-k", kconfig]
    if everything:
        command.append("-a")
    for name in programs:
        command += ["-p", name]
    for name in without:
        command += ["-x", name]
    return _run(command, paths, kernel)


def run_ours(
    paths: Sequence[Path],
    *,
    kernel: Kernel,
    everything: bool = False,
    without: Sequence[str] = (),
) -> list[Trace]:
    """What we do with each object; the arguments are those of ``run_libbpf``."""
    command: list[str | Path] = [sys.executable, "-P", "-m", "tests.oracle.our_loader"]
    if everything:
        command.append("-a")
    for name in without:
        command += ["-x", name]
    return _run(command, paths, kernel)[1]


def _run(
    command: list[str | Path], paths: Sequence[Path], kernel: Kernel
) -> tuple[str, list[Trace]]:
    """A trace for each of *paths*; a loader that crashes is started again behind where it was."""
    left = list(paths)
    version = ""
    found: list[Trace] = []
    while left:
        with tempfile.TemporaryFile("w+", errors="replace") as lines:
            environment = {
                **os.environ,
                "PYTHONPATH": str(ROOT),
                "LD_PRELOAD": str(recorder()),
                "BPF2PY_RECORD": str(lines.fileno()),
                "BPF2PY_KERNEL": kernel,
            }
            why = ""
            try:
                done = subprocess.run(
                    [*command, *left],
                    env=environment,
                    pass_fds=(lines.fileno(),),
                    cwd=ROOT,
                    stdout=subprocess.DEVNULL,
                    stderr=subprocess.PIPE,
                    text=True,
                    errors="replace",
                    timeout=TIMEOUT * min(len(left), 10),
                )
                if done.returncode:
                    why = f"exit {done.returncode}: {done.stderr.strip()[-300:]}"
            except subprocess.TimeoutExpired:
                why = f"still busy after {TIMEOUT * min(len(left), 10)} seconds"
            lines.seek(0)
            version, traces = read_traces(lines)
        if not traces:
            raise RuntimeError(f"{command[0]} says nothing: {why}")
        if traces[-1].outcome == "crashed":
            traces[-1].reason = why
        found += traces
        left = left[len(traces) :]
    return version, found
