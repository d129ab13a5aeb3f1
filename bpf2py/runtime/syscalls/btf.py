"""BPF_BTF_LOAD: give an object's BTF to the kernel (4.18).

In: the blob.  Out: a descriptor, owned by the caller.  Not here: replacing what an old
kernel does not know (btf/sanitize.py).
"""

from __future__ import annotations

import errno
from struct import Struct

from ...uapi import Cmd
from . import bpf as door
from . import token

#: btf, btf_log_buf, btf_size, btf_log_size, btf_log_level, btf_log_true_size, btf_flags,
#: btf_token_fd
_LOAD = Struct("=QQIIIIII")
#: The log has every type up to the wrong one.  Kernels before 6.4 keep its start where it does not
#: fit, and the complaint is its end: so the whole log is asked for, up to what they allow.
_LOG_SIZES = (1 << 16, 1 << 20, (1 << 24) - 1)


def btf_load(btf: bytes, *, what: str, explain: bool = True) -> int:
    """Load *btf* and return its descriptor.

    Raises :class:`OSError`; when the kernel's log says why it refused, the last line of that log
    is in the message and the whole log in its ``__notes__``, unless *explain* is off.
    """
    place = door.address(btf)
    token_fd = token.current()
    with_token = (token.FLAG, token_fd) if token_fd else (0, 0)
    attr = bytearray(_LOAD.pack(place, 0, len(btf), 0, 0, 0, *with_token))
    try:
        return door.bpf(Cmd.BTF_LOAD, attr, None if token_fd else 20, what=what)
    except OSError as exc:
        if not explain:
            raise
        first = exc
    text = ""
    for size in _LOG_SIZES:
        log = bytearray(size)
        attr = bytearray(_LOAD.pack(place, door.address(log), len(btf), size, 1, 0, *with_token))
        try:
            return door.bpf(Cmd.BTF_LOAD, attr, what=what)
        except OSError as exc:
            told = log.partition(b"\0")[0]
            text = told.decode("utf-8", "replace").strip()
            # btf_parse() says ENOSPC only where nothing else was wrong: see whether it is full.
            if exc.errno != errno.ENOSPC and len(told) < size - 1:
                break
    if text:
        failed = OSError(
            first.errno, f"{first.strerror}: {' '.join(text.splitlines()[-1].split())}", what
        )
        failed.add_note(text)
        raise failed from None
    raise first from None
