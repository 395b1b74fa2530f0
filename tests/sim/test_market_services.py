"""Order books, scans, past ticks and what else a TWS tells of its market, as ibapi hears it."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from typing import Any

import numpy as np
import pytest
from ibapi.scanner import ScannerSubscription

from engine.sim import instruments
from engine.sim.launch import DAY
from engine.sim.past_ticks import PAST_TICKS_MAX, Page, PastTicks
from engine.sim.wire_time import SECOND_NS
from tests.sim.caller import OPEN_NS, Caller, Room, contract

VERSIONS = [178, 226]
CON_ID = instruments.con_id("IBM")


@pytest.fixture(params=VERSIONS)
def caller(request: pytest.FixtureRequest) -> Caller:
    room = Room()
    made = room.call(1, request.param)
    made.room = room  # type: ignore[attr-defined]
    return made


def room_of(caller: Caller) -> Room:
    found: Room = caller.room  # type: ignore[attr-defined]
    return found


# -- the order book --------------------------------------------------------------------------------


class Book:
    """What a client that does as it is told makes of the updates."""

    def __init__(self) -> None:
        self.sides: dict[int, list[tuple[float, int, str]]] = {0: [], 1: []}

    def apply(self, caller: Caller) -> Book:
        for name, row in caller.heard:
            if name == "updateMktDepth":
                _, position, operation, side, price, size = row
                maker = ""
            elif name == "updateMktDepthL2":
                _, position, maker, operation, side, price, size, _ = row
            else:
                continue
            rows = self.sides[side]
            if operation == 0:
                rows.insert(position, (price, int(size), maker))
            elif operation == 1:
                rows[position] = (price, int(size), maker)
            else:
                del rows[position]
        caller.heard.clear()
        return self

    def prices(self, side: int) -> list[float]:
        return [price for price, _, _ in self.sides[side]]


def watch(caller: Caller, exchange: str, rows: int, smart: bool, number: int = 5) -> None:
    wanted = contract()
    wanted.exchange = exchange
    caller.client.reqMktDepth(number, wanted, rows, smart, [])


def test_a_book_follows_the_quote(caller: Caller) -> None:
    room, book = room_of(caller), Book()
    watch(caller, "SMART", 3, smart=True)
    book.apply(caller)
    assert book.prices(1) == [99.98, 99.96, 99.94]
    assert book.prices(0) == [100.0, 100.02, 100.04]
    assert [size for _, size, _ in book.sides[1]] == [1000, 2000, 3000]
    assert [maker for _, _, maker in book.sides[1]] == ["ARCA", "IEX", "ISLAND"]

    room.quote(100.01, 100.02, 300)
    room.trade(100.02)
    book.apply(caller)
    assert book.prices(1) == [100.01, 100.0, 99.99]
    assert book.prices(0) == [100.02, 100.03, 100.04]

    caller.client.cancelMktDepth(5, True)
    room.quote(90, 90.02)
    assert caller.of("updateMktDepthL2") == []
    caller.client.cancelMktDepth(5, True)
    assert caller.errors() == [(5, 310)]


def test_rows_below_nothing_are_taken_away(caller: Caller) -> None:
    room, book = room_of(caller), Book()
    room.quote(1.0, 1.3)
    watch(caller, "NYSE", 20, smart=False)
    assert caller.of("updateMktDepthL2") == []
    book.apply(caller)
    assert len(book.sides[1]) == 4 and book.prices(1)[-1] > 0

    room.quote(1.0, 1.6)
    book.apply(caller)
    assert book.prices(1) == [1.0, 0.4]


def test_books_that_cannot_be_had(caller: Caller) -> None:
    watch(caller, "SMART", 3, smart=False, number=1)
    watch(caller, "BATS", 3, smart=False, number=2)
    watch(caller, "", 3, smart=True, number=3)
    watch(caller, "ISLAND", 0, smart=False, number=4)
    watch(caller, "NASDAQ", 3, smart=False, number=5)
    watch(caller, "NASDAQ", 3, smart=False, number=5)

    assert caller.errors() == [(1, 10092), (2, 10092), (3, 321), (4, 321), (5, 102)]


def test_three_books_at_once() -> None:
    symbols = ["AAA", "BBB", "CCC", "DDD"]
    room = Room(symbols=symbols)
    caller = room.call()
    for number, symbol in enumerate([*symbols, "AAA"], 1):
        caller.client.reqMktDepth(number, contract(symbol), 3, True, [])

    assert caller.errors() == [(4, 309)]


# -- the scanner -----------------------------------------------------------------------------------


def scan(code: str, **more: Any) -> ScannerSubscription:
    made = ScannerSubscription()
    made.instrument, made.locationCode, made.scanCode = "STK", "STK.US.MAJOR", code
    for name, value in more.items():
        setattr(made, name, value)
    return made


def ranks(caller: Caller) -> list[str]:
    found = [row[2].contract.symbol for row in caller.of("scannerData")]
    caller.heard.clear()
    return found


def test_scans_rank_the_known_instruments(caller: Caller) -> None:
    room = room_of(caller)
    for symbol, price in (("IBM", 100.0), ("IBM", 101.0), ("BAC", 50.0), ("BAC", 40.0)):
        room.trade(price, 100 if symbol == "IBM" else 500, symbol)
    caller.client.reqScannerSubscription(1, scan("TOP_PERC_GAIN"), [], [])
    assert ranks(caller) == ["IBM", "BAC"]
    caller.client.reqScannerSubscription(2, scan("MOST_ACTIVE", numberOfRows=1), [], [])
    assert ranks(caller) == ["BAC"]
    caller.client.reqScannerSubscription(3, scan("TOP_PERC_LOSE", abovePrice=60), [], [])
    assert ranks(caller) == ["IBM"]
    caller.client.reqScannerSubscription(4, scan("MOST_ACTIVE", aboveVolume=500), [], [])
    assert ranks(caller) == ["BAC"]

    for number in (2, 3, 4):
        caller.client.cancelScannerSubscription(number)
    caller.heard.clear()
    room.trade(60.0, 100, "BAC")
    room.wait(29)
    assert ranks(caller) == []
    room.wait(2)
    assert ranks(caller) == ["BAC", "IBM"]


def test_scans_that_cannot_be_had(caller: Caller) -> None:
    ask = caller.client.reqScannerSubscription
    ask(1, scan("TOP_SECRET"), [], [])
    ask(2, scan("MOST_ACTIVE", instrument="FUT.US"), [], [])
    ask(3, scan("MOST_ACTIVE", locationCode="STK.EU"), [], [])
    for number in range(4, 15):
        ask(number, scan("MOST_ACTIVE"), [], [])
    ask(4, scan("MOST_ACTIVE"), [], [])
    caller.client.cancelScannerSubscription(4)
    caller.client.cancelScannerSubscription(4)

    codes = [(1, 162), (2, 162), (3, 162), (14, 322), (4, 102), (4, 162), (4, 365)]
    assert caller.errors() == codes


def test_every_scan_of_the_parameters_can_be_asked_for(caller: Caller) -> None:
    caller.client.reqScannerParameters()
    (text,) = caller.of("scannerParameters")[0]
    tree = ET.fromstring(text)
    codes = [one.text for one in tree.iter("scanCode")]
    places = [one.text for one in tree.iter("locationCode")]
    assert "TOP_PERC_GAIN" in codes

    for number, (code, place) in enumerate((c, p) for c in codes for p in places):
        wanted = scan(str(code), locationCode=place)
        caller.client.reqScannerSubscription(number, wanted, [], [])
        caller.client.cancelScannerSubscription(number)
    assert {code for _, code in caller.errors()} == {162}
    assert all("cancelled" in row[3] for row in caller.of("error") if row[2] == 162)


# -- the past --------------------------------------------------------------------------------------


def past(caller: Caller, show: str, start: str, end: str, count: int, **more: Any) -> None:
    regular, same = more.get("regular", True), more.get("same_price", False)
    caller.client.reqHistoricalTicks(9, contract(), start, end, count, show, int(regular), same, [])


def test_trades_come_in_whole_seconds(caller: Caller) -> None:
    room = room_of(caller)
    for second in range(3):
        for cent in range(3):
            room.trade(100 + second + cent / 100, 100)
        room.wait(1)

    past(caller, "TRADES", "20240103-14:30:00", "", 4)
    past(caller, "TRADES", "", "20240103-14:30:03", 4)
    past(caller, "TRADES", "20240103 09:30:02 America/New_York", "", 4)

    seconds = OPEN_NS // SECOND_NS
    first, last, late = ([(one.time - seconds, one.price) for one in row[1]]
                         for row in caller.of("historicalTicksLast"))  # fmt: skip
    assert first == [(s, 100 + s + c / 100) for s in (0, 1) for c in range(3)]
    assert last == [(s, 100 + s + c / 100) for s in (1, 2) for c in range(3)]
    assert late == last[3:]
    assert all(row[2] for row in caller.of("historicalTicksLast"))


def test_past_quotes_and_middles(caller: Caller) -> None:
    room = room_of(caller)
    room.wait(1)
    room.tick("B", 99.98, 500)
    room.tick("A", 100.02, 1000)
    room.trade(100.0)

    past(caller, "BID_ASK", "20240103-14:30:01", "", 10)
    past(caller, "BID_ASK", "20240103-14:30:00", "", 10, same_price=True)
    past(caller, "MIDPOINT", "", "20240103-14:31:00", 10)

    quotes, moves = (
        [(t.priceBid, t.priceAsk, int(t.sizeBid), int(t.sizeAsk)) for t in row[1]]
        for row in caller.of("historicalTicksBidAsk")
    )
    assert quotes == [(99.98, 100.0, 500, 1000), (99.98, 100.02, 500, 1000)]
    assert moves == [(99.98, 100.0, 1000, 1000), (99.98, 100.02, 500, 1000)]
    assert [t.price for t in caller.of("historicalTicks")[0][1]] == [99.99, 100.0]


def test_past_ticks_that_cannot_be_had(caller: Caller) -> None:
    past(caller, "TRADES", "", "", 10)
    past(caller, "TRADES", "20240103-14:30:00", "20240103-15:30:00", 10)
    past(caller, "GUESSES", "20240103-14:30:00", "", 10)
    past(caller, "TRADES", "20240103-14:30:00", "", 1001)
    past(caller, "TRADES", "yesterday", "", 10)
    assert caller.errors() == [(9, 10187)] * 5
    past(caller, "TRADES", "20240103-14:30:00", "", 10)
    assert caller.of("historicalTicksLast")[-1][1] == []


def test_extended_hours_count_when_wished_for(caller: Caller) -> None:
    room = room_of(caller)
    room.trade(100.0)
    room.wait(7 * 3600)
    room.trade(101.0)

    past(caller, "TRADES", "20240103-14:30:00", "", 10)
    past(caller, "TRADES", "20240103-14:30:00", "", 10, regular=False)

    found = [[one.price for one in row[1]] for row in caller.of("historicalTicksLast")]
    assert found == [[100.0], [100.0, 101.0]]


def test_pages_of_ticks_miss_nothing_and_repeat_nothing() -> None:
    """Backwards and forwards, page by page, every tick comes once."""
    ticks = PastTicks()
    seconds = [second for second in range(1, 300) for _ in range(1 + second * 7 % 5)]
    for number, second in enumerate(seconds):
        ticks.add(second * SECOND_NS, "T", 100 + number / 100, 100)
    everything = [(second, 100 + n / 100, 0.0, 100, 0) for n, second in enumerate(seconds)]

    def page(start: int | None, end: int | None) -> list[Any]:
        wanted = Page(kind="TRADES", start_ns=start, end_ns=end, count=7, trades_at=bool.__call__)
        return ticks.page(wanted)

    forward: list[Any] = []
    while rows := page((forward[-1][0] + 1) * SECOND_NS if forward else 1, None):
        forward += rows
    backward: list[Any] = []
    end = 300 * SECOND_NS
    while rows := page(None, end):
        backward = rows + backward
        end = rows[0][0] * SECOND_NS
    assert forward == everything
    assert backward == everything


def test_old_ticks_are_forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("engine.sim.past_ticks.PAST_TICKS_MAX", 10)
    monkeypatch.setattr("engine.sim.past_ticks.FRESH_MAX", 3)
    ticks = PastTicks()
    wanted = Page(kind="TRADES", start_ns=0, end_ns=None, count=1000, trades_at=bool.__call__)
    for number in range(36):
        ticks.add(number * SECOND_NS, "T", 100.0, 1)

    assert [row[0] for row in ticks.page(wanted)] == list(range(24, 36))
    ticks.add_rows([(number * SECOND_NS, "T", 100.0, 1) for number in range(36, 46)])
    assert [row[0] for row in ticks.page(wanted)] == list(range(36, 46))
    assert PAST_TICKS_MAX > 100_000


def test_a_histogram_adds_up(caller: Caller) -> None:
    room = room_of(caller)
    for price, size in ((100.0, 100), (101.0, 300), (100.0, 200)):
        room.trade(price, size)
        room.wait(60)

    caller.client.reqHistogramData(5, contract(), True, "180 seconds")
    caller.client.reqHistogramData(6, contract(), True, "soon")
    ((number, rows),) = caller.of("histogramData")
    assert (number, [(one.price, int(one.size)) for one in rows]) == (
        5,
        [(100.0, 300), (101.0, 300)],
    )
    assert caller.errors() == [(6, 10188)]


@pytest.mark.parametrize("version", VERSIONS)
def test_bars_of_both_sides(version: int) -> None:
    room = Room()
    room.wait(10)
    room.quote(99.0, 100.0)
    room.wait(45)
    caller = room.call(1, version)
    caller.client.reqHistoricalData(5, contract(), "", "60 S", "1 min", "BID_ASK", 1, 2, False, [])
    bar = caller.of("historicalData")[-1][1]
    assert (bar.open, bar.high, bar.low, bar.close) == (99.49, 100.0, 99.0, 100.0)

    ask = caller.client.reqHistoricalData
    ask(6, contract(), "", "60 S", "1 min", "OPTION_IMPLIED_VOLATILITY", 1, 2, False, [])
    ask(7, contract(), "", "60 S", "1 min", "GUESSES", 1, 2, False, [])
    ask(8, contract(), "", "3 D", "1 day", "SCHEDULE", 1, 2, False, [])
    assert caller.errors() == [(6, 162), (7, 321)]
    number, start, end, zone, sessions = caller.of("historicalSchedule")[0]
    assert (number, zone) == (8, "America/New_York")
    assert [one.refDate for one in sessions] == ["20240101", "20240102", "20240103"]
    assert end == "20240103-16:00:00" and start == sessions[0].startDateTime
    assert DAY.isoformat() == "2024-01-03"


# -- windows, bulletins, symbols -------------------------------------------------------------------


def test_windows_of_a_group_show_the_same(caller: Caller) -> None:
    other = room_of(caller).call(2)
    caller.client.subscribeToGroupEvents(5, 3)
    other.client.subscribeToGroupEvents(6, 3)
    other.client.subscribeToGroupEvents(6, 3)
    other.client.subscribeToGroupEvents(7, 9)
    other.client.subscribeToGroupEvents(8, 4)
    caller.heard.clear()

    caller.client.updateDisplayGroup(5, f"{CON_ID}@SMART")
    for nonsense in ("IBM", f"{CON_ID}@", "42"):
        caller.client.updateDisplayGroup(5, nonsense)
    assert caller.of("displayGroupUpdated") == [(5, f"{CON_ID}@SMART")]
    assert other.of("displayGroupUpdated")[-1] == (6, f"{CON_ID}@SMART")
    assert caller.errors() == [(5, 321), (5, 321), (5, 473)]
    assert other.errors() == [(6, 102), (7, 321)]

    other.client.unsubscribeFromGroupEvents(6)
    caller.client.updateDisplayGroup(5, "none")
    assert other.of("displayGroupUpdated")[-1] == (6, f"{CON_ID}@SMART")
    other.client.subscribeToGroupEvents(6, 3)
    assert other.of("displayGroupUpdated")[-1] == (6, "none")


def test_bulletins_come_to_who_asked_for_them(caller: Caller) -> None:
    desk = room_of(caller).tws.gateway.desk
    desk.bulletin("the first")
    caller.client.reqNewsBulletins(False)
    desk.bulletin("the second")
    room_of(caller).wait(1)
    assert [row[:3] for row in caller.of("updateNewsBulletin")] == [(2, 1, "the second")]
    caller.client.reqNewsBulletins(True)
    assert [row[0] for row in caller.of("updateNewsBulletin")] == [2, 1, 2]
    caller.client.cancelNewsBulletins()
    desk.bulletin("the third")
    room_of(caller).wait(1)
    assert len(caller.of("updateNewsBulletin")) == 3


def test_symbols_are_found_by_their_beginning(caller: Caller) -> None:
    for number, pattern in enumerate(("ib", "", "B", "common", "zz")):
        caller.client.reqMatchingSymbols(number, pattern)
    found = [[one.contract.symbol for one in rows] for _, rows in caller.of("symbolSamples")]
    assert found == [["IBM"], [], ["BAC"], ["IBM", "BAC"], []]


def test_what_stands_behind_a_quote(caller: Caller) -> None:
    caller.client.reqMktData(5, contract(), "", False, False, [])
    code = caller.of("tickReqParams")[0][2]
    caller.client.reqSmartComponents(6, code)
    caller.client.reqSmartComponents(7, "zz")
    caller.client.reqSecDefOptParams(8, "IBM", "", "STK", CON_ID)
    caller.client.reqSecDefOptParams(9, "IBM", "", "STK", 1)

    ((number, components),) = caller.of("smartComponents")
    assert number == 6
    if isinstance(components, dict):  # as the protobuf form is handed over
        names = {name for name, _ in components.values()}
    else:
        names = {one.exchange for one in components}
    assert names >= {"NYSE", "ISLAND"}
    assert caller.of("securityDefinitionOptionParameterEnd") == [(8,)]
    assert caller.errors() == [(7, 321), (9, 321)]


@pytest.mark.parametrize("size", [1, 5, 63, 64, 200])
def test_ticks_that_come_in_columns_are_those_that_come_one_by_one(size: int) -> None:
    rows = [(n * SECOND_NS // 3, "BAT"[n % 3], 100 + n % 7 / 100, n % 5 * 100) for n in range(600)]
    single, many = PastTicks(), PastTicks()
    for row in rows:
        single.add(*row)
    for begin in range(0, len(rows), size):
        times, kinds, prices, sizes = zip(*rows[begin : begin + size], strict=True)
        letters = np.frombuffer("".join(kinds).encode(), np.uint8)
        many.extend(np.array(times), letters, np.array(prices), np.array(sizes))
    for kind in ("TRADES", "BID_ASK", "MIDPOINT"):
        for start, end in ((0, None), (50 * SECOND_NS, None), (None, 150 * SECOND_NS)):
            wanted = Page(kind=kind, start_ns=start, end_ns=end, count=77, trades_at=bool.__call__)
            assert many.page(wanted) == single.page(wanted) != []
