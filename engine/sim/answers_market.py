"""Answers about the live market: quotes, ticks one by one, five-second bars, order books."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Final, cast

from engine.sim.answers import NO_LINE, Answer, invalid, started, unpermitted
from engine.sim.client import Client
from engine.sim.delayed import DelayedStream
from engine.sim.depth import VENUES, DepthStream
from engine.sim.desk import Desk
from engine.sim.hours import Hours
from engine.sim.streams import (
    SHORTABLE_TICKS,
    BarStream,
    QuoteStream,
    Show,
    Stream,
    TickByTick,
    TickStream,
)
from engine.sim.wire_messages import TICK_SNAPSHOT_END
from engine.sim.wire_requests import Request

QUOTES, TICKS, BARS, DEPTHS = 1, 97, 50, 10  # kinds of streams, by the request that starts one
ROWS_MAX: Final = 20
DEPTHS_MAX: Final = 3  # instruments whose book a client can watch at once
NO_DEPTH: Final = "Can't find the subscribed market depth with tickerId:"
NOT_SUBSCRIBED: Final = (354, "Requested market data is not subscribed.")
NOT_ENABLED: Final = 10186, f"{NOT_SUBSCRIBED[1]} Delayed market data is not enabled"
DELAYED_SHOWN: Final = 10167, f"{NOT_SUBSCRIBED[1]} Displaying delayed market data."
_LINES: Final = frozenset({QUOTES, TICKS, BARS})  # what takes a line of market data
_DATA_TYPES: Final = (1, 2, 3, 4)  # live, frozen, delayed, delayed and frozen
_DELAYED: Final = (3, 4)
_TICK_BY_TICK: Final = frozenset({"Last", "AllLast", "BidAsk", "MidPoint"})
_REALTIME: Final = frozenset({"TRADES", "MIDPOINT", "BID", "ASK"})


def _market_data_type(desk: Desk, client: Client, request: Request) -> None:
    """What a client takes when there is no better: who has subscribed to live data gets these."""
    wished = request.number("marketDataType")
    if wished not in _DATA_TYPES:
        desk.error(client, -1, *invalid(f"Invalid market data type {wished}"))
        return
    client.data_type = wished


def _market_data(desk: Desk, client: Client, request: Request) -> None:
    instrument = started(desk, client, request)
    if instrument is None:
        return
    number, kept = request.request_id, desk.exchange.policies
    lines = sum(1 for kind, _ in client.streams if kind in _LINES)
    if lines >= kept.market_lines:
        desk.error(client, number, *NO_LINE)
        return
    if kept.market_data == "none":
        desk.error(client, number, *NOT_SUBSCRIBED)
        return
    if kept.market_data == "delayed" and client.data_type not in _DELAYED:
        desk.error(client, number, *NOT_ENABLED)
        return
    stream: QuoteStream | DelayedStream
    if kept.market_data == "delayed":
        desk.error(client, number, *DELAYED_SHOWN)
        stream = DelayedStream(number, instrument, client.encoder)
        client.put_all(stream.start())
    else:
        asked = SHORTABLE_TICKS in request.word("genericTickList").split(",")
        stream = QuoteStream(number, instrument, client.encoder, kept.shortable if asked else "")
        client.put_all(_first(desk, stream))
    if request.flag("snapshot") or request.flag("regulatorySnapshot"):
        client.send(TICK_SNAPSHOT_END, number)
    else:
        client.streams[QUOTES, number] = stream


def _first(desk: Desk, stream: QuoteStream) -> list[bytes]:
    stream.dark = desk.distortion.darkens(stream.symbol)
    if stream.dark:
        return stream.opening()
    return stream.start(desk.quote(stream.symbol), desk.last_ns(stream.symbol))


def _cancel_stream(
    kind: int, code: int, text: str, desk: Desk, client: Client, request: Request
) -> None:
    if not client.streams.take((kind, request.request_id)):
        desk.error(client, request.request_id, code, f"{text}{request.request_id}")


def _tick_by_tick(desk: Desk, client: Client, request: Request) -> None:
    instrument = started(desk, client, request)
    if instrument is None:
        return
    kind = request.word("tickType")
    if kind not in _TICK_BY_TICK:
        desk.error(client, request.request_id, *invalid(f"Invalid tick type '{kind}'"))
        return
    running = sum(1 for one, _ in client.streams if one == TICKS)
    if desk.exchange.policies.market_data != "live":
        text = f"Failed to request tick-by-tick data:{unpermitted(instrument)}"
        desk.error(client, request.request_id, 10189, text)
        return
    if running >= desk.exchange.policies.tick_streams_max:
        text = "Max number of tick-by-tick requests has been reached."
        desk.error(client, request.request_id, 10190, text)
        return
    stream: Stream = TickStream(
        request.request_id, instrument.symbol, cast(TickByTick, kind), client.encoder
    )
    client.streams[TICKS, request.request_id] = stream


def _realtime_bars(desk: Desk, client: Client, request: Request) -> None:
    instrument = started(desk, client, request)
    if instrument is None:
        return
    show = request.word("whatToShow")
    if show not in _REALTIME:
        text = f"Invalid Real-time Query:Unknown data to show '{show}'"
        desk.error(client, request.request_id, 420, text)
        return
    if desk.exchange.policies.market_data != "live":
        text = f"Invalid Real-time Query:{unpermitted(instrument)}"
        desk.error(client, request.request_id, 420, text)
        return
    hours, outside = Hours(instrument.sessions), not request.flag("useRTH")
    stream = BarStream(
        request.request_id,
        instrument.symbol,
        cast(Show, show),
        client.encoder,
        desk.now_ns,
        lambda at_ns: hours.since(at_ns, outside) is not None,
    )
    stream.begin(desk.quote(instrument.symbol))
    client.streams[BARS, request.request_id] = stream


def _depth(desk: Desk, client: Client, request: Request) -> None:
    """The book of one venue, or with ``isSmartDepth`` that of all of them together."""
    rows, smart = request.number("numRows"), request.flag("isSmartDepth")
    venue = request.contract.exchange.upper() if request.contract is not None else ""
    if not venue:
        desk.error(client, request.request_id, *invalid("Please enter exchange."))
        return
    if rows <= 0:
        cause = "Market depth rows requested must be greater than zero."
        desk.error(client, request.request_id, *invalid(cause))
        return
    instrument = started(desk, client, request)
    if instrument is None:
        return
    if desk.exchange.policies.market_data != "live":
        desk.error(client, request.request_id, *NOT_SUBSCRIBED)
        return
    watched = {one.symbol for one in client.streams.values() if isinstance(one, DepthStream)}
    if instrument.symbol not in watched and len(watched) >= DEPTHS_MAX:
        text = f"Max number ({DEPTHS_MAX}) of market depth requests has been reached"
        desk.error(client, request.request_id, 309, text)
        return
    venue = "ISLAND" if venue == "NASDAQ" else venue
    if not (smart and venue == "SMART") and venue not in VENUES:
        text = "Deep market data is not supported for this combination of security type/exchange"
        desk.error(client, request.request_id, 10092, text)
        return
    level2 = smart or VENUES[venue] == "Deep2"
    stream = DepthStream(
        request.request_id, instrument, min(rows, ROWS_MAX), venue, level2, smart, client.encoder
    )
    if not desk.distortion.darkens(instrument.symbol):
        client.put_all(stream.start(desk.quote(instrument.symbol)))
    client.streams[DEPTHS, request.request_id] = stream


ANSWERS: Final[Mapping[int, Answer]] = {
    1: _market_data,
    2: partial(_cancel_stream, QUOTES, 300, "Can't find EId with tickerId:"),
    10: _depth,
    11: partial(_cancel_stream, DEPTHS, 310, NO_DEPTH),
    50: _realtime_bars,
    51: partial(_cancel_stream, BARS, 300, "Can't find EId with tickerId:"),
    59: _market_data_type,
    97: _tick_by_tick,
    98: partial(_cancel_stream, TICKS, 300, "Can't find EId with tickerId:"),
}
