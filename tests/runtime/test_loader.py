"""Loading without a kernel: what is asked of it, in which order, and what is undone."""

from __future__ import annotations

import errno
import os
import sys
import warnings

import pytest

from bpf2py import runtime
from bpf2py.runtime import program_load, verification
from bpf2py.runtime.kernel import version_code
from bpf2py.runtime.syscalls.prog import LoadRequest
from bpf2py.runtime.targets import TARGET_KINDS
from bpf2py.spec import MapRelocation, MapSpec, Pinning
from bpf2py.uapi import AttachType, Cmd, MapFlags, MapType, ProgFlags, ProgType
from tests.runtime.bpf_code import (
    EXIT,
    REFUSED,
    XDP_PASS,
    an_object,
    array,
    code,
    load_map,
    mov,
    program,
)
from tests.runtime.conftest import Attr, FakeKernel

pytestmark = pytest.mark.usefixtures("no_open_files")


def refuse_with_log(log: str, code: int = errno.EACCES) -> object:
    def handler(attr: Attr) -> int:
        if len(attr.bytes) == 144:
            text = log.encode()[: attr.u32(28) - 1] + b"\0"
            attr.write_memory(32, text)
            attr.write(140, (len(log) + 1).to_bytes(4, sys.byteorder))
        return -code

    return handler


def test_an_object_of_the_other_byte_order_is_refused_in_one_sentence(kernel: FakeKernel) -> None:
    spec = an_object(program())
    spec.byte_order = "big" if sys.byteorder == "little" else "little"
    with pytest.raises(ValueError, match=f"this one is {sys.byteorder}-endian"):
        runtime.load(spec)
    assert not kernel.calls


def test_a_program_that_is_accepted_never_asks_for_a_log(kernel: FakeKernel) -> None:
    with runtime.load(an_object(program())) as loaded:
        assert loaded.programs["prog"].log == ""
    (attr,) = kernel.of(Cmd.PROG_LOAD)
    assert len(attr.bytes) < 80


def test_a_log_that_was_asked_for_is_kept_on_success(kernel: FakeKernel) -> None:
    def accept(attr: Attr) -> int:
        assert attr.u32(24) == 4
        attr.write_memory(32, b"processed 2 insns\n\0")
        return kernel.descriptor()

    kernel.handlers[Cmd.PROG_LOAD] = accept
    with runtime.load(an_object(program()), log_level=4) as loaded:
        assert loaded.programs["prog"].log == "processed 2 insns\n"


def test_a_rejected_program_is_tried_once_more_with_a_log(kernel: FakeKernel) -> None:
    kernel.handlers[Cmd.PROG_LOAD] = refuse_with_log("0: (95) exit\nR0 !read_ok\n")  # type: ignore[assignment]
    with pytest.raises(runtime.VerifierError, match="R0 !read_ok") as caught:
        runtime.load(an_object(program(REFUSED)))
    assert caught.value.errno == errno.EACCES
    assert caught.value.program == "prog"
    assert caught.value.log == "0: (95) exit\nR0 !read_ok\n"
    assert len(kernel.of(Cmd.PROG_LOAD)) == 2


def test_the_log_grows_to_the_size_the_kernel_names(kernel: FakeKernel) -> None:
    log = "line\n" * 300_000 + "R0 !read_ok\n"
    kernel.handlers[Cmd.PROG_LOAD] = refuse_with_log(log, errno.ENOSPC)  # type: ignore[assignment]
    with pytest.raises(runtime.VerifierError) as caught:
        runtime.load(an_object(program()))
    assert caught.value.log == log
    sizes = [attr.u32(28) for attr in kernel.of(Cmd.PROG_LOAD) if len(attr.bytes) == 144]
    assert sizes == [1 << 20, len(log) + 1]


@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EFAULT])
def test_the_log_grows_on_kernels_that_name_no_size_whatever_the_errno(
    kernel: FakeKernel, code: int
) -> None:
    log = "line\n" * 300_000 + "R0 !read_ok\n"

    def refuse(attr: Attr) -> int:
        if len(attr.bytes) == 144:
            room = attr.u32(28)
            attr.write_memory(32, log.encode()[: room - 1] + b"\0")
            return -errno.EACCES if room > len(log) else -code
        return -errno.EACCES

    kernel.handlers[Cmd.PROG_LOAD] = refuse
    with pytest.raises(runtime.VerifierError) as caught:
        runtime.load(an_object(program()))
    assert caught.value.log == log
    assert caught.value.errno == errno.EACCES


def test_the_reason_behind_the_end_of_a_log_comes_from_one_without_instructions(
    kernel: FakeKernel, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(verification, "_LOG_LIMIT", verification._LOG_FIRST)

    def refuse(attr: Attr) -> int:
        if len(attr.bytes) == 144:
            if attr.u32(24) == 4:  # BPF_LOG_STATS
                attr.write_memory(32, b"BPF program is too large. Processed 1000001 insn\n\0")
                return -errno.E2BIG
            attr.write_memory(32, (b"0: (95) exit\n" * 100_000)[: attr.u32(28) - 1] + b"\0")
            return -errno.ENOSPC
        return -errno.E2BIG

    kernel.handlers[Cmd.PROG_LOAD] = refuse
    with pytest.raises(runtime.VerifierError, match="program is too large") as caught:
        runtime.load(an_object(program()))
    assert caught.value.errno == errno.E2BIG
    assert len(caught.value.log) > verification._LOG_LIMIT
    assert "split it" in caught.value.hint


def test_a_program_whose_log_is_too_long_for_the_kernel_loads_all_the_same(
    kernel: FakeKernel, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(verification, "_LOG_LIMIT", verification._LOG_FIRST)

    def fill(attr: Attr) -> int:
        if attr.u32(24) == 4:
            attr.write_memory(32, b"processed 1000 insns\n\0")
            return kernel.descriptor()
        attr.write_memory(32, (b"0: (95) exit\n" * 100_000)[: attr.u32(28) - 1] + b"\0")
        return -errno.ENOSPC

    kernel.handlers[Cmd.PROG_LOAD] = fill
    with runtime.load(an_object(program()), log_level=2) as loaded:
        assert loaded.programs["prog"].log.startswith("0: (95) exit\n")
        assert loaded.programs["prog"].log.endswith("processed 1000 insns\n")


def test_a_log_that_ends_in_efault_is_kept(kernel: FakeKernel) -> None:
    handler = refuse_with_log("0: (95) exit\nverifier bug: oops\n", errno.EFAULT)
    kernel.handlers[Cmd.PROG_LOAD] = handler  # type: ignore[assignment]
    with pytest.raises(runtime.VerifierError, match="verifier bug: oops") as caught:
        runtime.load(an_object(program()))
    assert caught.value.errno == errno.EFAULT
    assert "report it" in caught.value.hint


def test_a_signal_during_verification_is_no_failure(kernel: FakeKernel) -> None:
    answers = [-errno.EAGAIN, -errno.EAGAIN]
    kernel.handlers[Cmd.PROG_LOAD] = lambda _: answers.pop() if answers else kernel.descriptor()
    runtime.load(an_object(program())).close()
    assert len(kernel.of(Cmd.PROG_LOAD)) == 3


def test_when_the_second_program_is_refused_nothing_of_the_object_stays(
    kernel: FakeKernel,
) -> None:
    def only_the_first(attr: Attr) -> int:
        return kernel.descriptor() if attr.memory(8, 8) == XDP_PASS[:8] else -errno.EACCES

    kernel.handlers[Cmd.PROG_LOAD] = only_the_first
    spec = an_object(array(), program(name="good"), program(REFUSED, name="bad"))
    with pytest.raises(PermissionError, match="bad"):
        runtime.load(spec)


def test_a_program_that_is_not_to_be_loaded_says_so_when_used(kernel: FakeKernel) -> None:
    spec = an_object(program(), program(name="later", autoload=False))
    with runtime.load(spec) as loaded:
        assert len(kernel.of(Cmd.PROG_LOAD)) == 1
        assert not loaded.programs["later"].loaded
        with pytest.raises(runtime.ClosedError, match="autoload = True"):
            loaded.programs["later"].fileno()


def test_a_section_that_says_no_kind_is_explained(kernel: FakeKernel) -> None:
    spec = an_object(program(prog_type=ProgType.UNSPEC, section="mystery"))
    with pytest.raises(ValueError, match=r"'mystery'.*set prog_type"):
        runtime.load(spec)


def test_map_descriptors_are_patched_into_the_loads_that_want_them(kernel: FakeKernel) -> None:
    seen: list[bytes] = []

    def look(attr: Attr) -> int:
        seen.append(attr.memory(8, 48))
        return kernel.descriptor()

    kernel.handlers[Cmd.PROG_LOAD] = look
    insns = code(load_map(1), load_map(2), mov(0, 0), EXIT)
    relocations = (MapRelocation(0, "counts"), MapRelocation(2, ".bss", 24))
    spec = an_object(
        array(), array(".bss", value_size=32), program(insns, map_relocations=relocations)
    )
    with runtime.load(spec) as loaded:
        counts = loaded._loaded.map("counts").fileno()
        bss = loaded._loaded.map(".bss").fileno()
    (patched,) = seen
    first, second = (int.from_bytes(patched[at : at + 4], sys.byteorder) for at in (4, 20))
    assert (first, second) == (counts, bss)
    assert int.from_bytes(patched[28:32], sys.byteorder) == 24
    assert [patched[1] >> 4, patched[17] >> 4] == [1, 2]  # BPF_PSEUDO_MAP_FD, _MAP_VALUE
    assert patched[32:] == insns[32:]
    assert spec.programs["prog"].insns == insns


@pytest.mark.parametrize(
    ("relocation", "message"),
    [
        (MapRelocation(0, "nowhere"), "'nowhere', which the object does not have.*counts"),
        (MapRelocation(2, "counts"), "instruction 2: no 16-byte load"),
        (MapRelocation(99, "counts"), "instruction 99: no 16-byte load"),
    ],
)
def test_a_relocation_that_fits_nothing_is_refused(
    kernel: FakeKernel, relocation: MapRelocation, message: str
) -> None:
    insns = code(load_map(1), mov(0, 0), EXIT)
    spec = an_object(array(), program(insns, map_relocations=(relocation,)))
    with pytest.raises(ValueError, match=message):
        runtime.load(spec)


def test_a_map_to_be_replaced_that_the_object_does_not_have_is_named(kernel: FakeKernel) -> None:
    with (
        open(os.devnull) as some_map,
        pytest.raises(ValueError, match="no map 'cuonts' to be replaced; there are: counts"),
    ):
        runtime.load(an_object(array()), maps={"cuonts": some_map})


def test_an_object_whose_btf_is_refused_loads_without_and_says_so(kernel: FakeKernel) -> None:
    kernel.handlers[Cmd.BTF_LOAD] = lambda _: -errno.EINVAL
    spec = an_object(array(), program())
    spec.btf = b"not for this kernel"
    spec.maps["counts"].value_type_id = 3
    with (
        pytest.warns(RuntimeWarning, match="without BTF, which this kernel refuses"),
        runtime.load(spec),
    ):
        pass
    (attr,) = kernel.of(Cmd.MAP_CREATE)
    assert attr.bytes[48:].strip(b"\0") == b""  # no btf_fd, no type ids


def test_values_for_an_object_that_asks_for_none_are_refused() -> None:
    with pytest.raises(ValueError, match="object 'tests' has no extern 'CONFIG_HZ'"):
        runtime.load(an_object(program()), kconfig={"CONFIG_HZ": 250})


@pytest.mark.parametrize(
    ("prog_type", "version"), [(ProgType.KPROBE, version_code()), (ProgType.XDP, 0)]
)
def test_the_version_of_the_kernel_is_for_kprobes(
    kernel: FakeKernel, prog_type: ProgType, version: int
) -> None:
    runtime.load(an_object(program(prog_type=prog_type))).close()
    attr = kernel.of(Cmd.PROG_LOAD)[-1]
    assert int.from_bytes(attr.bytes[40:44], "little") == version


def test_without_rights_the_btf_is_not_left_out_in_silence(kernel: FakeKernel) -> None:
    kernel.handlers[Cmd.BTF_LOAD] = lambda _: -errno.EPERM
    spec = an_object(program())
    spec.btf = b"btf"
    with warnings.catch_warnings(), pytest.raises(PermissionError, match="CAP_BPF"):
        runtime.load(spec)


def test_names_and_lines_are_left_out_on_kernels_that_do_not_know_them(kernel: FakeKernel) -> None:
    def old(attr: Attr) -> int:
        return -errno.E2BIG if len(attr.bytes) > 48 else kernel.descriptor()

    kernel.handlers[Cmd.PROG_LOAD] = old
    runtime.load(an_object(program())).close()
    # the program, a smallest one that tells why, the program again
    assert [len(attr.bytes) > 48 for attr in kernel.of(Cmd.PROG_LOAD)] == [True, True, False]


@pytest.mark.parametrize("known", [48, 64], ids=["neither names nor BTF", "names, no BTF"])
def test_what_an_old_kernel_does_not_know_is_left_out_one_by_one(
    kernel: FakeKernel, known: int
) -> None:
    kernel.handlers[Cmd.PROG_LOAD] = lambda attr: (
        -errno.E2BIG if any(attr.bytes[known:]) else kernel.descriptor()
    )
    request = LoadRequest(
        ProgType.XDP, XDP_PASS, "GPL", "program", name=b"prog", btf_fd=3, func_info=bytes(8)
    )
    os.close(verification._load_anyhow(request))
    last = kernel.of(Cmd.PROG_LOAD)[-1]
    assert (b"prog" in last.bytes) == (known == 64)


def test_a_program_too_complex_is_not_verified_again(kernel: FakeKernel) -> None:
    kernel.handlers[Cmd.PROG_LOAD] = lambda attr: (
        kernel.descriptor() if attr.u32(0) == ProgType.SOCKET_FILTER else -errno.E2BIG
    )
    request = LoadRequest(ProgType.XDP, XDP_PASS, "GPL", "program", name=b"prog", btf_fd=3)
    with pytest.raises(OSError, match="larger than the kernel allows"):
        verification._load_anyhow(request)
    assert [attr.u32(0) for attr in kernel.of(Cmd.PROG_LOAD)].count(ProgType.XDP) == 1


def test_data_is_filled_in_and_constants_are_frozen(kernel: FakeKernel) -> None:
    seen: list[bytes] = []

    def fill(attr: Attr) -> int:
        seen.append(attr.memory(16, 8))
        return 0

    kernel.handlers[Cmd.MAP_UPDATE_ELEM] = fill
    rodata = MapSpec(
        name=".rodata",
        map_type=MapType.ARRAY,
        key_size=4,
        value_size=8,
        max_entries=1,
        flags=MapFlags.RDONLY_PROG | MapFlags.MMAPABLE,
        section=".rodata",
        data=bytearray(b"abcdef"),
    )
    bss = MapSpec(
        name=".bss",
        map_type=MapType.ARRAY,
        key_size=4,
        value_size=8,
        max_entries=1,
        section=".bss",
        data=bytearray(8),
    )
    runtime.load(an_object(rodata, bss, name="opensnoop")).close()
    assert seen == [b"abcdef\0\0"]  # .bss is zero as it is
    assert len(kernel.of(Cmd.MAP_FREEZE)) == 1
    names = [attr.bytes[28:44].rstrip(b"\0") for attr in kernel.of(Cmd.MAP_CREATE)]
    assert names == [b"opensnoo.rodata", b"opensnoo.bss"]


def test_pins_made_are_taken_away_when_loading_fails(
    kernel: FakeKernel, tmp_path: os.PathLike[str]
) -> None:
    def pin(attr: Attr) -> int:
        with open(attr.text(0), "x"):
            return 0

    kernel.handlers[Cmd.OBJ_GET] = lambda _: -errno.ENOENT
    kernel.handlers[Cmd.OBJ_PIN] = pin
    kernel.handlers[Cmd.PROG_LOAD] = lambda _: -errno.EACCES
    counts = array()
    counts.pinning = Pinning.BY_NAME
    folder = os.path.join(tmp_path, "mine")
    with pytest.raises(PermissionError):
        runtime.load(an_object(counts, program()), pin_path=folder)
    assert len(kernel.of(Cmd.OBJ_PIN)) == 1
    assert os.listdir(tmp_path) == []


def test_eperm_names_program_type_and_what_this_process_lacks(
    kernel: FakeKernel, monkeypatch: pytest.MonkeyPatch
) -> None:
    kernel.handlers[Cmd.PROG_LOAD] = lambda _: -errno.EPERM
    monkeypatch.setattr("bpf2py.runtime.privileges.effective_capabilities", lambda: 1 << 39)
    monkeypatch.setattr("resource.setrlimit", lambda *_: None)
    spec = an_object(program(prog_type=ProgType.KPROBE, section="kprobe/x"))
    with pytest.raises(PermissionError, match=r"type KPROBE needs CAP_BPF and CAP_PERFMON") as e:
        runtime.load(spec)
    assert "lacks CAP_PERFMON:" in str(e.value)


def test_eperm_with_all_capabilities_blames_the_kernel(
    kernel: FakeKernel, monkeypatch: pytest.MonkeyPatch
) -> None:
    kernel.handlers[Cmd.PROG_LOAD] = lambda _: -errno.EPERM
    monkeypatch.setattr("bpf2py.runtime.privileges.effective_capabilities", lambda: -1)
    monkeypatch.setattr("bpf2py.runtime.privileges.in_user_namespace", lambda: False)
    monkeypatch.setattr("resource.setrlimit", lambda *_: None)
    spec = an_object(program(prog_type=ProgType.XDP))
    with pytest.raises(PermissionError, match="this kernel refuses programs of type XDP"):
        runtime.load(spec)


def test_a_type_the_kernel_does_not_know_is_no_verdict_of_the_verifier(kernel: FakeKernel) -> None:
    kernel.handlers[Cmd.PROG_LOAD] = lambda _: -errno.EINVAL
    with pytest.raises(
        runtime.NotSupportedError, match=r"programs of type NETFILTER \(Linux 6\.4 .*program 'prog'"
    ):
        runtime.load(an_object(program(prog_type=ProgType.NETFILTER, section="netfilter")))


def test_a_program_that_is_refused_for_its_flags_or_log_level_is_told_so(
    kernel: FakeKernel,
) -> None:
    kernel.handlers[Cmd.PROG_LOAD] = lambda attr: (
        -errno.EINVAL if attr.u32(44) else kernel.descriptor()  # prog_flags
    )
    spec = an_object(program(prog_type=ProgType.XDP))
    spec.programs["prog"].flags = ProgFlags.XDP_HAS_FRAGS
    spec.programs["prog"].log_level = 77
    with pytest.raises(OSError, match=r"flags \(XDP_HAS_FRAGS\).* log_level \(77\)"):
        runtime.load(spec)


def test_a_type_of_map_that_the_kernel_lacks_is_not_supported(kernel: FakeKernel) -> None:
    kernel.handlers[Cmd.MAP_CREATE] = lambda _: -errno.EINVAL
    spec = MapSpec(name="seen", map_type=MapType.BLOOM_FILTER, value_size=8, max_entries=100)
    with pytest.raises(
        runtime.NotSupportedError, match=r"maps of type BLOOM_FILTER \(Linux 5\.16 .*map 'seen'"
    ):
        runtime.load(an_object(spec))


def test_targets_are_looked_for_for_the_types_of_program_that_have_some() -> None:
    assert {prog_type for prog_type, _ in TARGET_KINDS} == program_load._WITH_TARGET


def test_an_attach_target_must_be_named(kernel: FakeKernel) -> None:
    spec = an_object(
        program(prog_type=ProgType.TRACING, attach_type=AttachType.TRACE_RAW_TP, section="tp_btf")
    )
    with pytest.raises(ValueError, match="does not name its tracepoint"):
        runtime.load(spec)


def test_a_log_larger_than_any_buffer_is_not_asked_for_again(kernel: FakeKernel) -> None:
    def refuse(attr: Attr) -> int:
        attr.write_memory(32, b"BPF program is too large\n\0")
        attr.write(140, (1 << 30).to_bytes(4, sys.byteorder))
        return -errno.ENOSPC

    kernel.handlers[Cmd.PROG_LOAD] = refuse
    request = LoadRequest(prog_type=ProgType.XDP, insns=XDP_PASS, license="GPL", what="p")
    number, log, error = verification.load_with_log(request, 1)
    assert number is None
    assert error is not None
    assert log.text == "BPF program is too large\n"
    assert len(kernel.of(Cmd.PROG_LOAD)) == 1
