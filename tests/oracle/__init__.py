"""libbpf as a witness: what it makes of an object's CO-RE records, to compare with what we make.

``relocs.c`` is compiled against the libbpf of the machine, once, into the user's cache folder.
Where there is no compiler or no libbpf, ``witness()`` skips the test and says so.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
from functools import cache
from pathlib import Path

import pytest

_SOURCE = Path(__file__).with_name("relocs.c")


class LibbpfRefused(Exception):
    """libbpf found a record it could not honour; its messages are the text."""


@cache
def _build() -> Path | str:
    """The compiled program, or why there is none."""
    compiler = shutil.which(os.environ.get("CC", "cc"))
    if compiler is None:
        return "no C compiler to build the libbpf witness with"
    source = _SOURCE.read_bytes()
    cache_home = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    # Where libbpf is, is a matter of the environment: a newer one is linked in by these.
    flags = [*os.environ.get("CFLAGS", "").split(), "-O1"]
    libraries = os.environ.get("LIBBPF_LIBS", "-lbpf").split()
    key = hashlib.sha256(source + " ".join([*flags, *libraries]).encode()).hexdigest()[:16]
    program = cache_home / "bpf2py-tests" / f"relocs-{key}"
    if program.exists():
        return program
    program.parent.mkdir(parents=True, exist_ok=True)
    made = program.with_name(f"{program.name}.{os.getpid()}")
    done = subprocess.run(
        [compiler, *flags, "-o", str(made), str(_SOURCE), *libraries],
        capture_output=True,
        text=True,
    )
    if done.returncode:
        return (
            f"the libbpf witness does not build (libbpf-dev missing?): {done.stderr.strip()[:300]}"
        )
    made.replace(program)
    return program


def witness() -> Path:
    """The witness program; skips the test where it cannot be built or run."""
    built = _build()
    if isinstance(built, str):
        pytest.skip(built)
    if os.geteuid():
        pytest.skip("libbpf creates an object's maps before it relocates: needs root")
    return built


def relocated_by_libbpf(
    object_file: Path, btf: Path | None, programs: tuple[str, ...] = ()
) -> dict[str, bytes]:
    """Program name to instructions, after libbpf relocated them.

    *btf* is another kernel's BTF instead of the running one's; *programs* are looked at although
    their sections say they are not to be loaded.  Raises LibbpfRefused.
    """
    done = subprocess.run(
        [str(witness()), str(object_file), str(btf or "-"), *programs],
        capture_output=True,
        text=True,
        timeout=60,
    )
    if done.returncode == 2:
        raise LibbpfRefused(done.stderr)
    assert done.returncode == 0, done.stderr
    lines = (line.split() for line in done.stdout.splitlines())
    return {name: bytes.fromhex(insns) for name, insns in lines}
