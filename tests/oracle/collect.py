"""Other people's objects to compare with: ``python -m tests.oracle.collect FOLDER``.

In: Debian packages, which apt downloads into FOLDER and nobody installs.  Out: compiled objects in
``FOLDER/objects/<collection>``: what packages ship, and what clang makes of the programs in the
package of the kernel's source (its selftests, samples and tools).  What does not compile with this
machine's clang and this kernel's types is left out and counted.  They are other people's work under
other licenses: nothing of it belongs into this repository.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
from collections import Counter
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

#: Packages that ship BPF objects; what this machine's apt does not have is left out.
PACKAGES = ("xdp-tools", "libxdp1", "udev-hid-bpf", "opensnitch-ebpf-modules", "bpftune", "mimic")
CLANG = os.environ.get("CLANG", "clang-19")
_COMPILE = (CLANG, "-g", "-O2", "--target=bpfel", "-mcpu=v3", "-std=gnu11", "-w")
_DEFINES = ("-D__TARGET_ARCH_x86", "-fno-strict-aliasing", "-fms-extensions")


@dataclass(frozen=True)
class Sources:
    """Programs in the kernel's source: which, and where their headers are."""

    collection: str
    pattern: str
    includes: tuple[str, ...]


_SELFTESTS = "tools/testing/selftests/bpf"
KERNEL_SOURCES = (
    Sources("kernel selftests", f"{_SELFTESTS}/progs/*.c", (_SELFTESTS, "tools/testing/selftests")),
    Sources("kernel tools", "tools/perf/util/bpf_skel/*.bpf.c", ("tools/perf/util/bpf_skel",)),
    Sources("kernel tools", "tools/bpf/**/*.bpf.c", ()),
    Sources("kernel samples", "samples/bpf/*.bpf.c", ("samples/bpf", _SELFTESTS)),
)
_HEADERS = ("tools/include", "tools/lib/bpf", "include/uapi")


#: e_machine of the ELF header, in either byte order: EM_BPF.
_EM_BPF = (b"\xf7\0", b"\0\xf7")


def _is_bpf(path: Path) -> bool:
    head = path.read_bytes()[:20]
    return head[:4] == b"\x7fELF" and head[18:20] in _EM_BPF


def _run(*command: str | Path, folder: Path) -> bool:
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True)
    if done.returncode:
        print(f"{command[0]}: {(done.stderr.strip().splitlines() or ['failed'])[0]}")
    return not done.returncode


def download(package: str, folder: Path) -> Path | None:
    """The package's file, None where apt does not have it or there is no network."""
    folder.mkdir(parents=True, exist_ok=True)
    there = sorted(folder.glob(f"{package}_*.deb"))
    if not there and not _run("apt-get", "download", package, folder=folder):
        return None
    return sorted(folder.glob(f"{package}_*.deb"))[-1]


def shipped(folder: Path) -> Counter[str]:
    """Copy the objects that packages ship; how many, by package."""
    found: Counter[str] = Counter()
    for package in PACKAGES:
        deb = download(package, folder / "packages")
        if deb is None:
            continue
        unpacked = folder / "unpacked" / package
        unpacked.mkdir(parents=True, exist_ok=True)
        if not _run("dpkg-deb", "-x", deb, unpacked, folder=folder):
            continue
        for path in sorted(unpacked.rglob("*.o")):
            if path.is_file() and _is_bpf(path):
                place = folder / "objects" / package / path.name
                place.parent.mkdir(parents=True, exist_ok=True)
                shutil.copy(path, place)
                found[package] += 1
    return found


def kernel_source(folder: Path) -> Path | None:
    """The parts of the kernel's source that are needed, unpacked."""
    tree = folder / "linux"
    if tree.exists():
        return tree
    depends = subprocess.run(
        ["apt-cache", "depends", "--important", "linux-source"], capture_output=True, text=True
    ).stdout.split()
    package = next((word for word in depends if word.startswith("linux-source-")), None)
    deb = download(package, folder / "packages") if package else None
    if deb is None or not _run("dpkg-deb", "-x", deb, folder / "unpacked", folder=folder):
        return None
    (tarball,) = (folder / "unpacked/usr/src").glob("linux-source-*.tar.xz")
    wanted = {*_HEADERS, *(each.pattern.partition("/*")[0] for each in KERNEL_SOURCES), _SELFTESTS}
    # tar complains of a pattern that has nothing left to find.
    wanted = {part for part in wanted if not any(part.startswith(f"{each}/") for each in wanted)}
    made = tree.with_suffix(".new")
    made.mkdir(exist_ok=True)
    patterns = [f"*/{part}/*" for part in sorted(wanted)]
    if not _run(
        "tar", "-xf", tarball, "--strip-components=1", "--wildcards", *patterns, folder=made
    ):
        return None
    return made.rename(tree)


def compiled(folder: Path, tree: Path, jobs: int) -> Counter[tuple[str, bool]]:
    """Compile the programs in the kernel's source; by collection, how many did and did not."""
    header = folder / "include/vmlinux.h"
    header.parent.mkdir(exist_ok=True)
    if not header.exists():
        subprocess.run([sys.executable, "-m", "bpf2py", "vmlinux", "-o", header], check=True)
    after = subprocess.check_output([CLANG, "-print-resource-dir"], text=True).strip()
    machine = subprocess.check_output([CLANG, "-print-target-triple"], text=True).strip()
    system = (f"{after}/include", f"/usr/include/{machine.replace('-pc-', '-')}", "/usr/include")

    def compile_one(work: tuple[Sources, Path]) -> tuple[str, bool]:
        sources, source = work
        stem = source.name.removesuffix(".c").removesuffix(".bpf")
        place = folder / "objects" / sources.collection / f"{stem}.bpf.o"
        place.parent.mkdir(parents=True, exist_ok=True)
        if place.exists():
            return sources.collection, True
        includes = [tree / part for part in (*sources.includes, "tools/include/uapi", *_HEADERS)]
        command: list[str | Path] = ["nice", *_COMPILE, *_DEFINES, f"-I{header.parent}"]
        command += [f"-I{path}" for path in includes]
        for path in system:
            command += ["-idirafter", path]
        done = subprocess.run([*command, "-c", source, "-o", place], capture_output=True)
        return sources.collection, not done.returncode

    work = [(each, path) for each in KERNEL_SOURCES for path in sorted(tree.glob(each.pattern))]
    with ThreadPoolExecutor(jobs) as pool:
        return Counter(pool.map(compile_one, work))


def main(arguments: Iterable[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1)
    options = parser.parse_args(None if arguments is None else list(arguments))
    folder = options.folder.resolve()
    folder.mkdir(parents=True, exist_ok=True)
    for package, number in shipped(folder).items():
        print(f"{package}: {number} objects")
    if shutil.which(CLANG) is None:
        print(f"{CLANG} is missing: the kernel's programs are not compiled")
    elif (tree := kernel_source(folder)) is not None:
        counts = compiled(folder, tree, options.jobs)
        for collection in sorted({name for name, _ in counts}):
            good, bad = counts[collection, True], counts[collection, False]
            print(f"{collection}: {good} compiled, {bad} do not compile here")


if __name__ == "__main__":
    main()
