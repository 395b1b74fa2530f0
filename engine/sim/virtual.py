"""The clock and the connections of an engine that trades at a TWS in memory.

Time passes only while the engine waits: then whatever is next happens at the TWS, or what somebody
has planned, and the engine hears of it at that very moment. Thinking takes no time. The same
start gives the same run, however slow the machine is.
"""

from __future__ import annotations

import os
import select
from collections.abc import Callable
from typing import Final

from _fast.market import Market
from _fast.reader import CLOSED, TIMEOUT, WAKE, Reader
from engine.broker.sockets import SOCKETS
from engine.broker.transport import AskCalm, ShouldStop, Stream
from engine.calm import Calm
from engine.config import Broker
from engine.sim.memory import NEVER_NS, MemoryConnection, MemoryTws
from engine.sim.quiet import Quiet, Rested
from engine.sim.timers import Timers
from engine.stillness import Still

BOOT_NS: Final = 1_000_000_000_000  # what the monotonic clock shows at the start
Action = Callable[[], object]


class VirtualTransport:
    """``before_wait`` is called whenever the engine has done what there was to do."""

    virtual: Final = True

    def __init__(self, tws: MemoryTws, idle_ns: int = SOCKETS.idle_ns) -> None:
        self.idle_ns: Final = idle_ns
        self.before_wait: Action = lambda: None
        self.quiet: Quiet | None = None  # plays many ticks at once where it can
        self._tws = tws
        self._start_ns = tws.now_ns
        self._now_ns = tws.now_ns  # may be ahead of the TWS, where nothing happens meanwhile
        self._planned = Timers()
        self._streams: list[VirtualStream] = []
        self._asleep_ns = 0
        self.acts = 0  # of what was planned, so far

    @property
    def now_ns(self) -> int:
        """The true time, which is the exchange's."""
        return self._now_ns

    def at(self, exchange_ns: int, action: Action) -> None:
        """Do something at a moment, or now if that has passed; what it raises ends the wait."""
        self._planned.at(max(exchange_ns, self._now_ns), action)

    # -- as the engine sees it -----------------------------------------------------------------

    def monotonic_ns(self) -> int:
        return self._now_ns - self._start_ns - self._asleep_ns + BOOT_NS

    def asleep_ns(self) -> int:
        return self._asleep_ns

    def time_ns(self) -> int:
        return self._now_ns

    def connect(self, broker: Broker, should_stop: ShouldStop) -> Stream:
        self.catch_up()
        self._streams = [one for one in self._streams if not one.connection.closed]
        self._streams.append(VirtualStream(self, self._tws.connect()))
        return self._streams[-1]

    def ready(self, stream: Stream, event: int, seconds: float) -> bool:
        assert isinstance(stream, VirtualStream)
        if event == select.POLLOUT:
            return True
        deadline_ns = self._now_ns + max(round(seconds * 1e9), 0)
        while not stream.connection.stirs:
            if not self.advance(deadline_ns):
                return False
        return True

    def reader(
        self, stream: Stream, wake_fd: int, market: Market, server_version: int, leftover: bytes
    ) -> Reader:
        assert isinstance(stream, VirtualStream)
        return VirtualReader(self, stream, wake_fd, market, server_version, leftover)

    def wait(self, reader: Reader, timeout_ns: int, calm: AskCalm, still: Still | None) -> int:
        assert isinstance(reader, VirtualReader)
        return reader.rest(timeout_ns, calm, still if self.quiet is None else None)

    def sleep(self, timeout_ns: int, wake_fd: int = -1) -> None:
        self.before_wait()
        deadline_ns = self._now_ns + timeout_ns
        acts = -1
        while acts == self.acts or not woken(wake_fd):
            acts = self.acts
            if not self.advance(deadline_ns):
                return

    @property
    def planned_ns(self) -> int:
        """When somebody has planned something next."""
        planned_ns = self._planned.next_ns
        return NEVER_NS if planned_ns is None else planned_ns

    def rested(self, now_ns: int) -> None:
        """Somebody else has let everything happen up to now."""
        self._now_ns = max(self._now_ns, now_ns)

    # -- time ----------------------------------------------------------------------------------

    def advance(self, deadline_ns: int) -> bool:
        """Let the next thing happen; False: nothing does before the deadline, which is now."""
        planned_ns = self._planned.next_ns
        planned = planned_ns is not None and planned_ns <= deadline_ns
        if self._tws.step(planned_ns - 1 if planned and planned_ns else deadline_ns):
            self._now_ns = max(self._now_ns, self._tws.now_ns)
            return True
        if planned and (due := self._planned.pop(deadline_ns)) is not None:
            self._now_ns = max(self._now_ns, due[0])
            self.acts += 1
            due[1]()
            return True
        self._now_ns = max(self._now_ns, deadline_ns)
        return False

    def stand_still(self, timeout_ns: int) -> None:
        """The process of the engine gets no time for so long; everybody else does."""
        self._now_ns += timeout_ns
        self.catch_up()

    def suspend(self, asleep_ns: int) -> None:
        """The machine of the engine is suspended for so long; its monotonic clock is, too."""
        self.stand_still(asleep_ns)
        self._asleep_ns += asleep_ns

    def hang_up(self) -> None:
        """The process of the engine has died: the system closes what it had open."""
        for stream in self._streams:
            stream.close()

    def catch_up(self) -> None:
        """Bring the TWS to now, before anything is asked of it."""
        if self._tws.now_ns < self._now_ns:
            self._tws.run(self._now_ns)


class VirtualStream:
    def __init__(self, transport: VirtualTransport, connection: MemoryConnection) -> None:
        self.connection = connection
        self._transport = transport

    def fileno(self) -> int:
        return -1

    def send(self, data: memoryview, /) -> int:
        self._transport.catch_up()
        self.connection.send(bytes(data))
        return len(data)

    def recv(self, size: int, /) -> bytes:
        if not self.connection.stirs:
            raise BlockingIOError
        return self.connection.receive()

    def close(self) -> None:
        self._transport.catch_up()
        self.connection.close()


class VirtualReader(Reader):
    """The compiled reader, fed with what arrives while it waits."""

    def __new__(
        cls,
        transport: VirtualTransport,
        stream: VirtualStream,
        wake_fd: int,
        market: Market,
        server_version: int,
        leftover: bytes,
    ) -> VirtualReader:
        return Reader.__new__(cls, -1, -1, market, server_version, leftover)

    def __init__(
        self,
        transport: VirtualTransport,
        stream: VirtualStream,
        wake_fd: int,
        market: Market,
        server_version: int,
        leftover: bytes,
    ) -> None:
        self._transport = transport
        self._connection = stream.connection
        self._market = market
        self._wake_fd = wake_fd
        self._wakes = select.poll()  # asked before each wait, and hardly ever written to
        if wake_fd >= 0:
            self._wakes.register(wake_fd, select.POLLIN)
        self._behind = bool(leftover)

    def wait(self, timeout_ns: int) -> int:
        return self.rest(timeout_ns, lambda: None)

    def rest(self, timeout_ns: int, ask: AskCalm, still: Still | None = None) -> int:
        """Wait, and let idle looks around be taken meanwhile as ``ask`` says they are, or those
        that are ``still`` be left out."""
        transport = self._transport
        transport.before_wait()
        deadline_ns = transport.now_ns + timeout_ns
        flags = self._woken() | self._receive()
        if still is not None and not flags:
            flags = self._sit(still)
            deadline_ns += min(still.next_ns, still.until_ns) - still.first_ns
        calm: Calm | None = None
        asked, quiet = False, transport.quiet
        while not flags:
            acts = transport.acts
            if quiet is not None and quiet.wanted(transport.planned_ns):
                if not asked:
                    calm, asked = ask(), True
                found = self._play(quiet, deadline_ns, calm)
                if found is not None:
                    transport.rested(found.now_ns)
                    deadline_ns, flags = found.deadline_ns, found.flags
                    if flags:
                        break
            if not transport.advance(deadline_ns):
                return TIMEOUT
            flags = (self._woken() if transport.acts != acts else 0) | self._receive()
        return flags

    def _sit(self, still: Still) -> int:
        """Until something concerns the engine, or a look finds something, or something has
        happened that somebody has planned. The flags, none if it goes on waiting."""
        transport, until_ns = self._transport, still.until_ns
        if until_ns <= still.first_ns:
            return 0
        ticks = -1 if still.stale else self.ticks  # at the latest look
        until_ns = still.first_ns if still.stale else until_ns
        ahead_ns = transport.now_ns - transport.monotonic_ns()
        acts, flags = transport.acts, 0
        while not flags and transport.acts == acts:
            planned_ns = transport.planned_ns
            if transport.advance(until_ns + ahead_ns):
                flags = (self._woken() if transport.acts != acts else 0) | self._receive()
                if self.ticks != ticks:
                    still.leave_out(transport.now_ns - ahead_ns)
                    until_ns = min(still.next_ns, until_ns)
            elif self.ticks != ticks and until_ns == still.next_ns and still.found_nothing():
                ticks, until_ns = self.ticks, still.until_ns
            else:
                flags = TIMEOUT
        changed_ns = transport.now_ns if transport.acts == acts else planned_ns
        still.leave_out(changed_ns - ahead_ns)
        return flags

    def _woken(self) -> int:
        found = bool(self._wakes.poll(0)) and woken(self._wake_fd)
        self.armed.wait(found)
        return WAKE if found else 0

    def _play(self, quiet: Quiet, deadline_ns: int, calm: Calm | None) -> Rested | None:
        transport = self._transport
        now_ns = transport.now_ns
        offset_ns = transport.monotonic_ns() - now_ns
        clock = now_ns, offset_ns, transport.planned_ns, deadline_ns
        return quiet.play(self._connection, self._market, self, self._receive_at, clock, calm)

    def _receive_at(self, now_ns: int) -> int:
        self._transport.rested(now_ns)
        return self._receive()

    def _receive(self) -> int:
        connection = self._connection
        if not connection.stirs and not self._behind:
            return 0
        self._behind = False
        data = b"" if connection.reset else connection.receive()
        flags = self.feed(data, self._transport.monotonic_ns())
        return flags | (CLOSED if connection.closed else 0)


def woken(wake_fd: int) -> bool:
    """Whether somebody has written there, which is taken back."""
    try:
        return wake_fd >= 0 and os.eventfd_read(wake_fd) > 0
    except BlockingIOError:
        return False
