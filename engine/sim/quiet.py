"""Quiet stretches of a recorded market in memory: what nobody has to decide on, many ticks at once.

A tick that no order waits for changes numbers only: the quote at the exchange, what was told to
whom, the engine's market. ``Quiet`` hands these numbers to compiled code, which plays ticks up to
the first that matters, and puts back what came of them. Everything is then as if the ticks had
been played one by one; whatever is not plain is left to that way.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, Protocol

import attrs
import numpy as np
from numpy.typing import NDArray

from _fast.market import Market
from _fast.reader import FIRED, TIMEOUT, Reader
from _fast.stretch import (
    ARRIVAL,
    FIRES,
    QUOTES,
    SIDES,
    STREAMS,
    TRADES,
    TURN,
    Stretch,
)
from engine.calm import Calm
from engine.sim.client import Client
from engine.sim.desk import PROFITS_EVERY_NS
from engine.sim.levels import levels
from engine.sim.memory import MemoryConnection, MemoryTws
from engine.sim.records import MarketTick
from engine.sim.streams import QuoteStream, Stream, TickStream
from engine.sim.tape import Tape

PAUSE_MAX: Final = 16  # events that are played one by one after a stretch that went nowhere
_ONE_BY_ONE: Final = {"Last": TRADES, "AllLast": TRADES, "BidAsk": SIDES}
# What one subscription tells, and its request.
Spoken = tuple[int, int]


@attrs.define
class Measured:
    """A trade that somebody follows tick by tick: its sign, 0: none, the kind of tick that marks
    it, and how far it went."""

    sign: int = 0
    average: float = 0.0
    mark: str = "T"
    adverse: float = 0.0
    favourable: float = 0.0


class Reel(Protocol):
    """A tape and who looks at each of its ticks. The row before ``tape.at`` is the one that was
    given out last, and was not looked at yet."""

    @property
    def tape(self) -> Tape: ...

    def free(self) -> int:
        """The row that somebody waits for; those before it are only measured."""

    def measured(self, symbol: str) -> Measured:
        """The trade that is looked at with every tick; what becomes of it is written there."""

    def quoted(self, symbol: str) -> None:
        """There was a quote of it."""

    def skip(self, rows: int) -> MarketTick:
        """So many were played; the one to come is given out instead of them."""


@attrs.define
class Rested:
    """How a stretch ended: the flags of the client's wait if that is over, and else its deadline;
    ``moved``: whether anything has happened at all."""

    flags: int
    now_ns: int
    deadline_ns: int
    moved: bool


class Quiet:
    """Of one TWS in memory with one client."""

    def __init__(self, tws: MemoryTws, reel: Reel) -> None:
        self._tws = tws
        self._reel = reel
        self._books = [tws.exchange.book(symbol) for symbol in reel.tape.symbols]
        self._streams: list[tuple[Stream, ...]] = []  # of each book, as the client has them
        self._spoken: list[tuple[Spoken, ...] | None] = []  # None: another language
        self._told: list[QuoteStream | None] = []
        self._trades: list[Measured] = []
        self._stretch: Stretch | None = None
        self._of: Reader | None = None
        self._times: NDArray[np.int64] | None = None  # of the columns that the stretch has
        self._pause = self._left = 0

    def wanted(self, planned_ns: int) -> bool:
        """Whether a tick or a beat comes next, before all else that happens and before what
        somebody has planned, and it is worth a try: one that went nowhere is not repeated soon."""
        tws = self._tws
        if min(planned_ns, tws.others_ns, tws.arrives_ns) <= min(tws.tick_ns, tws.beat_ns):
            return False
        if self._left:
            self._left -= 1
            return False
        return True

    def play(
        self,
        connection: MemoryConnection,
        market: Market,
        reader: Reader,
        receive: Callable[[int], int],
        clock: tuple[int, int, int, int],
        calm: Calm | None,
    ) -> Rested | None:
        """As far as it goes, if it is ``wanted``; None: nowhere. ``receive`` lets the reader take
        what has arrived then. ``clock``: now, from it to monotonic time, when somebody has planned
        something, and the deadline of the wait."""
        waits_ns = clock[3] if calm is None else max(clock[3], calm.due_ns - clock[1])
        if waits_ns <= min(self._tws.tick_ns, self._tws.beat_ns):
            return None
        ready = self._ready(connection, market, reader, clock)
        found = None
        if ready is not None:
            found = self._run(ready, market, receive, clock, calm)
        if found is None or not found.moved:
            self._pause = self._left = min(2 * self._pause + 1, PAUSE_MAX)
        else:
            self._pause = 0
        return found

    # -- before --------------------------------------------------------------------------------

    def _ready(
        self,
        connection: MemoryConnection,
        market: Market,
        reader: Reader,
        clock: tuple[int, int, int, int],
    ) -> Stretch | None:
        tws, client, tape = self._tws, connection.client, self._reel.tape
        row = tape.at - 1
        free = row if tws.market_over else self._reel.free()
        if market.fired or not tws.alone(connection) or not self._plain(client):
            return None
        if not tws.market_over and (free <= row or tape.times.item(row) < tws.exchange.now_ns):
            return None
        if self._of is not reader or self._stretch is None:
            self._stretch, self._of = Stretch(market, reader, len(self._books)), reader
            self._times = None
        stretch = self._stretch
        if not stretch.follow_clocks(clock[1]):
            return None
        if self._times is not tape.times:
            self._times = tape.times
            stretch.over_columns(tape.times, tape.symbols_at, tape.kinds, tape.prices, tape.sizes)
        stretch.over = tws.market_over
        stretch.at = stretch.heard = row
        stretch.stop = free
        self._trades = [self._reel.measured(symbol) for symbol in tape.symbols]
        for place, book in enumerate(self._books):
            spoken = self._spoken[place]
            assert spoken is not None, "its streams are plain"
            waits = levels(tws.exchange.floor, book)
            stretch.load(place, book, self._told[place], spoken, waits, self._trades[place])
        return stretch

    def _plain(self, client: Client) -> bool:
        """Whether its streams are those that compiled code can speak for."""
        streams = [client.streams.of(symbol) for symbol in self._reel.tape.symbols]
        if streams != self._streams:
            self._streams = streams
            self._spoken = [_spoken(ones) for ones in streams]
            self._told = [_quotes(ones) for ones in streams]
        return None not in self._spoken and len(client.streams) == sum(map(len, streams))

    # -- the stretch ---------------------------------------------------------------------------

    def _run(
        self,
        stretch: Stretch,
        market: Market,
        receive: Callable[[int], int],
        clock: tuple[int, int, int, int],
        calm: Calm | None,
    ) -> Rested:
        tws, desk = self._tws, self._tws.gateway.desk
        now_ns, mono_offset_ns, planned_ns, deadline_ns = clock
        stretch.now_ns, stretch.event_ns, stretch.exchange_ns = now_ns, 0, tws.exchange.now_ns
        stretch.beat_ns, stretch.beat_every_ns = tws.beat_ns, tws.beat_every_ns
        stretch.values_due_ns = desk.values_due_ns
        stretch.profits_due_ns, stretch.profits_every_ns = desk.profits_due_ns, PROFITS_EVERY_NS
        stretch.latency_ns = tws.latency_ns
        stretch.limit_ns = min(planned_ns, tws.others_ns)
        stretch.deadline_ns = deadline_ns
        begun = stretch.at, stretch.beat_ns
        stretch.look_around(calm, mono_offset_ns)
        flags = 0
        while True:
            stretch.arrives_ns = tws.arrives_ns
            ended = stretch.run()
            if ended != ARRIVAL:
                break
            tws.arrive(stretch.arrives_ns)
            flags = receive(stretch.arrives_ns)
            stretch.catch_up(stretch.arrives_ns)
            flags |= FIRED if market.fired else 0
            if flags:
                break
        if ended == FIRES:
            flags = FIRED
        elif ended == TURN:
            flags = TIMEOUT
        moved = stretch.event_ns > 0 or ended == TURN or stretch.turns > 0
        self._back(stretch, begun[0])
        if calm is not None and stretch.turns:
            stretch.looked(calm, mono_offset_ns)
        return Rested(flags, stretch.now_ns, stretch.deadline_ns, moved)

    # -- after ---------------------------------------------------------------------------------

    def _back(self, stretch: Stretch, begun: int) -> None:
        """Everything where it belongs, as the client has heard it; then what is under way."""
        if not stretch.event_ns:
            return
        tws, reel = self._tws, self._reel
        heard, at = stretch.heard, stretch.at
        traded_ns = tws.gateway.desk.traded_ns
        for place, book in enumerate(self._books):
            if heard > begun:
                if stretch.unload(place, book, self._told[place]):
                    traded_ns[book.instrument.symbol] = book.last_ns
                self._remember(place, begun, heard)
            if at > begun and stretch.measured(place, self._trades[place]):
                reel.quoted(book.instrument.symbol)
        under_way = [reel.tape.tick(row) for row in range(heard, at)]
        tick = reel.skip(at - begun) if at > begun else None
        tws.played(tick, stretch.event_ns, stretch.exchange_ns, stretch.beat_ns)
        tws.gateway.desk.profits_due_ns = stretch.profits_due_ns
        for one in under_way:
            tws.under_way(one)

    def _remember(self, place: int, begun: int, heard: int) -> None:
        """The ticks of one symbol go into its past."""
        tape, rows = self._reel.tape, slice(begun, heard)
        columns = tape.times[rows], tape.kinds[rows], tape.prices[rows], tape.sizes[rows]
        if len(self._books) > 1:
            own = tape.symbols_at[rows] == place
            columns = columns[0][own], columns[1][own], columns[2][own], columns[3][own]
        if len(columns[0]):
            self._books[place].past_of(*columns)


def _spoken(streams: tuple[Stream, ...]) -> tuple[Spoken, ...] | None:
    """What compiled code is to say for these streams of a symbol; None: it cannot."""
    found = []
    for one in streams:
        if isinstance(one, QuoteStream):
            found.append((QUOTES, one.request_id))
        elif isinstance(one, TickStream) and one.kind in _ONE_BY_ONE:
            found.append((_ONE_BY_ONE[one.kind], one.request_id))
        else:
            return None
    quotes = sum(kind == QUOTES for kind, _ in found)
    return tuple(found) if quotes <= 1 and len(found) <= STREAMS else None


def _quotes(streams: tuple[Stream, ...]) -> QuoteStream | None:
    return next((one for one in streams if isinstance(one, QuoteStream)), None)
