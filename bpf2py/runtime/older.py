"""A program for kernels older than its object: what is left out, and what stands for what.

In: a BPF_PROG_LOAD that was refused, and how.  Out: one that asks for less, or None if this kernel
knows all of it.  Nothing is done before a kernel refuses, and what it lacks is found out by trying.
Not here: BTF (btf/sanitize.py), maps (create.py).
"""

from __future__ import annotations

import errno

from ..light import TYPE_CHECKING
from ..uapi import AttachType, ProgType

if TYPE_CHECKING:
    from .syscalls.prog import LoadRequest

_P, _A = ProgType, AttachType
#: Programs whose attach type says no more than their type does, so that kernels before 4.17, which
#: know no attach type when loading, do without (SEC_ATTACHABLE_OPT of libbpf).
WITHOUT_ATTACH_TYPE: frozenset[tuple[int, int]] = frozenset(
    (
        (_P.XDP, _A.XDP),
        (_P.SOCK_OPS, _A.CGROUP_SOCK_OPS),
        (_P.SK_SKB, _A.SK_SKB_STREAM_PARSER),
        (_P.SK_SKB, _A.SK_SKB_STREAM_VERDICT),
        (_P.SK_SKB, _A.SK_SKB_VERDICT),
        (_P.SK_MSG, _A.SK_MSG_VERDICT),
        (_P.LIRC_MODE2, _A.LIRC_MODE2),
        (_P.FLOW_DISSECTOR, _A.FLOW_DISSECTOR),
        (_P.CGROUP_SKB, _A.CGROUP_INET_INGRESS),
        (_P.CGROUP_SKB, _A.CGROUP_INET_EGRESS),
        (_P.CGROUP_SOCK, _A.CGROUP_INET_SOCK_CREATE),
        (_P.CGROUP_DEVICE, _A.CGROUP_DEVICE),
    )
)

#: Helpers of 5.5 by name, and what did for them before, where kernel and user addresses differ.
_OLD_HELPERS = {
    "probe_read_kernel": "probe_read",
    "probe_read_user": "probe_read",
    "probe_read_kernel_str": "probe_read_str",
    "probe_read_user_str": "probe_read_str",
}


def older_request(request: LoadRequest, error: OSError) -> LoadRequest | None:
    """What to try after *request* was refused with *error*; None if it was for another reason."""
    if error.errno == errno.E2BIG:
        return _with_fewer_fields(request)
    if error.errno == errno.EINVAL:
        return _with_old_helpers(request)
    return None


def _with_fewer_fields(request: LoadRequest) -> LoadRequest | None:
    """Without BTF (5.0), the attach type where it is not needed (4.17), the name (4.15).

    A program too complex is E2BIG as well, after seconds: that one is not tried again.
    """
    attach_type = request.expected_attach_type
    if (request.prog_type, attach_type) not in WITHOUT_ATTACH_TYPE:
        attach_type = 0
    if request.btf_fd is None and not attach_type and not request.name:
        return None
    from .features import takes_program_fields

    if takes_program_fields(name=request.name, btf_fd=request.btf_fd, attach_type=attach_type):
        return None
    if request.btf_fd is not None:
        return request._replace(btf_fd=None)
    if attach_type:
        return request._replace(expected_attach_type=0)
    return request._replace(name=b"")


def _with_old_helpers(request: LoadRequest) -> LoadRequest | None:
    """With bpf_probe_read() instead of the helpers that say which memory is read (5.5)."""
    import sys

    from ..asm import patch
    from ..asm.opcodes import CALL_INSN
    from ..uapi import HELPER_NAMES

    old = {HELPER_NAMES.index(new): HELPER_NAMES.index(name) for new, name in _OLD_HELPERS.items()}
    insns = bytearray(request.insns)
    calls = [
        (insn, helper)
        for insn in patch.find_opcode(insns, CALL_INSN)
        if not insns[8 * insn + 1]
        and (helper := old.get(patch.get_imm(insns, insn, sys.byteorder)))
    ]
    if not calls:
        return None
    from .features import has_probe_read_kernel

    if has_probe_read_kernel():
        return None
    for insn, helper in calls:
        patch.set_imm(insns, insn, helper, sys.byteorder)
    return request._replace(insns=insns)
