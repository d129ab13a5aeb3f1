"""Whole maps at once: the batch commands (Linux 5.6), and the same one by one where they miss.

In: a handle.  Out: runs of keys and values as bytes, to be decoded a run at a time; or, the other
way, runs to be written.  A walk over a map that others change meanwhile gives every element that
was there all the time exactly once; one that comes or goes during the walk may be in it or not.
"""

from __future__ import annotations

import errno
import struct

from ...light import Iterator, NamedTuple
from ...uapi import Cmd
from ..syscalls import bpf as door
from .handle import MapHandle

_BATCH = struct.Struct("=QQQQIIQQ")
_COUNT = struct.Struct("=I")
_COUNT_OFFSET = 32

#: Bytes of keys and values read or written by one call: large enough that the call itself does
#: not count, small enough to stay in a processor's cache.
_RUN_BYTES = 256 * 1024
_RUN_LEAST = 64

#: How a kernel says that it has no batch commands, or not for this map type.
_MISSING = (errno.EINVAL, errno.EOPNOTSUPP, door.ENOTSUPP)


class Run(NamedTuple):
    """Keys and values of *length* elements, back to back; good until the next run is asked for."""

    keys: memoryview
    values: memoryview
    length: int


class _Attr:
    """The attr of a batch command with the buffers it points to."""

    def __init__(self, handle: MapHandle, count: int) -> None:
        self.handle = handle
        # The kernel keeps four bytes or a whole key in the cursor, depending on the map type
        # (__htab_map_lookup_and_delete_batch(), generic_map_lookup_batch()).
        size = max(handle.key_size, 8)
        self.cursors = bytearray(size), bytearray(size)
        self.started = False
        self.resize(count)

    def resize(self, count: int) -> None:
        self.count = count
        self.keys = bytearray(self.handle.key_size * count)
        self.values = bytearray(self.handle.room * count)

    def call(self, cmd: Cmd) -> int:
        """Make the call; return how many elements were done.  At the end of the map, ENOENT."""
        last, following = self.cursors
        attr = bytearray(
            _BATCH.pack(
                door.address(last) if self.started else 0,
                door.address(following),
                door.address(self.keys),
                door.address(self.values),
                self.count,
                self.handle.fileno(),
                0,
                0,
            )
        )
        try:
            door.bpf(cmd, attr, what=self.handle.what)
        except OSError as error:
            (done,) = _COUNT.unpack_from(attr, _COUNT_OFFSET)
            if error.errno in (errno.ENOENT, errno.EINTR):
                # What was done before counts; the kernel zeroes the field before it starts.
                error.done = done  # type: ignore[attr-defined]
            if error.errno == errno.EINTR and done:
                self._advance()
            raise
        self._advance()
        (done,) = _COUNT.unpack_from(attr, _COUNT_OFFSET)
        return int(done)

    def _advance(self) -> None:
        last, following = self.cursors
        self.cursors = following, last
        self.started = True


def run_length(handle: MapHandle) -> int:
    """How many elements to read or write at once."""
    fitting = _RUN_BYTES // max(1, handle.key_size + handle.room)
    return max(1, min(max(_RUN_LEAST, fitting), handle.max_entries))


def runs(handle: MapHandle, *, delete: bool = False) -> Iterator[Run]:
    """Walk the whole map; with *delete*, take out what is read in the same step."""
    cmd = Cmd.MAP_LOOKUP_AND_DELETE_BATCH if delete else Cmd.MAP_LOOKUP_BATCH
    attr = _Attr(handle, run_length(handle))
    while True:
        at_end = False
        try:
            count = attr.call(cmd)
        except OSError as error:
            if error.errno in _MISSING and not attr.started:
                yield from _one_by_one(handle, delete=delete)
                return
            if error.errno == errno.ENOSPC and attr.count < max(handle.max_entries, 1 << 20):
                # A hash bucket is read as a whole or not at all, and this one is longer.
                attr.resize(attr.count * 2)
                continue
            if error.errno not in (errno.ENOENT, errno.EINTR):
                raise
            count = error.done  # type: ignore[attr-defined]
            at_end = error.errno == errno.ENOENT
        if count:
            yield Run(
                memoryview(attr.keys)[: count * handle.key_size],
                memoryview(attr.values)[: count * handle.room],
                count,
            )
        if at_end:
            return


def keys(handle: MapHandle, limit: int | None = None) -> Iterator[bytes]:
    """Every key by BPF_MAP_GET_NEXT_KEY, each once.

    The kernel begins again at the first key when the one it is asked to follow is gone, so keys
    met before are remembered and left out.  RuntimeError when the map is changed so fast that the
    walk comes to no end.
    """
    seen: set[bytes] = set()
    key, following = bytearray(handle.key_size), bytearray(handle.key_size)
    patience = limit if limit is not None else 8 * handle.max_entries + 1024
    there = handle.next_key(None, key)
    while there:
        current = bytes(key)
        if current not in seen:
            seen.add(current)
            yield current
        elif patience <= 0:
            raise RuntimeError(f"{handle.what} is changed faster than it can be read")
        patience -= 1
        there = handle.next_key(key, following)
        key, following = following, key


def _one_by_one(handle: MapHandle, *, delete: bool) -> Iterator[Run]:
    length = run_length(handle)
    value = bytearray(handle.room)
    found_keys, found_values, count = bytearray(), bytearray(), 0
    # Deleting the key that the walk stands on would send it back to the first one.
    walk = iter(list(keys(handle))) if delete else keys(handle)
    for key in walk:
        place = bytearray(key)
        try:
            handle.elem(Cmd.MAP_LOOKUP_ELEM, place, value)
            if delete:
                handle.elem(Cmd.MAP_DELETE_ELEM, place, None)
        except FileNotFoundError:
            continue  # somebody else was quicker
        found_keys += key
        found_values += value
        count += 1
        if count == length:
            yield Run(memoryview(found_keys), memoryview(found_values), count)
            found_keys, found_values, count = bytearray(), bytearray(), 0
    if count:
        yield Run(memoryview(found_keys), memoryview(found_values), count)


def update(handle: MapHandle, run_keys: bytearray, run_values: bytearray, count: int) -> None:
    """Write *count* elements; OSError when one is refused, those before it are written."""
    key_size, room = handle.key_size, handle.room
    begin = 0
    while begin < count:
        attr = bytearray(
            _BATCH.pack(
                0,
                0,
                door.address(run_keys) + begin * key_size,
                door.address(run_values) + begin * room,
                count - begin,
                handle.fileno(),
                0,
                0,
            )
        )
        try:
            door.bpf(Cmd.MAP_UPDATE_BATCH, attr, what=handle.what)
            return
        except OSError as error:
            if error.errno == errno.EINTR:
                begin += _COUNT.unpack_from(attr, _COUNT_OFFSET)[0]
                continue
            if error.errno not in _MISSING:
                raise
            break
    for index in range(begin, count):
        handle.elem(
            Cmd.MAP_UPDATE_ELEM,
            run_keys[index * key_size : (index + 1) * key_size],
            run_values[index * room : (index + 1) * room],
        )
