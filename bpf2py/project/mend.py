"""What a machine may lack to compile BPF, and the commands that put it there.

In: what the compiler said.  Out: a hint.  A table: a new distribution is a new column, a new
missing thing is a new row.
"""

from __future__ import annotations

import re

from ..records import dataclass


@dataclass(frozen=True, slots=True)
class Mend:
    """One missing thing: what it is, and how to install it per distribution ('' where none)."""

    what: str
    debian: str = ""
    fedora: str = ""
    alpine: str = ""
    other: str = ""

    def __str__(self) -> str:
        lines = [self.what]
        for name, command in (
            ("Debian, Ubuntu", self.debian),
            ("Fedora", self.fedora),
            ("Alpine", self.alpine),
        ):
            if command:
                lines.append(f"  {name + ':':<16}{command}")
        if self.other:
            lines.append(f"  {self.other}")
        return "\n".join(lines)


CLANG = Mend(
    "install clang; `bpf2py build` and `bpf2py gen` find it by themselves",
    debian="sudo apt-get install -y clang llvm libbpf-dev linux-libc-dev",
    fedora="sudo dnf install -y clang llvm libbpf-devel kernel-headers",
    alpine="sudo apk add clang llvm libbpf-dev linux-headers",
    other="PyPI:           pip install ziglang     (its clang is used by itself; headers as above)",
)

CLANG_FOR_BPF = Mend(
    "this clang was built without BPF; name another (--cc, $CLANG, or clang in [tool.bpf2py]), or",
    debian="sudo apt-get install -y clang",
    fedora="sudo dnf install -y clang",
    alpine="sudo apk add clang",
)

CLANG_FOR_CPU = Mend(
    "this clang knows no such BPF CPU version (v4 is of clang 17); name a newer one (--cc, $CLANG,\n"
    "or clang in [tool.bpf2py]), or ask for an older version",
    debian="apt-cache search --names-only '^clang-[0-9]+$'",
    fedora="sudo dnf install -y clang",
    alpine="sudo apk add clang",
    other="PyPI:           pip install ziglang",
)

LIBBPF = Mend(
    "libbpf's headers are missing",
    debian="sudo apt-get install -y libbpf-dev",
    fedora="sudo dnf install -y libbpf-devel",
    alpine="sudo apk add libbpf-dev",
)

KERNEL_HEADERS = Mend(
    "the kernel's headers for programs are missing",
    debian="sudo apt-get install -y linux-libc-dev",
    fedora="sudo dnf install -y kernel-headers",
    alpine="sudo apk add linux-headers",
)

C_LIBRARY = Mend(
    "a header of the C library was included, which BPF programs can do without; if it must be",
    debian="sudo apt-get install -y libc6-dev-i386",
    fedora="sudo dnf install -y glibc-devel.i686",
    other="(glibc alone splits this header by machine; musl has none such)",
)

KERNEL_BTF = Mend(
    "the kernel must be built with CONFIG_DEBUG_INFO_BTF, as those of the distributions are; "
    "install one and reboot, or take vmlinux.h from another machine",
    debian='sudo apt-get install -y "linux-image-$(dpkg --print-architecture)"',
    fedora="sudo dnf install -y kernel-core",
    alpine="sudo apk add linux-lts",
)

VMLINUX = Mend(
    "--vmlinux writes vmlinux.h from this machine's kernel (vmlinux = true in [tool.bpf2py])",
    other="any machine:    bpf2py build --vmlinux FILE.bpf.c",
)

LICENSE = Mend('a variable cannot have the name of its section: char LICENSE[] SEC("license")')

STACK = Mend("a BPF program has 512 bytes of stack: keep large values in a per-CPU array")

#: What the compiler says, and what it means; the first row that matches is shown.
_MEANINGS = (
    (r"'vmlinux\.h' file not found", VMLINUX),
    (r"'(?:bpf/)?bpf_\w+\.h' file not found", LIBBPF),
    (r"'(?:asm|asm-generic|linux)/[\w/.-]+' file not found", KERNEL_HEADERS),
    (r"'(?:gnu|bits|sys)/[\w/.-]+' file not found", C_LIBRARY),
    (r"symbol 'license' is already defined", LICENSE),
    (r"No available targets are compatible|unknown target triple", CLANG_FOR_BPF),
    (r"unable to create target", CLANG_FOR_BPF),
    (r"unknown target CPU", CLANG_FOR_CPU),
    (r"BPF stack limit", STACK),
)


def hint(diagnostics: str) -> str:
    """What to do about what the compiler said; empty if there is no advice."""
    return next((str(mend) for pattern, mend in _MEANINGS if re.search(pattern, diagnostics)), "")
