"""The contract between build side and run side: what a compiled object says, as plain data.

In: nothing; the ELF reader and generated modules create these values.  Out: nothing; the loader
reads them.  A spec is the same on every machine: whatever depends on the running kernel happens
in ``bpf2py.runtime``.  The user may change a spec before it is loaded, so its classes are mutable
and share nothing with the kernel objects made from them.
"""

from __future__ import annotations

from .enums import IntEnum
from .light import Literal
from .records import dataclass, field
from .uapi import AttachType, MapFlags, MapType, ProgFlags, ProgType

#: The number of this description's shape.  A generated module carries the number it was written
#: for; the runtime refuses another one with a sentence.
FORMAT = 1

ByteOrder = Literal["little", "big"]

#: The data section that is filled when the object is loaded: ``extern … __kconfig``.
KCONFIG = ".kconfig"


class Linkage(IntEnum):
    """``BTF_VAR_*`` and ``BTF_FUNC_*`` of <linux/btf.h>."""

    STATIC = 0
    GLOBAL = 1
    EXTERN = 2


class Pinning(IntEnum):
    """``LIBBPF_PIN_*``: what ``__uint(pinning, …)`` of a map says."""

    NONE = 0
    BY_NAME = 1


class ExternKind(IntEnum):
    """What an ``extern`` stands for; the first five are ``__kconfig``, the others ``__ksym``.

    The numbers are this package's own.  CHAR of libbpf is a number of one byte here.
    """

    BOOL = 1
    #: ``enum libbpf_tristate``.
    TRISTATE = 2
    SIGNED = 3
    UNSIGNED = 4
    #: An array of char.
    TEXT = 5
    #: A variable that the kernel's BTF knows (5.8; of a module 5.11).
    VARIABLE = 6
    #: ``extern const void``: no type, so what programs get is a number (/proc/kallsyms).
    ADDRESS = 7
    #: A kernel function that programs may call (5.13; of a module 5.16).
    FUNCTION = 8


@dataclass(slots=True, kw_only=True)
class ExternSpec:
    """One name from outside of the object; *type_id* says its C type, or a function's prototype.

    A *weak* one may be missing: a value is zero then, an address null, and a call must not be
    reached.  Where a ``__kconfig`` value lies is said in the map ``.kconfig``.
    """

    name: str
    kind: ExternKind
    type_id: int = 0
    weak: bool = False


@dataclass(slots=True, kw_only=True)
class VariableSpec:
    """One global variable: where it lies in its section, in bytes, and its BTF type."""

    name: str
    offset: int
    size: int
    type_id: int = 0
    linkage: Linkage = Linkage.GLOBAL


@dataclass(slots=True, kw_only=True)
class MapSpec:
    """One map as the object declares it; sizes in bytes, ids into the object's BTF."""

    name: str
    map_type: MapType | int
    key_size: int = 0
    value_size: int = 0
    max_entries: int = 0
    flags: MapFlags = MapFlags(0)
    map_extra: int = 0
    numa_node: int | None = None
    pinning: Pinning = Pinning.NONE
    key_type_id: int = 0
    value_type_id: int = 0
    #: What a ring buffer or perf array carries.  It comes from ``__type(value, …)``, which the
    #: kernel refuses on these map types, so it never becomes ``value_type_id``.
    event_type_id: int = 0
    inner: MapSpec | None = None
    #: Data sections only: ``.rodata.x``, the bytes it starts with, and the variables inside.  The
    #: last two also for the globals of an arena, and the bytes for what a struct_ops map holds.
    section: str = ""
    data: bytearray | None = None
    variables: dict[str, VariableSpec] = field(default_factory=dict[str, VariableSpec])
    #: Data sections only: how many elements the section's last variable, an array, shall have when
    #: it is loaded, instead of as many as in C.  A program does not learn it from this.
    array_length: int | None = None
    #: What ``.values = {…}`` puts into a map of maps or an array of programs: slot to the C name
    #: of a map or program of the same object.
    values: dict[int, str] = field(default_factory=dict[int, str])
    #: Keys and values that are there before any program is loaded, as bytes (``runtime.pack``); in
    #: a map per CPU every CPU gets the value.  A map that was found or given keeps what it has.
    contents: dict[bytes, bytes] = field(default_factory=dict[bytes, bytes])
    #: Let nobody in user space write it once it is made and filled (5.2).  With RDONLY_PROG among
    #: the flags, the verifier takes what is in an array for constants.
    freeze: bool = False
    #: struct_ops only: member of the struct to the C name of the program behind it.
    functions: dict[str, str] = field(default_factory=dict[str, str])
    #: Create this map.  Off, programs may refer to it where the verifier never gets to.
    #: ``SEC("?.struct_ops")`` switches it off.
    autocreate: bool = True
    #: struct_ops only: register it in ``attach()``.
    autoattach: bool = True
    #: The C name of the only program that the kernel shall let use this map (6.18); empty: any.
    exclusive_program: str = ""
    #: The network device that holds the map in its own memory; 0: none does.
    ifindex: int = 0

    @property
    def frozen(self) -> bool:
        """Whether the kernel shall refuse writes from user space after loading."""
        section = self.section
        return self.freeze or section in (".rodata", KCONFIG) or section.startswith(".rodata.")


@dataclass(slots=True, frozen=True)
class MapRelocation:
    """The 16-byte load at instruction *insn* takes the descriptor of *map*.

    With *offset*, it takes the address *offset* bytes into the map's value instead
    (BPF_PSEUDO_MAP_VALUE): that is how programs reach global variables.

    Source register and both immediate values are zero in ``ProgramSpec.insns``, whatever the
    compiler wrote there: the loader sets them, and *offset* is the whole offset.
    """

    insn: int
    map: str
    offset: int | None = None


@dataclass(slots=True, frozen=True)
class ExternRelocation:
    """Instruction *insn* calls the kernel function *extern*, or loads the address of *extern*.

    Source register and immediate values are zero in ``ProgramSpec.insns``, as those of maps.
    """

    insn: int
    extern: str


@dataclass(slots=True, frozen=True)
class JumpTable:
    """The places that indirect jumps of a program go to; the loader makes a map of them (6.19).

    *targets* are instructions, counted from the entry function.  The 16-byte loads at *insns* take
    the table's address; source register and immediate values are zero there, as those of maps.
    """

    insns: tuple[int, ...]
    targets: tuple[int, ...]


@dataclass(slots=True, kw_only=True)
class ProgramSpec:
    """One program, linked: the entry function first, then every subprogram it reaches.

    ``insns`` are the bytes of the object in the object's byte order, eight per instruction; calls
    and callback loads between the functions are already resolved, maps are not.  ``func_info``,
    ``line_info`` and ``core_relocations`` are records as in ``.BTF.ext`` without headers (8, 16
    and 16 bytes each), their first field an instruction number counted from the entry function.
    """

    name: str
    section: str
    prog_type: ProgType | int
    attach_type: AttachType | int | None = None
    #: What follows the section's kind: ``syscalls/sys_enter_openat``, ``sched_switch``.
    attach_to: str = ""
    flags: ProgFlags = ProgFlags(0)
    insns: bytes = b""
    map_relocations: tuple[MapRelocation, ...] = ()
    extern_relocations: tuple[ExternRelocation, ...] = ()
    jump_tables: tuple[JumpTable, ...] = ()
    func_info: bytes = b""
    line_info: bytes = b""
    core_relocations: bytes = b""
    #: Load this program, attach it in ``attach()``.  ``SEC("?…")`` switches autoload off.
    autoload: bool = True
    autoattach: bool = True
    #: What the verifier writes into the program's ``log``: as ``runtime.LogLevel``; 0: nothing.
    log_level: int = 0
    #: The network device that the program is for; 0: for none.  With XDP_DEV_BOUND_ONLY among the
    #: flags it still runs on the host (6.3), without, on the device.
    ifindex: int = 0


@dataclass(slots=True, kw_only=True)
class ObjectSpec:
    """A whole object: maps and programs in file order, and the BTF their ids point into."""

    name: str
    byte_order: ByteOrder
    license: str = ""
    maps: dict[str, MapSpec] = field(default_factory=dict[str, MapSpec])
    programs: dict[str, ProgramSpec] = field(default_factory=dict[str, ProgramSpec])
    #: In libbpf's order: configuration values by alignment, size and name, then symbols by name.
    externs: dict[str, ExternSpec] = field(default_factory=dict[str, ExternSpec])
    #: ``.BTF`` with the sizes and offsets of DATASECs filled in; empty if the object has none.
    btf: bytes = b""
    #: sha256 of the object file, in hexadecimal.
    digest: str = ""
    #: Whose registers the programs read, as in ``__TARGET_ARCH_x``; empty if that is not known.
    arch: str = ""

    @property
    def machine(self) -> str:
        """What it was compiled for: ``little-endian``, ``little-endian x86``."""
        return f"{self.byte_order}-endian {self.arch}".rstrip()

    def copy(self) -> ObjectSpec:
        """An independent copy: changing it leaves this one as it is."""
        from copy import deepcopy

        return deepcopy(self)
