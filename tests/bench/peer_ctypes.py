"""The raw ctypes side of the benchmark: what a careful Python programmer writes without a library.

The same jobs and arguments as ``peer_libbpf.c``; prints nanoseconds per operation, or KiB.
"""

from __future__ import annotations

import ctypes
import mmap
import os
import platform
import struct
import sys
import time

_libc = ctypes.CDLL(None, use_errno=True)
_NR = {"x86_64": 321, "aarch64": 280}[platform.machine()]


class ElemAttr(ctypes.Structure):
    _fields_ = [
        ("map_fd", ctypes.c_uint32),
        ("key", ctypes.c_uint64),
        ("value", ctypes.c_uint64),
        ("flags", ctypes.c_uint64),
    ]


class BatchAttr(ctypes.Structure):
    _fields_ = [
        ("in_batch", ctypes.c_uint64),
        ("out_batch", ctypes.c_uint64),
        ("keys", ctypes.c_uint64),
        ("values", ctypes.c_uint64),
        ("count", ctypes.c_uint32),
        ("map_fd", ctypes.c_uint32),
        ("elem_flags", ctypes.c_uint64),
        ("flags", ctypes.c_uint64),
    ]


class TestRunAttr(ctypes.Structure):
    _fields_ = [
        ("prog_fd", ctypes.c_uint32),
        ("retval", ctypes.c_uint32),
        ("data_size_in", ctypes.c_uint32),
        ("data_size_out", ctypes.c_uint32),
        ("data_in", ctypes.c_uint64),
        ("data_out", ctypes.c_uint64),
        ("repeat", ctypes.c_uint32),
        ("duration", ctypes.c_uint32),
    ]


class Value(ctypes.Structure):
    _fields_ = [("packets", ctypes.c_uint64), ("bytes", ctypes.c_uint64)]


class Event(ctypes.Structure):
    _fields_ = [
        ("ts", ctypes.c_uint64),
        ("pid", ctypes.c_uint32),
        ("uid", ctypes.c_uint32),
        ("ret", ctypes.c_int32),
        ("flags", ctypes.c_int32),
        ("seq", ctypes.c_uint64),
        ("comm", ctypes.c_char * 32),
    ]


def bpf(cmd: int, attr: ctypes.Structure) -> int:
    result: int = _libc.syscall(_NR, cmd, ctypes.byref(attr), ctypes.sizeof(attr))
    if result < 0:
        code = ctypes.get_errno()
        raise OSError(code, os.strerror(code))
    return result


def job_load(count: int) -> float:
    """The trivial program only, its two instructions given as bytes: nobody parses an object here."""
    insns = ctypes.create_string_buffer(struct.pack("<BBhi", 0xB7, 0, 0, 2) + b"\x95" + bytes(7))
    license_ = ctypes.create_string_buffer(b"GPL")
    attr = struct.pack("=IIQQ", 6, 2, ctypes.addressof(insns), ctypes.addressof(license_)) + bytes(
        24
    )
    begin = time.perf_counter_ns()
    for _ in range(count):
        buffer = ctypes.create_string_buffer(attr, len(attr))
        fd = _libc.syscall(_NR, 5, buffer, len(attr))
        if fd < 0:
            raise OSError(ctypes.get_errno(), "BPF_PROG_LOAD")
        os.close(fd)
    return (time.perf_counter_ns() - begin) / count


def job_lookup(fd: int, entries: int, count: int) -> float:
    key, value = ctypes.c_uint32(), Value()
    attr = ElemAttr(fd, ctypes.addressof(key), ctypes.addressof(value), 0)
    total = 0
    begin = time.perf_counter_ns()
    for i in range(count):
        key.value = i * 2654435761 % entries
        bpf(1, attr)
        total += value.packets
    return (time.perf_counter_ns() - begin) / count


def job_update(fd: int, entries: int, count: int) -> float:
    key, value = ctypes.c_uint32(), Value(1, 2)
    attr = ElemAttr(fd, ctypes.addressof(key), ctypes.addressof(value), 0)
    begin = time.perf_counter_ns()
    for i in range(count):
        key.value = value.packets = i * 2654435761 % entries
        bpf(2, attr)
    return (time.perf_counter_ns() - begin) / count


def job_iterate(fd: int) -> float:
    chunk = 16384
    keys, values = (ctypes.c_uint32 * chunk)(), (Value * chunk)()
    cursor = ctypes.c_uint64()
    attr = BatchAttr(
        0,
        ctypes.addressof(cursor),
        ctypes.addressof(keys),
        ctypes.addressof(values),
        chunk,
        fd,
        0,
        0,
    )
    result: dict[int, tuple[int, int]] = {}
    pair = struct.Struct("=QQ")
    more = True
    begin = time.perf_counter_ns()
    while more:
        attr.count = chunk
        try:
            bpf(24, attr)
        except FileNotFoundError:
            more = False
        n = attr.count
        result.update(
            zip(keys[:n], pair.iter_unpack(memoryview(values).cast("B")[: n * 16]), strict=True)
        )
        attr.in_batch = ctypes.addressof(cursor)
    return (time.perf_counter_ns() - begin) / len(result)


def job_ringbuf(fd: int, prog: int, count: int) -> float:
    page = mmap.PAGESIZE
    size = 16 * 1024 * 1024
    consumer = mmap.mmap(fd, page, mmap.MAP_SHARED, mmap.PROT_READ | mmap.PROT_WRITE)
    ring = mmap.mmap(fd, page + 2 * size, mmap.MAP_SHARED, mmap.PROT_READ, offset=page)
    consumer_pos = memoryview(consumer).cast("Q")
    producer_pos = memoryview(ring)[:8].cast("Q")
    consumer_pos[0] = producer_pos[0]
    packet = ctypes.create_string_buffer(64)
    bpf(10, TestRunAttr(prog, 0, 64, 0, ctypes.addressof(packet), 0, count, 0))
    seen = total = 0
    begin = time.perf_counter_ns()
    position = consumer_pos[0]
    end = producer_pos[0]
    while position < end:
        offset = page + position % size
        length = int.from_bytes(ring[offset : offset + 4], sys.byteorder)
        if not length & 1 << 30:
            event = Event.from_buffer_copy(ring, offset + 8)
            total += event.pid + len(event.comm)
            seen += 1
        position += (length & 0x3FFFFFFF) + 15 & ~7
    consumer_pos[0] = position
    elapsed = time.perf_counter_ns() - begin
    if seen != count:
        raise SystemExit(f"peer_ctypes: {seen} events of {count}")
    return elapsed / count


def job_idle() -> float:
    job_load(1)
    with open("/proc/self/smaps_rollup") as rollup:
        return float(next(line for line in rollup if line.startswith("Rss:")).split()[1])


def main() -> None:
    job, *rest = sys.argv[1:]
    match job, [int(word) for word in rest]:
        case "load", [count]:
            print(job_load(count))
        case "lookup", [fd, entries, count]:
            print(job_lookup(fd, entries, count))
        case "update", [fd, entries, count]:
            print(job_update(fd, entries, count))
        case "iterate", [fd]:
            print(job_iterate(fd))
        case "ringbuf", [fd, prog, count]:
            print(job_ringbuf(fd, prog, count))
        case "idle", []:
            print(job_idle())
        case "start", []:
            pass
        case _:
            raise SystemExit(2)


if __name__ == "__main__":
    main()
