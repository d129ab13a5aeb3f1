"""Ring buffers (Linux 5.8): events from BPF programs in order, shared by all CPUs.

In: a RINGBUF map.  Out: events, decoded or as bytes.  Follows kernel/bpf/ringbuf.c.

**Memory.**  One page holds the consumer position, which we write; one the producer position; then
the data, mapped twice in a row so that a record that wraps is whole in memory.  Positions count
bytes ever written and never wrap in practice.  A record is a header (length with two flag bits,
then 4 bytes for the kernel) and the sample, rounded up to 8 bytes.

**Order.**  The kernel publishes a record by storing its length without the busy bit (``xchg()`` in
bpf_ringbuf_commit()) after the sample, and the producer position with release order after the
busy length.  A consumer must load position, length and sample in this order, and store its own
position after it has read the samples.  Each of our accesses to positions and lengths is one
aligned load or store (``memoryview`` items of 8 and 4 bytes: CPython copies an item with a memcpy
of constant size, which compilers make one instruction).  x86 and s390x neither reorder loads nor
move a store before an earlier load, so nothing more is needed there.  arm64, riscv and ppc may do
both, and Python has no fence to offer; there the reader gives a lock of its own back and takes it
again between the steps (:func:`_fence`): release order, then acquire order on the same word, which
no access passes in either direction.

**Waiting.**  The map's descriptor is readable while the consumer position is behind the producer
position: level-triggered, so nothing is missed between reading and waiting.  The kernel wakes a
sleeper when the record at the very position the consumer has reached is committed; programs that
say BPF_RB_NO_WAKEUP wake nobody, so read those with a timeout.

**What is guaranteed.**  Reading starts where the last reader of this map, in any process, stopped.
The position is stored once the records of a run (:data:`RUN_BYTES` at most) are decoded.  Events
decoded and not yet handed out stay with the :class:`RingBuf`: when a loop body raises or breaks, or
a task is cancelled, the next ``for``, ``read`` or ``drain`` on it begins with the event after the
one that was handed out last.  They are lost only when the process ends or the map is closed.  An
event that was handed out never comes again.  A record the kernel had no room for is not here, and
no ring buffer counts those: the program saw the failure and has to count it (:attr:`dropped`).

Two readers of one ring take each other's events and must not run at the same time in different
processes (there is one position); threads may share a :class:`RingBuf`, each event goes to one.
"""

from __future__ import annotations

import mmap
import os
import select
import threading
import time

from ...light import (
    TYPE_CHECKING,
    Any,
    AsyncIterator,
    Callable,
    Generic,
    Iterator,
    TypeVar,
    overload,
    suppress,
)
from ...uapi import MapFlags, MapType
from ..codec import U64, Bytes, Codec, Padded, RestBytes
from ..errors import ClosedError, NotSupportedError
from ..maps.base import AnyMap
from ..maps.handle import MapHandle
from ..variables import map_memory

if TYPE_CHECKING:
    import asyncio
    from typing import ClassVar

T = TypeVar("T")

_BUSY = 1 << 31
_DISCARD = 1 << 30
_HEADER = 8

#: Bytes of the ring decoded before the position moves: bounds how long the ring stays occupied and
#: how many events wait in memory.
RUN_BYTES = 128 * 1024

#: Equal records in a row from which they are decoded by one ``struct`` iterator.
_RUN_LEAST = 4
_LOOK_LEAST = 8
_LOOK_MOST = 4096
#: Lengths for which such a decoder is kept; other lengths are decoded one by one.
_DECODERS = 32

#: Seconds to sleep when the oldest record is reserved and not committed yet: poll() says readable.
_BUSY_SLEEP = 0.0002

_ORDERED_MACHINES = ("x86_64", "i386", "i486", "i586", "i686", "s390x")
_needs_fence = os.uname().machine not in _ORDERED_MACHINES

_fence_lock = threading.local()


def _fence() -> None:
    """Keep this thread's memory accesses before here before those after here."""
    if not _needs_fence:
        return
    lock = getattr(_fence_lock, "held", None)
    if lock is None:
        lock = _fence_lock.held = threading.Lock()
        lock.acquire()
    lock.release()
    lock.acquire()


class _Ring:
    """The mapped memory of one ring buffer."""

    __slots__ = ("consumer", "data", "lengths", "mask", "producer")

    def __init__(self, handle: MapHandle) -> None:
        page, size = mmap.PAGESIZE, handle.max_entries
        fd = handle.fileno()
        reading = mmap.PROT_READ
        try:
            first = map_memory(fd, page, reading | mmap.PROT_WRITE)
            rest = map_memory(fd, page + 2 * size, reading, page)
        except OSError as error:
            raise OSError(
                error.errno,
                f"cannot map the ring buffer: {os.strerror(error.errno or 0)}",
                handle.what,
            ) from None
        self.consumer = memoryview(first).cast("Q")
        whole = memoryview(rest)
        self.producer = whole[:page].cast("Q")
        #: The ring, twice in a row.
        self.data = whole[page:]
        self.lengths = self.data.cast("I")
        self.mask = size - 1


class RingBuf(AnyMap, Generic[T]):
    """A ring buffer: ``RingBuf(loaded.map("events"), codec.of(Event))``.

    ``for event in ringbuf`` and ``async for event in ringbuf`` wait for ever; :meth:`read` takes a
    timeout; :meth:`drain` takes what is there; :meth:`read_raw` gives memory instead of values.
    ``fileno()`` is readable while there is something, for anybody's event loop.

    Without an event codec events are ``bytes``: the sample with the length it was written with.
    """

    map_types: ClassVar[tuple[MapType, ...]] = (MapType.RINGBUF,)

    @overload
    def __init__(
        self: RingBuf[bytes],
        handle: MapHandle,
        event: None = None,
        *,
        dropped: MapHandle | None = None,
    ) -> None: ...
    @overload
    def __init__(
        self, handle: MapHandle, event: Codec[T], *, dropped: MapHandle | None = None
    ) -> None: ...
    def __init__(
        self,
        handle: MapHandle,
        event: Codec[Any] | None = None,
        *,
        dropped: MapHandle | None = None,
    ) -> None:
        super().__init__(handle)
        self._dropped = dropped
        if handle.flags & MapFlags.RB_OVERWRITE:
            raise NotSupportedError(
                f"reading {handle.what}", hint="it is in overwrite mode (BPF_F_RB_OVERWRITE)"
            )
        self._event: Codec[Any] = RestBytes() if event is None else event
        self._ring: _Ring | None = None
        self._pending: Iterator[T] = iter(())
        self._lock = threading.Lock()
        self._decoders: dict[int, Callable[[memoryview], list[T]]] = {}
        self._waiters: list[asyncio.Future[None]] = []
        handle.at_close.append(self._drop)

    # -- reading -------------------------------------------------------------------------------

    @property
    def dropped(self) -> int | None:
        """How many events found no room since the map was made; None if no program counts them.

        ``BPF2PY_COUNT_DROPS`` of ``bpf2py.h`` makes programs count, in a map of their own.
        """
        if self._dropped is None:
            return None
        from ..maps.percpu import PerCPUArrayMap

        return sum(PerCPUArrayMap(self._dropped, U64)[0])

    def __iter__(self) -> Iterator[T]:
        return self.read()

    def read(self, timeout: float | None = None) -> Iterator[T]:
        """Events as they come, until *timeout* seconds pass without a new one.

        None waits for ever; 0 gives what is there and what comes while it is handed out.
        Raises ValueError for a sample shorter than the event type, once; reading again goes on
        behind it.
        """
        while True:
            yield from self._pending
            if self._fill():
                continue
            if timeout == 0 or not self._wait(timeout):
                return

    def drain(self) -> list[T]:
        """All events that are there at this moment, without waiting."""
        events = list(self._pending)
        end = self._mapped().producer[0]
        while self._mapped().consumer[0] < end and self._fill():
            events.extend(self._pending)
        return events

    def read_raw(self, timeout: float | None = None) -> Iterator[memoryview]:
        """Samples as read-only memory of the ring itself, until *timeout* passes without one.

        A sample is valid until the next step of the iteration, or its end: then the memory is
        released (using it is a ValueError) and the kernel may write there.  Events that a ``for``
        has left over are not here.
        """
        while True:
            ring = self._mapped()
            position = ring.consumer[0]
            if position == ring.producer[0]:
                if timeout == 0 or not self._wait(timeout):
                    return
                continue
            _fence()
            start = position & ring.mask
            length = ring.lengths[start >> 2]
            if length & _BUSY:
                if timeout == 0:
                    return
                time.sleep(_BUSY_SLEEP)
                continue
            size = length & ~_DISCARD
            following = position + (size + _HEADER + 7 & ~7)
            if length & _DISCARD:
                ring.consumer[0] = following
                continue
            _fence()
            sample = ring.data[start + _HEADER : start + _HEADER + size]
            try:
                yield sample
            finally:
                # Where something still refers to it, that is the caller's to answer for.
                with suppress(BufferError):
                    sample.release()
                _fence()
                ring.consumer[0] = following

    async def __aiter__(self) -> AsyncIterator[T]:
        """Events for ever, letting other tasks of the asyncio loop run while waiting."""
        import asyncio

        while True:
            for event in self._pending:
                yield event
            if self._fill():
                # Others get their turn once per run, however fast events come.
                await asyncio.sleep(0)
                continue
            await self._readable()
            if not self._fill():
                await asyncio.sleep(_BUSY_SLEEP)

    # -- positions -----------------------------------------------------------------------------

    @property
    def size(self) -> int:
        """Bytes of the ring, headers of records included."""
        return self.max_entries

    @property
    def consumer_position(self) -> int:
        """Bytes that were ever consumed."""
        return self._mapped().consumer[0]

    @property
    def producer_position(self) -> int:
        """Bytes that were ever reserved by programs."""
        return self._mapped().producer[0]

    @property
    def available_bytes(self) -> int:
        """Bytes reserved and not consumed, headers included."""
        ring = self._mapped()
        return max(0, ring.producer[0] - ring.consumer[0])

    # -- inside --------------------------------------------------------------------------------

    def _mapped(self) -> _Ring:
        ring = self._ring
        if ring is None:
            ring = self._ring = _Ring(self._handle)
        return ring

    def _drop(self) -> None:
        """The map is closed: forget its memory, and tell tasks that wait for it."""
        self._ring = None
        for waiter in self._waiters:
            waiter.get_loop().call_soon_threadsafe(self._refuse, waiter)

    def _refuse(self, waiter: asyncio.Future[None]) -> None:
        if not waiter.done():
            waiter.set_exception(ClosedError(f"{self._handle.what} is closed"))

    def _fill(self) -> bool:
        """Decode the next run into ``_pending``; whether the position moved or events are there."""
        with self._lock:
            if self._pending.__length_hint__():  # type: ignore[attr-defined]
                return True  # another thread was quicker
            ring = self._mapped()
            begin = ring.consumer[0]
            end = ring.producer[0]
            if begin == end:
                return False
            _fence()
            events, position, error = self._collect(ring, begin, min(end, begin + RUN_BYTES))
            _fence()
            ring.consumer[0] = position
            self._pending = iter(events)
            if error is not None:
                raise error
            return position != begin

    def _collect(
        self, ring: _Ring, position: int, end: int
    ) -> tuple[list[T], int, ValueError | None]:
        events: list[T] = []
        lengths, data, mask = ring.lengths, ring.data, ring.mask
        event = self._event
        least, variable = event.size, event.variable
        look = _LOOK_LEAST
        while position < end:
            start = position & mask
            index = start >> 2
            length = lengths[index]
            if length & _BUSY:
                break
            step = (length & ~_DISCARD) + _HEADER + 7 & ~7
            if length & _DISCARD:
                position += step
                continue
            if length < least:
                if events:
                    break  # those first; it is the first of the next run
                return events, position + step, self._short(length)
            # Records of one length lie a constant step apart, so their headers can be looked at
            # together; the first that differs ends the run.
            same = min((end - position) // step, look)
            if same > 1:
                stride = step >> 2
                seen = lengths[index : index + same * stride : stride].tolist()
                if seen.count(length) == same:
                    look = min(look * 2, _LOOK_MOST)
                else:
                    same = next(i for i, found in enumerate(seen) if found != length)
                    look = _LOOK_LEAST
            else:
                same = 1
            _fence()
            decode = self._decoder(length) if same >= _RUN_LEAST else None
            if decode is not None:
                events += decode(data[start : start + same * step])
            else:
                first = start + _HEADER
                for at in range(first, first + same * step, step):
                    if variable:
                        events.append(event.unpack(data[at : at + length]))
                    else:
                        events.append(event.unpack(data, at))
            position += same * step
        return events, position, None

    def _decoder(self, length: int) -> Callable[[memoryview], list[T]] | None:
        decode = self._decoders.get(length)
        if decode is None and len(self._decoders) < _DECODERS:
            event = self._event
            if isinstance(event, RestBytes):
                event = Bytes(length)
            if event.variable:
                return None
            record = Padded(event, length + _HEADER + 7 & ~7, lead=_HEADER)
            decode = self._decoders[length] = record.compiled("unpack_list")
        return decode

    def _short(self, length: int) -> ValueError:
        return ValueError(
            f"{self._handle.what}: a sample of {length} bytes is too short for "
            f"{self._event.c_name}, {self._event.size} bytes"
        )

    def _wait(self, timeout: float | None) -> bool:
        """Wait until a record is there that can be read; False when *timeout* passed."""
        deadline = None if timeout is None else time.monotonic() + timeout
        poll = select.poll()
        poll.register(self.fileno(), select.POLLIN)
        while True:
            left = None if deadline is None else max(0.0, deadline - time.monotonic())
            if not poll.poll(None if left is None else left * 1000):
                return False
            ring = self._mapped()
            position = ring.consumer[0]
            if position == ring.producer[0]:
                continue
            _fence()
            if not ring.lengths[(position & ring.mask) >> 2] & _BUSY:
                return True
            # Readable because something is reserved; it is about to be committed.
            if left is not None and left <= 0:
                return False
            time.sleep(_BUSY_SLEEP)

    async def _readable(self) -> None:
        """Wait in the running asyncio loop until the descriptor is readable."""
        import asyncio

        loop = asyncio.get_running_loop()
        fd = self.fileno()
        future: asyncio.Future[None] = loop.create_future()
        waiters = self._waiters

        def wake() -> None:
            loop.remove_reader(fd)
            for waiter in waiters:
                if not waiter.done():
                    waiter.set_result(None)

        waiters.append(future)
        loop.add_reader(fd, wake)  # a loop has one reader per descriptor: it wakes all of ours
        try:
            await future
        finally:
            waiters.remove(future)
            if not waiters:
                loop.remove_reader(fd)
