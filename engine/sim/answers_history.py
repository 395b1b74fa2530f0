"""Answers about the past: bars, ticks, sessions, the distribution of prices."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from functools import partial
from typing import Final

from engine.errors import ConfigError, DecodeError
from engine.inputs import Instrument
from engine.sim.answers import (
    Answer,
    described,
    history_error,
    invalid,
    nothing,
    started,
    unpermitted,
)
from engine.sim.client import Client
from engine.sim.desk import Desk
from engine.sim.history import HistoryBar, bar_size_ns
from engine.sim.history_stream import HistoryStream, wire_bar
from engine.sim.hours import Hours
from engine.sim.limits import SMALL_BAR_NS
from engine.sim.past_ticks import Page, PastKind, Row
from engine.sim.wire_lists import (
    HISTOGRAM,
    PAST_MIDPOINTS,
    PAST_QUOTES,
    PAST_TRADES,
    SCHEDULE,
    ListMessage,
)
from engine.sim.wire_messages import HEAD_TIMESTAMP, Value
from engine.sim.wire_requests import Request
from engine.sim.wire_time import SECOND_NS, local, parse_time, zoned

HISTORY: Final = 20  # the kind of a stream, by the request that starts it
HEAD_DURATION: Final = "2 M"  # further back than the simulated past reaches
TICKS_MAX: Final = 1000  # of one answer
_PERIODS: Final = {
    **{f"{word}{ending}": unit for word, unit in
       (("second", "S"), ("sec", "S"), ("day", "D"), ("week", "W"), ("month", "M"), ("year", "Y"))
       for ending in ("", "s")},
}  # fmt: skip
_SHOWN: Final = {
    **{show: show for show in ("TRADES", "MIDPOINT", "BID", "ASK", "BID_ASK")},
    "ADJUSTED_LAST": "TRADES",
    "AGGTRADES": "TRADES",
}
# What TWS has for some instruments, and for none of those known here.
_ELSEWHERE: Final = frozenset(
    {
        *("HISTORICAL_VOLATILITY", "OPTION_IMPLIED_VOLATILITY", "FEE_RATE", "REBATE_RATE"),
        *("YIELD_BID", "YIELD_ASK", "YIELD_BID_ASK", "YIELD_LAST"),
    }
)
_PAGES: Final[Mapping[str, tuple[PastKind, ListMessage]]] = {
    "TRADES": ("TRADES", PAST_TRADES),
    "BID_ASK": ("BID_ASK", PAST_QUOTES),
    "MIDPOINT": ("MIDPOINT", PAST_MIDPOINTS),
}


def _history(desk: Desk, client: Client, request: Request) -> None:
    instrument = started(desk, client, request)
    if instrument is None:
        return
    show = request.word("whatToShow").upper()
    if show == "SCHEDULE":
        _schedule(desk, client, request, instrument)
        return
    what = _SHOWN.get(show)
    if what is None and show in _ELSEWHERE:
        _no_data(desk, client, request, instrument, show)
        return
    bar_size, back = request.word("barSizeSetting"), request.word("duration")
    live = request.flag("keepUpToDate")
    try:
        end_ns = parse_time(request.word("endDateTime"), instrument.time_zone)
        if what is None:
            raise ConfigError(f"Invalid data to show '{request.word('whatToShow')}'")
        if live and end_ns is not None:
            raise ConfigError("End date/time: not supported for keepUpToDate")
        last_ns = desk.now_ns if end_ns is None else min(end_ns, desk.now_ns)
        bar_ns = bar_size_ns(bar_size)
        refused = _refused(desk, client, request, instrument, bar_ns)
        if refused:
            desk.error(client, request.request_id, *history_error(refused))
            return
        bars = desk.exchange.bars(
            instrument.symbol, last_ns, back, bar_size, what, request.flag("useRTH")
        )
    except (ConfigError, DecodeError) as problem:
        desk.error(client, request.request_id, *invalid(f"Historical data query: {problem}"))
        return
    if not bars:
        _no_data(desk, client, request, instrument, what)
        return
    _send_history(client, request, instrument, bars, last_ns)
    if live:
        latest = partial(
            desk.exchange.bars, instrument.symbol, bar_size=bar_size, what=what,
            regular_only=request.flag("useRTH"),
        )  # fmt: skip
        client.streams[HISTORY, request.request_id] = HistoryStream(
            request.request_id,
            instrument,
            client.encoder,
            latest,
            bar_ns,
            request.number("formatDate"),
            desk.now_ns,
        )


def _refused(
    desk: Desk, client: Client, request: Request, instrument: Instrument, bar_ns: int
) -> str:
    """Why the account, or the pacing of small bars, does not allow a request; else nothing."""
    policies = desk.exchange.policies
    if policies.market_data == "none":
        return unpermitted(instrument)
    if not policies.history_pacing or bar_ns > SMALL_BAR_NS:
        return ""
    show = request.word("whatToShow").upper()
    market = f"{instrument.symbol} {show}"
    words = ("endDateTime", "duration", "barSizeSetting")
    asked = " ".join([market, *(request.word(word) for word in words)])
    weight = 2 if show == "BID_ASK" else 1
    if client.bars.violates(desk.now_ns, market, asked, weight):
        return "Historical data request pacing violation"
    return ""


def _no_data(
    desk: Desk, client: Client, request: Request, instrument: Instrument, show: str
) -> None:
    why = f"HMDS query returned no data: {instrument.symbol}@SMART {show.capitalize()}"
    desk.error(client, request.request_id, *history_error(why))


def _schedule(desk: Desk, client: Client, request: Request, instrument: Instrument) -> None:
    """The sessions that a duration covers, on the clock of the instrument."""
    zone = instrument.time_zone
    try:
        end_ns = parse_time(request.word("endDateTime"), zone)
        spans = desk.exchange.schedule(
            instrument.symbol, desk.now_ns if end_ns is None else end_ns, request.word("duration")
        )
    except (ConfigError, DecodeError) as problem:
        desk.error(client, request.request_id, *invalid(f"Historical data query: {problem}"))
        return
    if not spans:
        _no_data(desk, client, request, instrument, "SCHEDULE")
        return
    rows = [tuple(f"{local(at, zone):%Y%m%d-%H:%M:%S}" for at in span) for span in spans]
    head = (request.request_id, rows[0][0], rows[-1][1], zone)
    sessions = [(opens, closes, opens[:8]) for opens, closes in rows]
    client.put(client.encoder.listed(SCHEDULE, head, sessions))


def _send_history(
    client: Client, request: Request, instrument: Instrument, bars: list[HistoryBar], last_ns: int
) -> None:
    zone = instrument.time_zone
    style = request.number("formatDate")
    daily = request.word("barSizeSetting").strip() == "1 day"
    rendered = [wire_bar(bar, zone, style, daily) for bar in bars]
    start, end = zoned(bars[0].time_ns, zone), zoned(last_ns, zone)
    client.put_all(client.encoder.historical(request.request_id, rendered, start, end))


def _cancel_history(desk: Desk, client: Client, request: Request) -> None:
    if not client.streams.take((HISTORY, request.request_id)):
        text = f"No historical data query found for ticker id:{request.request_id}"
        desk.error(client, request.request_id, 366, text)
        return
    why = f"API historical data query cancelled: {request.request_id}"
    desk.error(client, request.request_id, *history_error(why))


def _head_timestamp(desk: Desk, client: Client, request: Request) -> None:
    instrument = described(desk, client, request)
    if instrument is None:
        return
    what = _SHOWN.get(request.word("whatToShow").upper(), "TRADES")
    bars = desk.exchange.bars(instrument.symbol, desk.now_ns, HEAD_DURATION, "1 day", what, True)
    if not bars:
        desk.error(client, request.request_id, *history_error("No head time stamp"))
        return
    epoch = request.number("formatDate") == 2
    first_ns = bars[0].time_ns
    text = str(first_ns // SECOND_NS) if epoch else zoned(first_ns, instrument.time_zone)
    client.send(HEAD_TIMESTAMP, request.request_id, text)


def _histogram(desk: Desk, client: Client, request: Request) -> None:
    """How much was traded at each price within a period, by the closes of its minutes."""
    instrument = described(desk, client, request)
    if instrument is None:
        return
    count, _, unit = request.word("timePeriod").strip().partition(" ")
    try:
        back = f"{count} {_PERIODS.get(unit.lower(), unit)}"
        bars = desk.exchange.bars(
            instrument.symbol, desk.now_ns, back, "1 min", "TRADES", request.flag("useRTH")
        )
    except ConfigError as problem:
        desk.error(client, request.request_id, 10188, f"Failed to request histogram data:{problem}")
        return
    sizes: dict[float, int] = {}
    for bar in bars:
        price = round(bar.close, 2)
        sizes[price] = sizes.get(price, 0) + bar.volume
    rows = sorted((price, size) for price, size in sizes.items() if size)
    client.put(client.encoder.listed(HISTOGRAM, (request.request_id,), rows))


def _past_ticks(desk: Desk, client: Client, request: Request) -> None:
    """Ticks that the market has had, as far as this run has played them."""
    instrument = described(desk, client, request)
    if instrument is None:
        return

    def refuse(why: str) -> None:
        text = f"Failed to request historical ticks:{why}"
        desk.error(client, request.request_id, 10187, text)

    shown = _PAGES.get(request.word("whatToShow").upper())
    count = request.number("numberOfTicks")
    try:
        start_ns, end_ns = (
            parse_time(request.word(name), instrument.time_zone)
            for name in ("startDateTime", "endDateTime")
        )
    except DecodeError as problem:
        refuse(str(problem))
        return
    if shown is None:
        refuse(f"Invalid data to show '{request.word('whatToShow')}'")
    elif desk.exchange.policies.market_data == "none":
        refuse(unpermitted(instrument))
    elif (start_ns is None) == (end_ns is None):
        refuse("State either the start or the end time")
    elif not 0 < count <= TICKS_MAX:
        refuse(f"The number of ticks must be between 1 and {TICKS_MAX}")
    else:
        hours, outside = Hours(instrument.sessions), not request.flag("useRTH")
        page = Page(
            kind=shown[0],
            start_ns=start_ns,
            end_ns=end_ns,
            count=count,
            trades_at=lambda at_ns: outside or hours.since(at_ns, outside=False) is not None,
            same_price=request.flag("ignoreSize"),
        )
        rows = [_tick(shown[0], row) for row in desk.exchange.past_ticks(instrument.symbol, page)]
        client.put(client.encoder.listed(shown[1], (request.request_id,), rows, (True,)))


def _tick(kind: PastKind, row: Row) -> tuple[Value, ...]:
    second, first, second_price, size, second_size = row
    if kind == "TRADES":
        return second, first, Decimal(size), "ISLAND", ""
    if kind == "MIDPOINT":
        return second, first, Decimal(0)
    return second, first, second_price, Decimal(size), Decimal(second_size)


ANSWERS: Final[Mapping[int, Answer]] = {
    20: _history,
    25: _cancel_history,
    87: _head_timestamp,
    88: _histogram,
    89: nothing,
    90: nothing,
    96: _past_ticks,
    107: nothing,
}
