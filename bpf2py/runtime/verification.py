"""One BPF_PROG_LOAD until it is decided: as asked, as an older kernel can, and again with a log.

In: a request, and what is known of the program, to speak of it.  Out: the program in the kernel; or
a ``VerifierError`` with the log, or the ``OSError`` of a refusal before the verifier.  Not here:
what is asked of an older kernel (older.py), what a log says (verifier.py).
"""

from __future__ import annotations

import errno

from ..light import TYPE_CHECKING, Callable, Sequence
from ..spec import ProgramSpec
from ..uapi import AttachType, ProgType
from .log import debug
from .privileges import why_eperm, with_memlock
from .programs.base import LoadedProgram
from .syscalls import bpf as door
from .syscalls.fd import FD
from .syscalls.prog import LoadRequest, LogBuffer, prog_load

if TYPE_CHECKING:
    from ..btf.core import Outcome

#: The first log buffer, and the largest a kernel before 5.15 takes (UINT_MAX >> 8).  A log that
#: would be larger still comes from a program too complex to load: each further look takes the
#: verifier seconds, and since 6.4 (1216640938035) what fitted is the end, where the reason is.
_LOG_FIRST = 1 << 20
_LOG_LIMIT = (1 << 24) - 1
#: BPF_LOG_STATS: a log without the instructions, but with the complaint (5.2).
_LOG_STATS = 4


#: The level of who wants no log in any case: for programs that are tried.
NO_LOG = -1


def verified(
    program: ProgramSpec,
    request: LoadRequest,
    level: int,
    outcomes: Sequence[Outcome],
    source: Callable[[int], str],
    object_name: str,
) -> LoadedProgram:
    """Load *request*; *level* is that of the log wanted in any case, or 0.

    With level :data:`NO_LOG` a refusal gets none either.  *outcomes* are those of CO-RE, and *source* the C line of an instruction, for what is refused.
    """
    refused: OSError | None = None
    if level <= 0:
        # A log costs the verifier time, so only who is refused gets one.
        try:
            fd = with_memlock(lambda: _load_anyhow(request))
            return LoadedProgram(program, FD(fd, request.what))
        except OSError as exc:
            # With its traceback it would keep this frame, and this frame it.
            refused = exc.with_traceback(None)
    if level < 0:
        assert refused is not None
        raise _explained(refused, program, object_name, 0) from None
    number, log, error = load_with_log(request, level or 1)
    while error is not None and (older := _older_request(request, error)) is not None:
        request = older
        number, log, error = load_with_log(request, level or 1)
    text = log.text
    if error is not None and log.full and not log.true_size:
        # Before 6.4 it is the end that is missing, and the reason with it, or nothing but the
        # room for the log stood against loading.
        number, short, error = load_with_log(request, _LOG_STATS)
        text += f"\n{short.text}"
    if number is not None:
        return LoadedProgram(program, FD(number, request.what), text if level else "")
    assert error is not None
    if text.strip() and error.errno != errno.EAGAIN:
        raise _rejection(error, text, program, outcomes, source)
    raise _explained(refused or error, program, object_name, level) from None


def _load_anyhow(request: LoadRequest) -> int:
    """Load without a log, leaving out what an older kernel does not know."""
    while True:
        try:
            return prog_load(request)
        except OSError as exc:
            older = _older_request(request, exc)
            if older is None:
                raise
            request = older


def _older_request(request: LoadRequest, error: OSError) -> LoadRequest | None:
    """What to ask of an older kernel; imported only when something was refused."""
    from .older import older_request

    older = older_request(request, error)
    if older is not None:
        pairs = zip(request._fields, request, older, strict=True)
        changed = [field for field, before, after in pairs if before != after]
        debug("%s: again, with less for an older kernel: %s", request.what, ", ".join(changed))
    return older


def load_with_log(request: LoadRequest, level: int) -> tuple[int | None, LogBuffer, OSError | None]:
    """Load and give back descriptor or error, with the whole log.

    The buffer grows until the log fits: to the size the kernel names (6.4), else fourfold.  It
    is the buffer that is looked at and not the error, which can be EFAULT for a log cut short.
    """
    size = _LOG_FIRST
    while True:
        log = LogBuffer(level, size)
        number: int | None = None
        error: OSError | None = None
        try:
            number = prog_load(request, log)
        except OSError as exc:
            error = exc.with_traceback(None)
        hopeless = size >= _LOG_LIMIT or log.true_size > _LOG_LIMIT
        if number is not None or not log.full or hopeless:
            return number, log, error
        size = min(log.true_size or 4 * size, _LOG_LIMIT)


def _rejection(
    error: OSError,
    log: str,
    program: ProgramSpec,
    outcomes: Sequence[Outcome],
    source: Callable[[int], str],
) -> OSError:
    """The VerifierError; reading logs is imported only when one must be read."""
    from .verifier import rejection

    return rejection(error, log, program, outcomes, source)


def _explained(error: OSError, program: ProgramSpec, object_name: str, level: int) -> Exception:
    """A refusal that came before the verifier looked at any instruction."""
    known_type = kind = f"type {_name(program.prog_type)}"
    if program.prog_type in (ProgType.TRACING, ProgType.LSM) and program.attach_type is not None:
        kind += f" with attach type {_name(program.attach_type)}"
    what = f"program {program.name!r} ({program.section}) of object {object_name!r}"
    if error.errno == errno.EPERM:
        return OSError(errno.EPERM, f"BPF_PROG_LOAD: {why_eperm(program.prog_type, kind)}", what)
    if error.errno == errno.EINVAL:
        from .lacking import lacking_program_type

        if lacking := lacking_program_type(program.prog_type, what):
            return lacking
        flags = getattr(program.flags, "name", None) or "none"
        known = "knows" if isinstance(program.prog_type, ProgType) else "may not know"
        return OSError(
            errno.EINVAL,
            f"BPF_PROG_LOAD: the kernel {known} programs of {known_type}, and refuses this one before "
            f"verifying: look at its flags ({flags}), attach type"
            f"{f', log_level ({int(level)})' if level > 0 else ''} and target",
            what,
        )
    if error.errno == door.ENOTSUPP:
        return OSError(errno.EOPNOTSUPP, f"BPF_PROG_LOAD: the kernel has no {kind}", what)
    return OSError(error.errno, error.strerror, what)


def _name(value: int) -> str:
    return value.name if isinstance(value, (ProgType, AttachType)) else str(value)
