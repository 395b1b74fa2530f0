"""Many ticks at once come to what the same ticks do one by one: byte for byte, at every client."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Any

import pytest

from engine.sim import market
from engine.sim.bursts import Bursts
from engine.sim.past_ticks import Page
from engine.sim.policies import Policies
from engine.sim.records import MarketTick
from tests.sim.caller import OPEN_NS, Caller, Room, contract

SECOND_NS = 1_000_000_000
SYMBOLS = ("IBM", "BAC")
VERSIONS = (176, 193, 200, 201, 206, 207, 208, 213, 226)
KINDS = ("Last", "AllLast", "BidAsk", "MidPoint")
BOOK = (
    *("bid", "ask", "last", "open", "high", "low", "close", "volume", "quoted", "halted"),
    *("bid_size", "ask_size", "last_size", "bid_ns", "ask_ns", "last_ns"),
    *("bid_left", "ask_left", "print_left"),
)


class World:
    """A TWS whose ticks are played together, or one by one."""

    def __init__(self, together: bool, **policies: Any) -> None:
        self.room = Room(policies=Policies(tick_streams_max=100, **policies), symbols=SYMBOLS)
        self.gateway = self.room.tws.gateway
        self.callers: list[Caller] = []
        self.single = 0
        real = self.gateway.tick

        def tick(one: MarketTick) -> None:
            self.single += 1
            real(one)

        self.gateway.tick = tick  # type: ignore[method-assign]
        self._bursts = Bursts(self.gateway, lambda: 7) if together else None

    def call(self, version: int) -> Caller:
        caller = self.room.call(len(self.callers), version)
        self.callers.append(caller)
        return caller

    def play(self, ticks: list[MarketTick]) -> None:
        if self._bursts is not None:
            self._bursts.play(ticks)
            return
        for tick in ticks:
            self.room.exchange.observe(tick.time_ns, 7)
            self.gateway.tick(tick)

    def said(self) -> list[bytes]:
        """What has come to each client since it was last asked."""
        return [b"".join(one.connection.client.wire.delivery.drain()) for one in self.callers]

    def stands(self) -> list[Any]:
        exchange = self.room.exchange
        found: list[Any] = [exchange.now_ns, self.gateway.desk.now_ns]
        for symbol in SYMBOLS:
            book = exchange.book(symbol)
            found.append([getattr(book, name) for name in BOOK])
            found.append(self.gateway.desk.last_ns(symbol))
            found += [
                exchange.bars(symbol, exchange.now_ns + SECOND_NS, "600 S", "5 secs", what)
                for what in ("TRADES", "BID", "ASK", "MIDPOINT")
            ]
            for kind in ("TRADES", "BID_ASK"):
                page = Page(
                    kind=kind,  # type: ignore[arg-type]
                    start_ns=0,
                    end_ns=None,
                    count=100_000,
                    trades_at=lambda _: True,
                )
                found.append(exchange.past_ticks(symbol, page))
        found += [exchange.open_orders(), exchange.executions(), exchange.account_values()]
        found += [one.connection.client.wire.delivery.frames_total for one in self.callers]
        return found


def prices(seed: int, count: int, late: bool = False) -> list[MarketTick]:
    """A market of both symbols; ``late``: all of it before the exchange's own time."""
    start_ns = 0 if late else OPEN_NS + SECOND_NS
    made = market.generate(
        SYMBOLS, seed, start_ns, ticks_per_s=30.0, prices={"IBM": 100.0, "BAC": 30.0}
    )
    return [next(made) for _ in range(count)]


def both(set_up: Callable[[World], None], **policies: Any) -> tuple[World, World]:
    worlds = World(True, **policies), World(False, **policies)
    for world in worlds:
        set_up(world)
        for caller in world.callers:
            caller.connection.on_bytes = None
    return worlds


def compare(worlds: tuple[World, World], ticks: list[MarketTick], seed: int) -> None:
    stream, at = random.Random(seed), 0
    while at < len(ticks):
        block = ticks[at : at + stream.choice((1, 2, 7, 60, 256))]
        at += len(block)
        for world in worlds:
            world.play(block)
        assert worlds[0].said() == worlds[1].said()
    assert worlds[0].stands() == worlds[1].stands()


def follow(world: World) -> None:
    """Every version, every kind of stream, and two streams of one symbol."""
    for version in VERSIONS:
        client = world.call(version).client
        client.reqMktData(1, contract("IBM"), "", False, False, [])
        for number, kind in enumerate(KINDS, 2):
            client.reqTickByTickData(number, contract("BAC"), kind, 0, False)
        client.reqMktData(7, contract("BAC"), "", False, False, [])
        client.reqMktData(2_000_000_000, contract("BAC"), "", False, False, [])


@pytest.mark.parametrize("late", [False, True])
@pytest.mark.parametrize("seed", range(3))
def test_every_version_and_stream_hears_the_same(seed: int, late: bool) -> None:
    worlds = both(follow)
    compare(worlds, prices(seed, 3000, late), seed)
    assert worlds[0].single < 30 < worlds[1].single


@pytest.mark.parametrize("seed", range(6))
def test_orders_of_every_kind_are_worked_by_the_ticks_they_wait_for(seed: int) -> None:
    stream = random.Random(seed)
    orders = [
        (
            stream.choice(("BUY", "SELL")),
            stream.randrange(1, 900),
            *stream.choice(
                (
                    ("LMT", {"lmtPrice": round(stream.uniform(99.5, 100.5), 2)}),
                    ("STP", {"auxPrice": round(stream.uniform(99.5, 100.5), 2)}),
                    ("TRAIL", {"auxPrice": 0.15}),
                    ("MIT", {"auxPrice": round(stream.uniform(99.5, 100.5), 2)}),
                    ("MKT", {}),
                    ("MOC", {"tif": "DAY"}),
                )
            ),
        )
        for _ in range(12)
    ]

    def trade(world: World) -> None:
        follow(world)
        for side, quantity, kind, more in orders:
            world.callers[1].place(side, quantity, kind, **more)
        world.callers[3].client.reqAccountUpdates(True, "")

    worlds = both(trade)
    compare(worlds, prices(seed, 2500), seed)
    assert worlds[0].room.exchange.executions()
    assert worlds[0].single < worlds[1].single


def test_what_compiled_code_cannot_tell_is_told_one_by_one() -> None:
    def bars(world: World) -> None:
        follow(world)
        client = world.callers[0].client
        client.reqRealTimeBars(20, contract("IBM"), 5, "TRADES", False, [])
        client.reqMktDepth(21, contract("BAC"), 3, True, [])

    worlds = both(bars)
    compare(worlds, prices(1, 1500), 1)
    assert worlds[0].single == 1500


def test_a_subscription_that_comes_or_goes_counts_from_the_next_tick_on() -> None:
    worlds = both(follow)
    ticks = prices(2, 900)
    compare(worlds, ticks[:300], 1)
    for world in worlds:
        world.callers[0].client.cancelMktData(1)
        world.callers[1].client.reqMktData(30, contract("IBM"), "", False, False, [])
    compare(worlds, ticks[300:600], 2)
    for world in worlds:
        world.callers[2].connection.close()
        del world.callers[2]
    compare(worlds, ticks[600:], 3)


def test_an_order_that_comes_between_two_bursts_is_seen() -> None:
    worlds = both(follow)
    ticks = prices(3, 600)
    compare(worlds, ticks[:300], 1)
    for world in worlds:
        world.callers[0].place("BUY", 100, "LMT", lmtPrice=150.0)
        world.callers[0].place("SELL", 100, "LMT", lmtPrice=round(ticks[300].price, 2) + 0.02)
    compare(worlds, ticks[300:], 2)
    assert worlds[0].room.exchange.executions()


def test_a_client_that_does_not_read_is_cut_off_at_the_same_frame() -> None:
    worlds = both(follow)
    for world in worlds:
        for caller in world.callers:
            caller.connection.client.wire.delivery._backlog_bytes_max = 30_000
    ticks = prices(4, 600)
    for world in worlds:
        world.play(ticks)
    assert worlds[0].said() == worlds[1].said()
    closed = [[one.connection.client.closing for one in world.callers] for world in worlds]
    assert closed[0] == closed[1]
    assert any(closed[0])


def test_faults_see_every_frame() -> None:
    worlds = both(follow)
    for world in worlds:
        world.room.tws.fault("+1s mute symbol=IBM for=2s")
    compare(worlds, prices(5, 400), 5)
    assert worlds[0].single == 400


def test_a_new_day_and_a_halt_are_seen() -> None:
    worlds = both(follow)
    ticks = prices(6, 300)
    later = [
        MarketTick(one.time_ns + 86_400 * SECOND_NS, one.symbol, one.kind, one.price, one.size)
        for one in prices(7, 300)
    ]
    compare(worlds, ticks + later, 6)
    for world in worlds:
        world.room.exchange.book("IBM").halted = 1
    more = [
        MarketTick(one.time_ns + 2 * 86_400 * SECOND_NS, one.symbol, one.kind, one.price, one.size)
        for one in prices(8, 300)
    ]
    compare(worlds, more, 8)
