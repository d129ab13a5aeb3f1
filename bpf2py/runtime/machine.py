"""Which machine this is, and which objects are for it.

In: nothing.  Out: byte order and architecture, as compilers of BPF say them.  An object for
another byte order cannot run here; one for another architecture runs, and reads the wrong
registers.  Both are refused when an object is loaded, not when its module is imported: elsewhere
one may want to test, to decode a recording, or to look at the description.
"""

from __future__ import annotations

import sys

from ..light import TYPE_CHECKING

if TYPE_CHECKING:
    from ..spec import ByteOrder, ObjectSpec

#: ``uname -m`` to ``__TARGET_ARCH_x`` of libbpf's bpf_tracing.h.
ARCHITECTURES = {
    "aarch64": "arm64",
    "arm64": "arm64",
    "armv6l": "arm",
    "armv7l": "arm",
    "armv8l": "arm",
    "i386": "x86",
    "i686": "x86",
    "loongarch64": "loongarch",
    "mips": "mips",
    "mips64": "mips",
    "ppc64": "powerpc",
    "ppc64le": "powerpc",
    "riscv64": "riscv",
    "s390x": "s390",
    "x86_64": "x86",
    "amd64": "x86",
}


def architecture() -> str:
    """``__TARGET_ARCH_x`` of this machine; empty if libbpf's headers know no such."""
    import os

    return ARCHITECTURES.get(os.uname().machine.lower(), "")


def this() -> str:
    """This machine as :attr:`ObjectSpec.machine` says it."""
    return f"{sys.byteorder}-endian {architecture()}".rstrip()


def fits(byte_order: ByteOrder, arch: str) -> bool:
    """Whether an object for those is for this machine; one without an architecture is for all."""
    return byte_order == sys.byteorder and (not arch or arch == architecture())


def require(spec: ObjectSpec) -> None:
    """:class:`ValueError` if the object was compiled for another machine."""
    if fits(spec.byte_order, spec.arch):
        return
    order = "el" if sys.byteorder == "little" else "eb"
    what = f"-target bpf{order}"
    if spec.arch:
        what += f" -D__TARGET_ARCH_{architecture()}"
    raise ValueError(
        f"object {spec.name!r} was compiled for {spec.machine} machines, this one is {this()}: "
        f"compile it with {what}"
    )
