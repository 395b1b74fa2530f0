"""A TWS without sockets and without waiting: bytes in and out, time as fast as it can be.

The exchange, the policies, the faults and every byte are those of the server; only the clock is
virtual. Nothing happens except in ``run``, ``step`` and ``play``, and the same calls give the same
bytes.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable
from functools import partial
from typing import Any, Final

from engine.sim.client import Client
from engine.sim.exchange import Exchange
from engine.sim.fault_plan import FaultPlan
from engine.sim.fault_script import parse
from engine.sim.faults import Fault
from engine.sim.gateway import Gateway
from engine.sim.records import MarketTick
from engine.sim.timers import Timers
from engine.sim.wire_messages import VERSION_MAX

SECOND_NS: Final = 1_000_000_000
NEVER_NS: Final = 1 << 62


class MemoryConnection:
    """One client's end of a connection. ``on_bytes`` is called with what arrives while time runs;
    without it, ``receive`` gives what has arrived."""

    def __init__(self, tws: MemoryTws, client: Client) -> None:
        self.on_bytes: Callable[[bytes], None] | None = None
        self.reset = False  # it ended without an end: what was under way is lost
        self._tws = tws
        self.client = client
        self._delivery = client.wire.delivery
        self._arrived: deque[bytes] = deque()
        self._ended = False

    @property
    def closed(self) -> bool:
        """Whether the TWS has ended the connection and all that it said has been received."""
        return self.reset or (self._ended and not self._arrived)

    @property
    def stirs(self) -> bool:
        """Whether ``receive`` gives something, or it has ended."""
        return bool(self._arrived) or self.reset or self._ended

    def send(self, data: bytes) -> None:
        """Give bytes to the TWS. Raises ConnectionError when it has ended the connection."""
        if self.reset or self._ended:
            raise ConnectionResetError("the TWS has ended this connection")
        self._tws.carry(self.client, data)

    def receive(self) -> bytes:
        """What has arrived, at once or in the pieces in which it came; nothing: b"".

        Raises:
            ConnectionResetError: the connection has been reset.
        """
        if self.reset:
            raise ConnectionResetError("the connection was reset")
        if not self._arrived:
            return b""
        if self.client.line.piece_bytes:
            return self._arrived.popleft()
        data = b"".join(self._arrived)
        self._arrived.clear()
        return data

    def close(self) -> None:
        """Leave. Orders live on."""
        self._ended = True
        self._tws.leave(self, self.client)

    # -- for the TWS ---------------------------------------------------------------------------

    @property
    def idle(self) -> bool:
        """Whether the TWS has nothing to say to it, and no wish to end it."""
        queue = self._delivery
        return queue.empty and not (queue.line.aborted or self.client.closing)

    def collect(self) -> list[bytes]:
        """What the TWS has said since it was last asked."""
        return [] if self._delivery.line.aborted else self._delivery.drain()

    def arrive(self, pieces: list[bytes]) -> None:
        self._arrived += pieces
        if self.on_bytes is not None:
            while self._arrived and not self.reset:
                self.on_bytes(self.receive())

    def settle(self) -> bool:
        """Whether it has ended by the wish of the TWS."""
        if self._delivery.line.aborted:
            self.reset = self._ended = True
            self._arrived.clear()
        elif self.client.closing and self._delivery.empty:
            self._ended = True
        return self._ended


class MemoryTws:
    """A TWS and its market in virtual time.

    Args:
        exchange: the broker behind it.
        source: its market, in order of time.
        faults: what is to go wrong.
        seed: of the chances of faults.
        max_server_version: the newest version to offer.
        latency_ns: what bytes need on their way, in each direction.
        beat_ns: how often the TWS looks at the clock while nothing else happens.
    """

    def __init__(
        self,
        exchange: Exchange,
        source: Iterable[MarketTick] = (),
        *,
        faults: Iterable[Fault] = (),
        seed: int = 0,
        max_server_version: int = VERSION_MAX,
        latency_ns: int = 0,
        beat_ns: int = SECOND_NS,
    ) -> None:
        planned = tuple(faults)
        plan = FaultPlan(planned, seed, exchange.now_ns) if planned else None
        self.exchange = exchange
        self._floor = exchange.floor
        self._oracle = exchange.floor.oracle  # whose real clock is the virtual one here
        self.gateway = Gateway(exchange, max_server_version, plan=plan)
        self._seed = seed
        self._source = iter(source)
        self._next = next(self._source, None)
        self.latency_ns = latency_ns
        self._now_ns = exchange.now_ns  # ahead of the exchange while bytes only arrive
        self._arriving = Timers()  # bytes on their way to clients
        self._asked = Timers()  # and to the TWS
        self._connections: list[MemoryConnection] = []
        self.beat_every_ns = beat_ns
        self.beat_ns = self._next_beat_ns()

    @property
    def now_ns(self) -> int:
        now_ns, exchange_ns = self._now_ns, self._floor.now_ns
        return now_ns if now_ns > exchange_ns else exchange_ns  # asked at every step

    @property
    def market_over(self) -> bool:
        return self._next is None

    # -- connections ---------------------------------------------------------------------------

    def connect(self) -> MemoryConnection:
        """A new connection, before its handshake."""
        client = self.gateway.open(f"memory-{len(self._connections) + 1}")
        connection = MemoryConnection(self, client)
        self._connections.append(connection)
        self._deliver()
        return connection

    def carry(self, client: Client, data: bytes) -> None:
        """Bytes of a client, on their way to the TWS."""
        if self.latency_ns:
            due_ns = self.now_ns + self.latency_ns
            self._asked.at(due_ns, lambda: self._receive(client, data))
        else:
            self._receive(client, data)

    def _receive(self, client: Client, data: bytes) -> None:
        now_ns = self.now_ns
        self._oracle.observe(now_ns, now_ns)
        if self._floor.now_ns < now_ns:
            self.gateway.advance(now_ns)
        if not client.closing:
            self.gateway.receive(client, data)
        self._deliver()

    def leave(self, connection: MemoryConnection, client: Client) -> None:
        self.gateway.close(client)
        if connection in self._connections:
            self._connections.remove(connection)

    def _deliver(self) -> None:
        """Take what the TWS has said to the clients, or on its way to them."""
        for connection in list(self._connections):
            if connection.idle:
                continue  # as nearly always
            pieces = connection.collect()
            if pieces and self.latency_ns:
                due_ns = self.now_ns + self.latency_ns
                self._arriving.at(due_ns, partial(connection.arrive, pieces))
            elif pieces:
                connection.arrive(pieces)
            if connection in self._connections and connection.settle():
                self.leave(connection, connection.client)

    # -- time ----------------------------------------------------------------------------------

    def _next_beat_ns(self) -> int:
        return self.now_ns - self.now_ns % self.beat_every_ns + self.beat_every_ns

    def _timer_ns(self) -> int:
        """When something happens that is no tick. While anybody listens, each beat does."""
        due_ns = self.others_ns
        if due_ns == NEVER_NS and self._next is None:
            return NEVER_NS
        return self.beat_ns if self._connections and self.beat_ns < due_ns else due_ns

    def step(self, until_ns: int = NEVER_NS) -> bool:
        """Let the next thing happen; False: there is none until then."""
        timer_ns, tick, arrives_ns = self._timer_ns(), self._next, self._arriving.next_ns
        tick_ns = NEVER_NS if tick is None else tick.time_ns
        if arrives_ns is not None and arrives_ns <= timer_ns and arrives_ns <= tick_ns:
            if arrives_ns > until_ns:
                return False
            self.arrive(arrives_ns)
        elif tick is not None and tick_ns < timer_ns:
            if tick_ns > until_ns:
                return False
            self._next = next(self._source, None)
            now_ns = max(tick_ns, self.now_ns)
            self._oracle.observe(now_ns, now_ns)
            self.gateway.tick(tick)
            self._deliver()
        elif timer_ns > until_ns or timer_ns == NEVER_NS:
            return False
        else:
            self._pass(timer_ns)
        return True

    def arrive(self, now_ns: int) -> None:
        """Bytes reach clients, of which nobody at the TWS knows."""
        self._now_ns = max(self._now_ns, now_ns)
        self._oracle.observe(self._now_ns, self._now_ns)
        while (due := self._arriving.pop(now_ns)) is not None:
            due[1]()

    def _pass(self, now_ns: int) -> None:
        """Let time alone pass up to a moment at which something is due."""
        self._now_ns = max(self._now_ns, now_ns)
        self._oracle.observe(self._now_ns, self._now_ns)
        self.gateway.advance(now_ns)
        if self.now_ns >= self.beat_ns:
            self.beat_ns = self._next_beat_ns()
        while (due := self._asked.pop(now_ns)) is not None:
            due[1]()
        arrives_ns = self._arriving.next_ns
        if arrives_ns is not None and arrives_ns <= now_ns:
            self.arrive(now_ns)
        self._deliver()

    def run(self, until_ns: int) -> None:
        """Let time pass up to a moment of the exchange's clock."""
        while self.step(until_ns):
            pass
        self._pass(until_ns)

    def run_for(self, seconds: float) -> None:
        self.run(self.now_ns + int(seconds * SECOND_NS))

    def run_out(self) -> None:
        """Let time pass until the market is over."""
        while self._next is not None and self.step():
            pass

    def play(self, *ticks: MarketTick) -> None:
        """Ticks that are not in the source, each at its own time or now."""
        for tick in ticks:
            now_ns = max(tick.time_ns, self.now_ns)
            self._oracle.observe(now_ns, now_ns)
            self.gateway.tick(tick)
            self._deliver()

    # -- many ticks at once --------------------------------------------------------------------

    def alone(self, connection: MemoryConnection) -> bool:
        """Whether it is the one client, in order, of an exchange at which nothing goes wrong and
        no order waits for conditions."""
        gateway, client = self.gateway, connection.client
        return (
            gateway.faults is None
            and not self.exchange.watching
            and self._connections == [connection]
            and gateway.clients == [client]
            and client.ready
            and connection.on_bytes is None
            and not connection.stirs
            and not client.profits
            and client.passage is None
            and client.wire.delivery.empty
        )

    @property
    def tick_ns(self) -> int:
        """Of the next tick."""
        return NEVER_NS if self._next is None else self._next.time_ns

    @property
    def others_ns(self) -> int:
        """When something happens that is no tick, no beat and no arrival at the client."""
        due_ns, asked_ns = self.gateway.next_timer_ns, self._asked.next_ns
        if due_ns is None or (asked_ns is not None and asked_ns < due_ns):
            due_ns = asked_ns
        return NEVER_NS if due_ns is None else due_ns

    @property
    def arrives_ns(self) -> int:
        due_ns = self._arriving.next_ns
        return NEVER_NS if due_ns is None else due_ns

    def played(
        self, following: MarketTick | None, now_ns: int, exchange_ns: int, beat_ns: int
    ) -> None:
        """Somebody else has let everything happen up to now, the clock of the exchange's own last
        event and the next beat; ``following`` is the next tick if there were any."""
        self._now_ns = max(self._now_ns, now_ns)
        self._oracle.observe(self._now_ns, self._now_ns)
        self.exchange.reached(exchange_ns)
        self.gateway.desk.now_ns = max(self.gateway.desk.now_ns, exchange_ns)
        self.beat_ns = beat_ns
        if following is not None:
            self._next = following

    def under_way(self, tick: MarketTick) -> None:
        """Of these, one of which the client has not heard yet."""
        self.gateway.desk.publish(self.exchange.shows(tick))
        for connection in self._connections:
            pieces = connection.collect()
            if pieces:
                due_ns = tick.time_ns + self.latency_ns
                self._arriving.at(due_ns, partial(connection.arrive, pieces))

    # -- trouble -------------------------------------------------------------------------------

    def fault(self, line: str) -> None:
        """One more thing that goes wrong, now or when the line says. Raises ConfigError."""
        found = parse([line], "fault")
        if self.gateway.faults is None:
            self.gateway.break_by(FaultPlan((), self._seed, self.now_ns))
        assert self.gateway.faults is not None
        for one in found:
            self.gateway.faults.plan.add(one)

    # -- record --------------------------------------------------------------------------------

    def report(self) -> dict[str, Any]:
        """The witness's record, the clock, and which faults have happened."""
        return {
            **self.exchange.oracle.report(),
            "clock_ns": self.now_ns,
            "market_over": self.market_over,
            "faults": [] if self.gateway.faults is None else self.gateway.faults.plan.report(),
        }
