"""Answers about instruments and their market: definitions, live data, history."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Final, cast

from engine.errors import ConfigError, DecodeError
from engine.inputs import Instrument
from engine.sim import instruments
from engine.sim.answers_account import DUPLICATE_REQUEST, Answer
from engine.sim.answers_orders import NO_DEFINITION, invalid
from engine.sim.client import STREAMS_MAX, Client
from engine.sim.desk import Desk
from engine.sim.history import HistoryBar, bar_size_ns
from engine.sim.history_stream import HistoryStream, wire_bar
from engine.sim.streams import BarStream, QuoteStream, Show, Stream, TickByTick, TickStream
from engine.sim.wire_messages import CONTRACT_DETAILS_END, HEAD_TIMESTAMP, TICK_SNAPSHOT_END
from engine.sim.wire_requests import Request
from engine.sim.wire_time import SECOND_NS, parse_time, zoned

QUOTES, TICKS, BARS, HISTORY = 1, 97, 50, 20  # kinds of streams, by the request that starts one
HEAD_DURATION: Final = "2 M"  # further back than the simulated past reaches
_TICK_BY_TICK: Final = frozenset({"Last", "AllLast", "BidAsk", "MidPoint"})
_REALTIME: Final = frozenset({"TRADES", "MIDPOINT", "BID", "ASK"})
_SHOWN: Final = {**{show: show for show in _REALTIME}, "ADJUSTED_LAST": "TRADES"}


def _contract_details(desk: Desk, client: Client, request: Request) -> None:
    instrument = desk.find(request.contract)
    if instrument is None:
        desk.error(client, request.request_id, *NO_DEFINITION)
        return
    client.put(client.encoder.contract_details(request.request_id, desk.listing(instrument)))
    client.send(CONTRACT_DETAILS_END, request.request_id)


def _market_rule(desk: Desk, client: Client, request: Request) -> None:
    rule_id = request.number("marketRuleId")
    rule = instruments.MARKET_RULES.get(rule_id)
    if rule is None:
        desk.error(client, -1, *invalid(f"Invalid market rule id {rule_id}"))
        return
    client.put(client.encoder.market_rule(rule_id, rule.bands))


def _market_data_type(desk: Desk, client: Client, request: Request) -> None:
    """Whatever is wished for, the data here are live; each stream says so when it starts."""
    wished = request.number("marketDataType")
    if wished not in (1, 2, 3, 4):
        desk.error(client, -1, *invalid(f"Invalid market data type {wished}"))


def _started(desk: Desk, client: Client, request: Request) -> Instrument | None:
    """The instrument of a new stream, None when it must not start and the client knows why."""
    if (request.id, request.request_id) in client.streams:
        desk.error(client, request.request_id, *DUPLICATE_REQUEST)
        return None
    if len(client.streams) >= STREAMS_MAX:
        desk.error(client, request.request_id, 101, "Max number of tickers has been reached")
        return None
    instrument = desk.find(request.contract)
    if instrument is None:
        desk.error(client, request.request_id, *NO_DEFINITION)
    return instrument


def _market_data(desk: Desk, client: Client, request: Request) -> None:
    instrument = _started(desk, client, request)
    if instrument is None:
        return
    stream = QuoteStream(request.request_id, instrument, client.encoder)
    quote = desk.quote(instrument.symbol)
    client.put_all(stream.start(quote, desk.last_ns(instrument.symbol)))
    if request.flag("snapshot") or request.flag("regulatorySnapshot"):
        client.send(TICK_SNAPSHOT_END, request.request_id)
    else:
        client.streams[QUOTES, request.request_id] = stream


def _cancel_stream(
    kind: int, code: int, text: str, desk: Desk, client: Client, request: Request
) -> None:
    if client.streams.pop((kind, request.request_id), None) is None:
        desk.error(client, request.request_id, code, f"{text}{request.request_id}")


def _tick_by_tick(desk: Desk, client: Client, request: Request) -> None:
    instrument = _started(desk, client, request)
    if instrument is None:
        return
    kind = request.word("tickType")
    if kind not in _TICK_BY_TICK:
        desk.error(client, request.request_id, *invalid(f"Invalid tick type '{kind}'"))
        return
    stream: Stream = TickStream(
        request.request_id, instrument.symbol, cast(TickByTick, kind), client.encoder
    )
    client.streams[TICKS, request.request_id] = stream


def _realtime_bars(desk: Desk, client: Client, request: Request) -> None:
    instrument = _started(desk, client, request)
    if instrument is None:
        return
    show = request.word("whatToShow")
    if show not in _REALTIME:
        text = f"Invalid Real-time Query:Unknown data to show '{show}'"
        desk.error(client, request.request_id, 420, text)
        return
    stream = BarStream(
        request.request_id, instrument.symbol, cast(Show, show), client.encoder, desk.now_ns
    )
    stream.begin(desk.quote(instrument.symbol))
    client.streams[BARS, request.request_id] = stream


def _no_history(desk: Desk, client: Client, request: Request, why: str) -> None:
    text = f"Historical Market Data Service error message:{why}"
    desk.error(client, request.request_id, 162, text)


def _history(desk: Desk, client: Client, request: Request) -> None:
    instrument = _started(desk, client, request)
    if instrument is None:
        return
    what = _SHOWN.get(request.word("whatToShow").upper())
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
        bars = desk.exchange.bars(
            instrument.symbol, last_ns, back, bar_size, what, request.flag("useRTH")
        )
    except (ConfigError, DecodeError) as problem:
        desk.error(client, request.request_id, *invalid(f"Historical data query: {problem}"))
        return
    if not bars:
        why = f"HMDS query returned no data: {instrument.symbol}@SMART {what.capitalize()}"
        _no_history(desk, client, request, why)
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
    if client.streams.pop((HISTORY, request.request_id), None) is None:
        text = f"No historical data query found for ticker id:{request.request_id}"
        desk.error(client, request.request_id, 366, text)
        return
    why = f"API historical data query cancelled: {request.request_id}"
    _no_history(desk, client, request, why)


def _head_timestamp(desk: Desk, client: Client, request: Request) -> None:
    instrument = desk.find(request.contract)
    if instrument is None:
        desk.error(client, request.request_id, *NO_DEFINITION)
        return
    what = _SHOWN.get(request.word("whatToShow").upper(), "TRADES")
    bars = desk.exchange.bars(instrument.symbol, desk.now_ns, HEAD_DURATION, "1 day", what, True)
    if not bars:
        _no_history(desk, client, request, "No head time stamp")
        return
    epoch = request.number("formatDate") == 2
    first_ns = bars[0].time_ns
    text = str(first_ns // SECOND_NS) if epoch else zoned(first_ns, instrument.time_zone)
    client.send(HEAD_TIMESTAMP, request.request_id, text)


def _nothing(desk: Desk, client: Client, request: Request) -> None:
    """A cancel of what was answered at once."""


ANSWERS: Final[Mapping[int, Answer]] = {
    1: _market_data,
    2: partial(_cancel_stream, QUOTES, 300, "Can't find EId with tickerId:"),
    9: _contract_details,
    20: _history,
    25: _cancel_history,
    50: _realtime_bars,
    51: partial(_cancel_stream, BARS, 300, "Can't find EId with tickerId:"),
    59: _market_data_type,
    87: _head_timestamp,
    90: _nothing,
    91: _market_rule,
    97: _tick_by_tick,
    98: partial(_cancel_stream, TICKS, 300, "Can't find EId with tickerId:"),
}
