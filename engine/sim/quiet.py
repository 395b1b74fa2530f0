"""Quiet stretches of a recorded market in memory: what nobody has to decide on, many ticks at once.

A tick that no order waits for changes numbers only: the quote at the exchange, what was told to
whom, the engine's market. ``Quiet`` hands these numbers to compiled code, which plays ticks up to
the first that matters, and puts back what came of them. Everything is then as if the ticks had
been played one by one; whatever is not plain is left to that way.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, Final, Protocol

import attrs
import numpy as np
from numpy.typing import NDArray

from _fast.market import Market
from _fast.reader import FIRED, TIMEOUT, Reader
from _fast.stretch import (
    ARRIVAL,
    FIRES,
    LANE_DTYPE,
    LOOK_DTYPE,
    QUOTES,
    SIDES,
    STREAMS,
    TRADES,
    TURN,
    Stretch,
)
from engine.calm import Calm, HeldLook
from engine.sim.client import Client
from engine.sim.desk import PROFITS_EVERY_NS
from engine.sim.levels import levels
from engine.sim.memory import MemoryConnection, MemoryTws
from engine.sim.records import MarketTick
from engine.sim.streams import QuoteStream, TickStream
from engine.sim.tape import Tape

PAUSE_MAX: Final = 16  # events that are played one by one after a stretch that went nowhere
_ONE_BY_ONE: Final = {"Last": TRADES, "AllLast": TRADES, "BidAsk": SIDES}
_LOOK_FIELDS: Final = tuple(LOOK_DTYPE.names or ())
_LANE_FIELDS: Final = tuple(LANE_DTYPE.names or ())
_PRICES: Final = ("bid", "ask", "last", "open", "high", "low")
_COUNTS: Final = (
    *("bid_size", "ask_size", "last_size", "volume"),
    *("bid_ns", "ask_ns", "last_ns"),
)


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

    def measured(self, symbol: str) -> Measured: ...

    def follow(self, symbol: str, found: Measured, quoted: bool) -> None:
        """What became of it; whether there was a quote."""

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
        self._lanes = np.zeros(len(self._books), LANE_DTYPE)
        self._told: list[QuoteStream | None] = []
        self._stretch: Stretch | None = None
        self._of: Reader | None = None
        self._pause = self._left = 0

    def play(
        self,
        connection: MemoryConnection,
        market: Market,
        reader: Reader,
        receive: Callable[[int], int],
        clock: tuple[int, int, int, int],
        calm: Calm | None,
    ) -> Rested | None:
        """As far as it goes; None: nowhere. ``receive`` lets the reader take what has arrived then.
        ``clock``: now, from it to monotonic time, when somebody has planned something, and the
        deadline of the wait."""
        tws = self._tws
        begins_ns = min(tws.tick_ns, tws.beat_ns)
        waits_ns = clock[3] if calm is None else max(clock[3], calm.due_ns - clock[1])
        if min(clock[2], tws.others_ns, tws.arrives_ns, waits_ns) <= begins_ns:
            return None
        if self._left:
            self._left -= 1
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
            self._stretch, self._of = Stretch(market, reader), reader
        stretch = self._stretch
        if not stretch.follow_clocks(clock[1]):
            return None
        stretch.over_columns(tape.times, tape.symbols_at, tape.kinds, tape.prices, tape.sizes)
        stretch.over = tws.market_over
        stretch.at = stretch.heard = row
        stretch.stop = free
        for place in range(len(self._books)):
            self._load(place, client)
        return stretch

    def _plain(self, client: Client) -> bool:
        """Whether its streams are those that compiled code can speak for."""
        self._told = []
        for book in self._books:
            streams = client.streams.of(book.instrument.symbol)
            quotes = [one for one in streams if isinstance(one, QuoteStream)]
            if len(quotes) > 1 or len(streams) > STREAMS:
                return False
            for one in streams:
                if isinstance(one, QuoteStream):
                    continue
                if not isinstance(one, TickStream) or one.kind not in _ONE_BY_ONE:
                    return False
            self._told.append(quotes[0] if quotes else None)
        return len(client.streams) == sum(
            len(client.streams.of(book.instrument.symbol)) for book in self._books
        )

    def _load(self, place: int, client: Client) -> None:
        book, told = self._books[place], self._told[place]
        symbol = book.instrument.symbol
        streams = client.streams.of(symbol)
        kinds = [QUOTES if isinstance(one, QuoteStream) else _ONE_BY_ONE[one.kind]  # type: ignore[attr-defined]
                 for one in streams]  # fmt: skip
        requests = [one.request_id for one in streams]  # type: ignore[attr-defined]
        empty = [0] * (STREAMS - len(streams))
        waits = levels(self._tws.exchange.floor, book)
        trade = self._reel.measured(symbol)
        memory: tuple[Any, ...] = (math.nan,) * 6 + (-1, 0)
        if told is not None:
            memory = (
                *map(_number, (told.bid, told.ask, told.last, told.high, told.low, told.open)),
                *(told.last_size, told.last_s),
            )
        self._lanes[place] = (
            *map(_number, (book.bid, book.ask, book.last, book.open, book.high, book.low)),
            *(book.bid_size, book.ask_size, book.last_size, book.volume),
            *(book.bid_ns, book.ask_ns, book.last_ns, 0, 0, 0),
            *memory,
            *(tuple(kinds + empty), tuple(requests + empty)),
            *(waits.bid_from, waits.ask_to, waits.last_from, waits.last_to, waits.until_ns),
            *(trade.average, trade.adverse, trade.favourable),
            *(trade.sign, ord(trade.mark), 0),
        )

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
        looks = np.array([_look(one) for one in calm.looks] if calm is not None else [], LOOK_DTYPE)
        stretch.among(self._lanes, looks)
        _load_calm(stretch, calm, mono_offset_ns)
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
            _calmed(stretch, calm, looks, mono_offset_ns)
        return Rested(flags, stretch.now_ns, stretch.deadline_ns, moved)

    # -- after ---------------------------------------------------------------------------------

    def _back(self, stretch: Stretch, begun: int) -> None:
        """Everything where it belongs, as the client has heard it; then what is under way."""
        if not stretch.event_ns:
            return
        tws, reel = self._tws, self._reel
        heard, at = stretch.heard, stretch.at
        if heard > begun:
            for place in range(len(self._books)):
                self._unload(place, self._lanes[place].item())
                self._remember(place, begun, heard)
        if at > begun:
            for place, book in enumerate(self._books):
                lane = self._lanes[place].item()
                average, adverse, favourable, sign, mark, quotes = lane[-6:]
                found = Measured(sign, average, chr(mark), adverse, favourable)
                reel.follow(book.instrument.symbol, found, quotes > 0)
        under_way = [reel.tape.tick(row) for row in range(heard, at)]
        tick = reel.skip(at - begun) if at > begun else None
        tws.played(tick, stretch.event_ns, stretch.exchange_ns, stretch.beat_ns)
        tws.gateway.desk.profits_due_ns = stretch.profits_due_ns
        for one in under_way:
            tws.under_way(one)

    def _unload(self, place: int, values: tuple[Any, ...]) -> None:
        book, told = self._books[place], self._told[place]
        lane = dict(zip(_LANE_FIELDS, values, strict=True))
        for name in _PRICES:
            setattr(book, name, _price(lane[name]))
        for name in _COUNTS:
            setattr(book, name, lane[name])
        if lane["bids"]:
            book.bid_left, book.quoted = book.bid_size, True
        if lane["asks"]:
            book.ask_left, book.quoted = book.ask_size, True
        if lane["trades"]:
            book.print_left = book.last_size
            self._tws.gateway.desk.traded_ns[book.instrument.symbol] = book.last_ns
        if told is not None:
            for name in _PRICES:
                setattr(told, name, _price(lane[f"told_{name}"]))
            told.last_size, told.last_s = lane["told_last_size"], lane["told_second"]

    def _remember(self, place: int, begun: int, heard: int) -> None:
        """The ticks of one symbol go into its past."""
        tape, rows = self._reel.tape, slice(begun, heard)
        columns = tape.times[rows], tape.kinds[rows], tape.prices[rows], tape.sizes[rows]
        if len(self._books) > 1:
            own = tape.symbols_at[rows] == place
            columns = columns[0][own], columns[1][own], columns[2][own], columns[3][own]
        if len(columns[0]):
            self._books[place].past_of(*columns)


def _number(price: float | None) -> float:
    return math.nan if price is None else price


def _price(number: float) -> float | None:
    return None if math.isnan(number) else number


def _look(look: HeldLook) -> tuple[Any, ...]:
    return tuple(getattr(look, name) for name in _LOOK_FIELDS)


def _load_calm(stretch: Stretch, calm: Calm | None, mono_offset_ns: int) -> None:
    stretch.turns = 0
    stretch.calm = calm is not None
    if calm is not None:
        stretch.idle_ns = calm.idle_ns
        stretch.patience_ns = calm.due_ns - mono_offset_ns
        stretch.bars_closed_ns, stretch.bars_every_ns = calm.bars_closed_ns, calm.bars_every_ns
        stretch.day_ends_ns = calm.day_ends_ns
        stretch.loss_max, stretch.fall_max = calm.loss_max, calm.fall_max
        stretch.profit, stretch.peak, stretch.drawdown = calm.profit, calm.peak, calm.drawdown


def _calmed(stretch: Stretch, calm: Calm, looks: NDArray[np.void], mono_offset_ns: int) -> None:
    calm.turns += stretch.turns
    calm.looked_ns = stretch.deadline_ns - calm.idle_ns + mono_offset_ns
    calm.bars_closed_ns = stretch.bars_closed_ns
    calm.profit, calm.peak, calm.drawdown = stretch.profit, stretch.peak, stretch.drawdown
    for look, values in zip(calm.looks, looks.tolist(), strict=True):
        for name, value in zip(_LOOK_FIELDS, values, strict=True):
            setattr(look, name, value)
