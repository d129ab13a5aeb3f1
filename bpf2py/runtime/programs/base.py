"""What every loaded program can do, whatever its kind.

In: a :class:`LoadedProgram`, which the loader made and the object owns.  Out: information, pins,
test runs.  Attaching is the business of the kinds (the other files here), because every kind
wants to know something else.
"""

from __future__ import annotations

import errno
import os
from typing import TYPE_CHECKING, ClassVar, Self, TypeVar

from ...spec import ProgramSpec
from ...uapi import ProgType
from ..errors import ClosedError, NotSupportedError
from ..owner import Owner
from ..syscalls.fd import FD

if TYPE_CHECKING:
    from ...uapi import TestRunFlags
    from ..links.base import Link
    from ..syscalls.obj import ProgramInfo
    from ..syscalls.prog_run import TestRun
    from ..verifier_stats import VerifierStats

P = TypeVar("P", bound="Program")

#: BPF_PROG_TEST_RUN of XDP and socket programs wants a whole Ethernet header.
_RUN_HINTS = {
    errno.EINVAL: (
        "the kernel refuses this input for this kind of program (packets need at least the 14 "
        "bytes of an Ethernet header, some kinds take only data or only context)"
    ),
    524: "the kernel cannot run programs of this kind by themselves",
    errno.ENOSPC: "the room for what comes back was too small",
}
_RUN_TRIES = 16
#: Kinds whose test run refuses a second place for the context (bpf_prog_test_run_raw_tp() and
#: bpf_prog_test_run_syscall(), which writes it back where it came from).
_CONTEXT_IN_PLACE = frozenset(
    (ProgType.RAW_TRACEPOINT, ProgType.RAW_TRACEPOINT_WRITABLE, ProgType.SYSCALL)
)
#: Kinds whose section names say where, so that silence in attach() would be a lie.
_ATTACH_BY_SECTION = frozenset((ProgType.KPROBE, ProgType.TRACING, ProgType.LSM, ProgType.EXT))


class LoadedProgram:
    """One program the loader handled: its description and, if it was loaded, its descriptor."""

    __slots__ = ("fd", "log", "spec")

    def __init__(self, spec: ProgramSpec, fd: FD | None, log: str = "") -> None:
        self.spec = spec
        #: None: ``autoload`` was off, or the object is only prepared.
        self.fd = fd
        #: The verifier's log, if it was asked for.
        self.log = log

    def hold(self, made: LoadedProgram) -> None:
        """Become *made*: the program was loaded after this was handed out."""
        self.fd, self.log = made.fd, made.log

    def close(self) -> None:
        """Close the descriptor; a second call does nothing."""
        if self.fd is not None:
            self.fd.close()


class Program(Owner):
    """A program in the kernel.  It lives as long as its object, a pin or a link holds it."""

    #: What the kind is called in messages.
    kind: ClassVar[str] = "program"

    def __init__(self, loaded: LoadedProgram) -> None:
        self._loaded = loaded

    @classmethod
    def open_pinned(cls, path: str | os.PathLike[str]) -> Self:
        """Open the program pinned at *path* (4.4), in the class of its kind; close it yourself.

        Raises :class:`OSError`, :class:`ValueError` if it is no program or not one of this class.
        """
        from ..syscalls import obj

        return cls._adopt(obj.get(path, "program"))

    @classmethod
    def open_id(cls, number: int) -> Self:
        """Open the program with that id, anywhere in the system (4.13); close it yourself."""
        from ..syscalls import obj

        return cls._adopt(obj.program_by_id(number))

    @classmethod
    def _adopt(cls, fd: FD) -> Self:
        from ..syscalls.obj import program_info
        from . import pick_class

        try:
            info = program_info(fd.fileno(), what=fd.what)
            fd.what = f"program {info.name!r}"
            kind = pick_class(cls, info.prog_type)
            return kind(
                LoadedProgram(ProgramSpec(name=info.name, section="", prog_type=info.prog_type), fd)
            )
        except BaseException:
            fd.close()
            raise

    @property
    def name(self) -> str:
        """The C name."""
        return self._loaded.spec.name

    @property
    def spec(self) -> ProgramSpec:
        """The description it was loaded from."""
        return self._loaded.spec

    @property
    def log(self) -> str:
        """The verifier's log, empty unless ``log_level`` asked for it."""
        return self._loaded.log

    @property
    def verifier_stats(self) -> VerifierStats | None:
        """What the verifier counted (5.2); None unless ``log_level`` asked for a log."""
        from ..verifier_stats import read_stats

        return read_stats(self.log)

    @property
    def verified_lines(self) -> dict[str, int]:
        """Line of C to how many instructions the verifier looked at there, most first.

        Empty unless ``log_level`` asked for INSTRUCTIONS.
        """
        from ..verifier_stats import count_lines

        return count_lines(self.log)

    @property
    def loaded(self) -> bool:
        """Whether the kernel has it: ``autoload`` was on, and it was not closed."""
        return self._loaded.fd is not None and not self._loaded.fd.closed

    @property
    def _what(self) -> str:
        return f"program {self.name!r}"

    def fileno(self) -> int:
        """The descriptor, still owned by this object.

        :class:`ClosedError` if the program was not loaded or was closed.
        """
        fd = self._loaded.fd
        if fd is None and self.spec.autoload:
            raise ClosedError(f"{self._what} is not loaded yet: call load_programs() of its object")
        if fd is None:
            raise ClosedError(
                f"{self._what} was not loaded: its autoload is off; set "
                f"spec.programs[{self.name!r}].autoload = True before loading"
            )
        if fd.closed:
            raise ClosedError(f"{self._what} is closed")
        return fd.fileno()

    def info(self) -> ProgramInfo:
        """What the kernel says about it (4.13): id, tag, run statistics and more."""
        from ..syscalls.obj import program_info

        return program_info(self.fileno(), what=self._what)

    def read_stdout(self) -> str:
        """What the program printed since the last look, by bpf_stream_printk() (6.17).

        The kernel keeps 100,000 bytes for each of the two streams and refuses what is beyond.
        Raises :class:`NotSupportedError` on older kernels.
        """
        return self._read_stream(1)

    def read_stderr(self) -> str:
        """As :meth:`read_stdout`, and what the kernel says of it: an access of an arena page that
        is not there, a loop that went on too long, a lock never got (6.17)."""
        return self._read_stream(2)

    def _read_stream(self, stream: int) -> str:
        from ..syscalls.prog import stream_read

        try:
            return stream_read(self.fileno(), stream, what=self._what).decode("utf-8", "replace")
        except OSError as exc:
            if exc.errno != errno.EINVAL:
                raise
        raise NotSupportedError("streams of programs", since="6.17")

    def pin(self, path: str | os.PathLike[str]) -> None:
        """Keep the program in the kernel under *path* on a bpf file system (4.4)."""
        from ..syscalls.obj import pin

        pin(self.fileno(), path, what=self._what)

    def run(
        self,
        data: bytes | bytearray | memoryview = b"",
        *,
        ctx: bytes | bytearray | memoryview = b"",
        repeat: int = 1,
        flags: TestRunFlags | int = 0,
        cpu: int = 0,
        batch_size: int = 0,
        data_out_size: int | None = None,
        ctx_out_size: int | None = None,
    ) -> TestRun:
        """Run the program by itself, without attaching it (BPF_PROG_TEST_RUN, 4.12).

        *data* is the packet, *ctx* the bytes of the context structure (5.2), whichever the kind
        takes.  *repeat* runs it that often and gives the mean time.  What comes back may be larger
        than what went in by what a program can push in front (256 bytes are kept for that), or
        give *data_out_size* yourself.

        Raises :class:`OSError`; errno 524 when the kernel cannot run this kind by itself.
        """
        from ..syscalls.prog_run import OUTPUT_PADDING, prog_test_run

        packet, context = bytes(data), bytes(ctx)
        if data_out_size is None:
            data_out_size = len(packet) + OUTPUT_PADDING if packet else 0
        if ctx_out_size is None:
            ctx_out_size = 0 if self.spec.prog_type in _CONTEXT_IN_PLACE else len(context)
        fd = self.fileno()
        for remaining in reversed(range(_RUN_TRIES)):
            try:
                return prog_test_run(
                    fd,
                    data=packet,
                    data_out_size=data_out_size,
                    context=context,
                    context_out_size=ctx_out_size,
                    repeat=repeat if repeat != 1 else 0,
                    flags=int(flags),
                    cpu=cpu,
                    batch_size=batch_size,
                    what=self._what,
                )
            except InterruptedError:
                # A signal came between two repeats; its Python handler has run by now or raised.
                if not remaining:
                    raise
            except OSError as exc:
                hint = _RUN_HINTS.get(exc.errno or 0)
                if hint is None:
                    raise
                raise OSError(exc.errno, f"BPF_PROG_TEST_RUN: {hint}", self._what) from None
        raise AssertionError("unreachable")

    def auto_attach(self) -> Link | None:
        """Attach as the section name says; None if it does not say where.

        What :meth:`Object.attach` calls for every program.
        """
        if self.spec.attach_to and self.spec.prog_type in _ATTACH_BY_SECTION:
            raise NotImplementedError(
                f"{self._what}: bpf2py cannot attach programs of section {self.spec.section!r} yet; "
                "to attach the others, set autoattach = False in its spec"
            )
        return None

    def close(self) -> None:
        """Close the program's descriptor before its object does; a second call does nothing."""
        self._loaded.close()

    def __repr__(self) -> str:
        state = "" if self.loaded else ", not loaded" if self._loaded.fd is None else ", closed"
        section = f" ({self.spec.section})" if self.spec.section else ""
        return f"<{type(self).__name__} {self.name!r}{section}{state}>"


def is_of(program: Program, loaded: LoadedProgram | None) -> bool:
    """Whether *program* is a view of *loaded*."""
    return program._loaded is loaded


def like(program: P, loaded: LoadedProgram) -> P:
    """A program typed as *program* is, for *loaded*."""
    made = object.__new__(type(program))
    vars(made).update(vars(program), _loaded=loaded)
    return made
