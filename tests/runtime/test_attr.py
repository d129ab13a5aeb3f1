"""What exactly goes through the door: every field at its place, nothing an old kernel must refuse."""

from __future__ import annotations

import errno
import os
import sys

import pytest

from bpf2py.runtime.syscalls import link, obj, prog, prog_run, token
from bpf2py.runtime.syscalls.btf import btf_load
from bpf2py.runtime.syscalls.fd import FD
from bpf2py.runtime.syscalls.map import map_create
from bpf2py.uapi import Cmd, LinkType, MapType, ProgType
from tests.runtime.bpf_code import XDP_PASS
from tests.runtime.conftest import Attr, FakeKernel


def request(**more: object) -> prog.LoadRequest:
    fields: dict[str, object] = {
        "prog_type": ProgType.XDP,
        "insns": XDP_PASS,
        "license": "GPL",
        "what": "program 'p'",
    }
    return prog.LoadRequest(**{**fields, **more})  # type: ignore[arg-type]


def test_a_plain_program_is_loaded_with_no_byte_behind_the_license(kernel: FakeKernel) -> None:
    FD(prog.prog_load(request())).close()
    (attr,) = kernel.of(Cmd.PROG_LOAD)
    assert (attr.u32(0), attr.u32(4)) == (ProgType.XDP, 2)
    assert len(attr.bytes) <= 24  # what follows the license is zero and was cut off


def test_every_field_of_a_load_is_where_the_kernel_looks(kernel: FakeKernel) -> None:
    seen: list[object] = []

    def look(attr: Attr) -> int:
        seen.extend((attr.memory(8, 16), attr.text(16), attr.memory(80, 16), attr.memory(96, 32)))
        return kernel.descriptor()

    kernel.handlers[Cmd.PROG_LOAD] = look
    whole = request(
        name=b"p",
        flags=3,
        expected_attach_type=5,
        btf_fd=7,
        func_info=bytes(range(16)),
        line_info=bytes(range(32)),
        attach_btf_id=11,
        attach_fd=13,
        ifindex=17,
    )
    FD(prog.prog_load(whole)).close()
    (attr,) = kernel.of(Cmd.PROG_LOAD)
    assert seen == [XDP_PASS, "GPL", bytes(range(16)), bytes(range(32))]
    fields = {44: 3, 64: 17, 68: 5, 72: 7, 76: 8, 88: 2, 92: 16, 104: 2, 108: 11, 112: 13}
    assert {offset: attr.u32(offset) for offset in fields} == fields
    assert attr.bytes[48:50] == b"p\0"
    assert len(attr.bytes) == (113 if sys.byteorder == "little" else 116)  # up to the last byte set


def test_without_btf_no_function_or_line_records_are_passed(kernel: FakeKernel) -> None:
    FD(prog.prog_load(request(func_info=bytes(8), line_info=bytes(16)))).close()
    (attr,) = kernel.of(Cmd.PROG_LOAD)
    assert len(attr.bytes) <= 24


def test_a_log_has_room_for_its_true_size(kernel: FakeKernel) -> None:
    def write(attr: Attr) -> int:
        attr.write_memory(32, b"R0 !read_ok\n\0")
        attr.write(140, (13).to_bytes(4, sys.byteorder))
        return -errno.EACCES

    kernel.handlers[Cmd.PROG_LOAD] = write
    log = prog.LogBuffer(1, 64)
    with pytest.raises(PermissionError):
        prog.prog_load(request(), log)
    (attr,) = kernel.of(Cmd.PROG_LOAD)
    assert (attr.u32(24), attr.u32(28), len(attr.bytes)) == (1, 64, 144)
    assert (log.text, log.true_size, log.full) == ("R0 !read_ok\n", 13, False)


@pytest.mark.parametrize(
    ("content", "true_size", "full"),
    [
        (b"short\0", 0, False),
        (b"x" * 15 + b"\0", 0, True),  # an old kernel filled the buffer
        (b"x" * 16, 0, True),
        (b"x" * 15 + b"\0", 16, False),  # it fits exactly, and the kernel says so
        (b"x" * 15 + b"\0", 17, True),
    ],
)
def test_a_log_knows_whether_it_is_whole(content: bytes, true_size: int, full: bool) -> None:
    log = prog.LogBuffer(1, 16)
    log.buffer[: len(content)] = content
    log.true_size = true_size
    assert log.full is full


def test_a_test_run_keeps_room_that_the_kernel_is_not_told_of(kernel: FakeKernel) -> None:
    def run(attr: Attr) -> int:
        # A kernel before 4.20 copies the whole grown packet, whatever the size said.
        attr.write_memory(24, b"y" * (14 + prog_run.OUTPUT_PADDING))
        attr.write(4, (2).to_bytes(4, sys.byteorder))
        attr.write(12, (14 + prog_run.OUTPUT_PADDING).to_bytes(4, sys.byteorder))
        attr.write(36, (99).to_bytes(4, sys.byteorder))
        return 0

    kernel.handlers[Cmd.PROG_TEST_RUN] = run
    result = prog_run.prog_test_run(5, data=bytes(14), data_out_size=14, what="p")
    (attr,) = kernel.of(Cmd.PROG_TEST_RUN)
    assert (attr.u32(0), attr.u32(8), attr.u32(12), len(attr.bytes)) == (5, 14, 14, 40)
    assert result == prog_run.TestRun(2, b"y" * (14 + prog_run.OUTPUT_PADDING), b"", 99)


def test_a_test_run_with_context_passes_the_longer_attr(kernel: FakeKernel) -> None:
    prog_run.prog_test_run(5, context=b"abcd", context_out_size=8, flags=1, cpu=3, what="p")
    (attr,) = kernel.of(Cmd.PROG_TEST_RUN)
    assert (attr.u32(40), attr.u32(44), attr.u32(64), attr.u32(68)) == (4, 8, 1, 3)


def test_a_link_without_options_is_sixteen_bytes(kernel: FakeKernel) -> None:
    FD(link.link_create(3, target=0, attach_type=41, what="l")).close()
    FD(link.link_create(3, target=4, attach_type=41, extra=b"\7" + bytes(7), what="l")).close()
    first, second = kernel.of(Cmd.LINK_CREATE)
    assert (len(first.bytes), len(second.bytes)) == (16, 17)
    assert (second.u32(0), second.u32(4), second.u32(8), second.bytes[16]) == (3, 4, 41, 7)


def test_a_raw_tracepoint_without_cookie_fits_the_first_kernels_that_had_them(
    kernel: FakeKernel,
) -> None:
    names: list[str] = []

    def look(attr: Attr) -> int:
        names.append(attr.text(0))
        return kernel.descriptor()

    kernel.handlers[Cmd.RAW_TRACEPOINT_OPEN] = look
    FD(link.raw_tracepoint_open(3, "sched_switch", what="l")).close()
    FD(link.raw_tracepoint_open(3, "sched_switch", cookie=9, what="l")).close()
    plain, cookie = kernel.of(Cmd.RAW_TRACEPOINT_OPEN)
    assert names == ["sched_switch", "sched_switch"]
    assert (len(plain.bytes), len(cookie.bytes), cookie.u64(16)) == (16, 24, 9)


def test_replacing_only_an_expected_program_sets_the_flag(kernel: FakeKernel) -> None:
    link.link_update(3, 4, what="l")
    link.link_update(3, 4, old_prog_fd=5, what="l")
    plain, guarded = kernel.of(Cmd.LINK_UPDATE)
    assert (plain.u32(8), plain.u32(12)) == (0, 0)
    assert (guarded.u32(8), guarded.u32(12)) == (4, 5)


def test_refused_btf_says_the_last_line_of_the_log(kernel: FakeKernel) -> None:
    def refuse(attr: Attr) -> int:
        if len(attr.bytes) > 20 and attr.u64(8):
            attr.write_memory(8, b"magic: 0xeb9f\n\ttype_id=1 bad name\n\0")
        return -errno.EINVAL

    kernel.handlers[Cmd.BTF_LOAD] = refuse
    with pytest.raises(OSError, match="type_id=1 bad name") as caught:
        btf_load(b"btf", what="BTF of object 'o'")
    assert "magic: 0xeb9f" in caught.value.__notes__[0]
    assert len(kernel.of(Cmd.BTF_LOAD)) == 2


def test_program_information_comes_with_its_maps(kernel: FakeKernel) -> None:
    def tell(attr: Attr) -> int:
        info = bytearray(attr.memory(8, 232))
        info[0:8] = (6).to_bytes(4, sys.byteorder) + (42).to_bytes(4, sys.byteorder)
        info[8:16] = bytes.fromhex("0102030405060708")
        info[64:68] = b"prog"
        room = int.from_bytes(info[56:64], sys.byteorder)
        info[52:56] = (2).to_bytes(4, sys.byteorder)
        attr.write_memory(8, bytes(info))
        if room:
            import ctypes

            ids = (5).to_bytes(4, sys.byteorder) + (6).to_bytes(4, sys.byteorder)
            ctypes.memmove(room, ids, 8)
        return 0

    kernel.handlers[Cmd.OBJ_GET_INFO_BY_FD] = tell
    info = obj.program_info(3, what="p")
    assert (info.prog_type, info.id, info.name) == (ProgType.XDP, 42, "prog")
    assert (info.tag, info.map_ids) == ("0102030405060708", (5, 6))


def test_a_link_type_of_a_newer_kernel_stays_a_number(kernel: FakeKernel) -> None:
    def tell(attr: Attr) -> int:
        attr.write_memory(8, (99).to_bytes(4, sys.byteorder) + (7).to_bytes(4, sys.byteorder))
        return 0

    kernel.handlers[Cmd.OBJ_GET_INFO_BY_FD] = tell
    info = obj.link_info(3, what="l")
    assert (info.link_type, info.id) == (99, 7)
    assert not isinstance(info.link_type, LinkType)


def test_ids_are_listed_until_the_kernel_has_no_more(kernel: FakeKernel) -> None:
    def following(attr: Attr) -> int:
        if attr.u32(0) == 8:
            return -errno.ENOENT
        attr.write(4, (attr.u32(0) + 4).to_bytes(4, sys.byteorder))
        return 0

    kernel.handlers[Cmd.PROG_GET_NEXT_ID] = following
    assert list(obj.program_ids()) == [4, 8]


def test_a_token_in_use_goes_along_with_what_takes_one(kernel: FakeKernel) -> None:
    with token.passing(77):
        os.close(prog.prog_load(request()))
        map_create(MapType.ARRAY, key_size=4, value_size=4, max_entries=1).close()
        os.close(btf_load(b"btf", what="BTF"))
        kernel.handlers[Cmd.BTF_GET_FD_BY_ID] = lambda attr: -errno.ENOENT
        with pytest.raises(FileNotFoundError):
            obj.btf_by_id(5)
    (load,) = kernel.of(Cmd.PROG_LOAD)
    assert (load.u32(44) & 1 << 16, load.u32(144)) == (1 << 16, 77)
    (create,) = kernel.of(Cmd.MAP_CREATE)
    assert (create.u32(16), create.u32(76)) == (1 << 16, 77)
    (btf,) = kernel.of(Cmd.BTF_LOAD)
    assert (btf.u32(32), btf.u32(36)) == (1 << 16, 77)
    (by_id,) = kernel.of(Cmd.BTF_GET_FD_BY_ID)
    assert (by_id.u32(0), by_id.u32(8), by_id.u32(12)) == (5, 1 << 16, 77)
    os.close(prog.prog_load(request()))
    assert kernel.of(Cmd.PROG_LOAD)[1].u32(44) & 1 << 16 == 0
