"""Compile the objects in this folder from their sources, as ``objects.toml`` lists them.

In: ``objects.toml`` and the ``.bpf.c`` files beside it.  Out: the ``.bpf.o`` files, which are
checked in, so that neither the tests nor the generated modules depend on the clang at hand.
``--check`` compiles nothing and fails when an object is missing or older than its source in what
it was made from: each object carries the digest of its source in ``objects.lock``.

No path of the machine that compiles ends up in an object: sources are compiled by their bare name
and the system's include folders are written as ``include/…`` in BTF line information.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import shutil
import subprocess
import sys
import tomllib
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent
LOCK = HERE / "objects.lock"
OUR_HEADER = ROOT / "bpf2py" / "include" / "bpf2py.h"

#: <linux/types.h> needs <asm/types.h>, which distributions keep in a folder per architecture.
ASM_INCLUDES = (
    Path("/usr/include/x86_64-linux-gnu"),
    Path("/usr/include/aarch64-linux-gnu"),
)
PREFIX_MAPS = (
    *((str(folder), "include") for folder in ASM_INCLUDES),
    ("/usr/include", "include"),
)


@dataclass(frozen=True, slots=True)
class Build:
    """One way to compile: the infix of the output's name, the compiler, the target, the CPU."""

    infix: str
    clang: str
    target: str
    cpu: str


#: The usual compiler; the environment may name another one.
CLANG = os.environ.get("CLANG", "clang-19")

BUILDS = {
    build.infix: build
    for build in (
        Build("", CLANG, "bpfel", "v3"),
        Build("eb", CLANG, "bpfeb", "v3"),
        Build("v2", CLANG, "bpfel", "v2"),
        Build("v4", CLANG, "bpfel", "v4"),
        Build("clang14", "clang-14", "bpfel", "v2"),
        Build("clang16", "clang-16", "bpfel", "v3"),
        Build("clang22", "clang-22", "bpfel", "v4"),
    )
}


@dataclass(frozen=True, slots=True)
class Job:
    """One object to make."""

    source: Path
    build: Build
    flags: tuple[str, ...] = ()

    @property
    def output(self) -> Path:
        stem = self.source.name.removesuffix(".bpf.c")
        infix = f".{self.build.infix}" if self.build.infix else ""
        return self.source.with_name(f"{stem}{infix}.bpf.o")

    @property
    def key(self) -> str:
        return self.output.relative_to(ROOT).as_posix()

    def digest(self) -> str:
        """Of the source, those of our headers that it takes in, and the way to compile."""
        source = self.source.read_bytes()
        text = hashlib.sha256(source)
        for header in (*sorted(self.source.parent.glob("*.h")), OUR_HEADER):
            name = header.name.encode()
            if b'#include "%s"' % name in source or b"#include <%s>" % name in source:
                text.update(header.read_bytes())
        how = (self.build.infix, self.build.target, self.build.cpu, self.flags)
        text.update(repr(how).encode())
        return text.hexdigest()

    def command(self) -> list[str]:
        folder = self.source.parent
        maps = ((str(folder), "."), *PREFIX_MAPS)
        return [
            self.build.clang,
            *("-g", "-O2", f"--target={self.build.target}", f"-mcpu={self.build.cpu}"),
            *(
                "-Wall",
                "-Wextra",
                "-Werror",
                "-Wno-unused-parameter",
                "-Wno-unknown-warning-option",
            ),
            *("-fno-ident", "-fdebug-compilation-dir=."),
            *(f"-ffile-prefix-map={old}={new}" for old, new in maps),
            *(word for path in ASM_INCLUDES if path.is_dir() for word in ("-idirafter", str(path))),
            *self.flags,
            *("-c", self.source.name, "-o", self.output.name),
        ]

    def run(self) -> None:
        """Compile, then drop DWARF: BTF stays, and the object shrinks to a third."""
        folder = self.source.parent
        subprocess.run(self.command(), cwd=folder, check=True)
        subprocess.run(
            [strip_command(self.build.clang), "-g", self.output.name], cwd=folder, check=True
        )


def strip_command(clang: str) -> str:
    """The ``llvm-strip`` that came with *clang*, or the one without a number."""
    numbered = "llvm-strip" + clang.rpartition("clang")[2]
    return numbered if shutil.which(numbered) else "llvm-strip"


def jobs() -> list[Job]:
    """Every object that ``objects.toml`` lists, in its order."""
    rows: dict[str, dict[str, list[str]]] = tomllib.loads((HERE / "objects.toml").read_text())
    found: list[Job] = []
    for name, row in rows.items():
        source = (HERE / f"{name}.bpf.c").resolve()
        flags = tuple(row.get("flags", ()))
        found += [Job(source, BUILDS[infix], flags) for infix in row.get("builds", [""])]
    return found


def read_lock() -> dict[str, str]:
    if not LOCK.exists():
        return {}
    pairs = (line.split() for line in LOCK.read_text().splitlines() if line)
    return {name: digest for digest, name in pairs}


def stale(job: Job, lock: dict[str, str]) -> bool:
    return not job.output.exists() or lock.get(job.key) != job.digest()


def main() -> int:
    parser = argparse.ArgumentParser(description="Compile the checked-in BPF objects.")
    parser.add_argument("--check", action="store_true", help="only say which objects are stale")
    parser.add_argument("--force", action="store_true", help="compile those that are current, too")
    parser.add_argument("names", nargs="*", help="rows of objects.toml; without, all of them")
    options = parser.parse_args()

    lock = read_lock()
    everything = jobs()
    wanted = [
        job
        for job in everything
        if not options.names or job.source.name.removesuffix(".bpf.c") in options.names
    ]
    todo = [job for job in wanted if options.force or stale(job, lock)]
    if options.check:
        for job in todo:
            print(f"{job.key} is not made from its source: run `make objects`", file=sys.stderr)
        return 1 if todo else 0
    failed = 0
    with ThreadPoolExecutor(2) as pool:
        for job, result in [(job, pool.submit(job.run)) for job in todo]:
            try:
                result.result()
            except subprocess.CalledProcessError as error:
                print(f"{job.key}: {error.cmd[0]} failed", file=sys.stderr)
                failed += 1
            else:
                lock[job.key] = job.digest()
    known = {job.key for job in everything}
    lines = [f"{digest}  {name}\n" for name, digest in sorted(lock.items()) if name in known]
    LOCK.write_text("".join(lines))
    print(f"{len(todo) - failed} compiled, {len(wanted) - len(todo)} current")
    return 1 if failed else 0


if __name__ == "__main__":
    raise SystemExit(main())
