"""Answers about scans of the market."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from engine.sim.answers import DUPLICATE_REQUEST, Answer, history_error
from engine.sim.client import Client
from engine.sim.desk import Desk
from engine.sim.scanner import (
    INSTRUMENT,
    LOCATIONS,
    SCANNERS_MAX,
    SCANS,
    Scan,
    ScannerStream,
    parameters,
)
from engine.sim.wire_messages import SCANNER_PARAMETERS
from engine.sim.wire_requests import Request

SCANNERS: Final = 22  # the kind of a stream, by the request that starts it


def _parameters(desk: Desk, client: Client, request: Request) -> None:
    client.send(SCANNER_PARAMETERS, parameters())


def _scan(desk: Desk, client: Client, request: Request) -> None:
    number, code, place = request.request_id, request.word("scanCode"), request.word("locationCode")
    running = sum(1 for kind, _ in client.streams if kind == SCANNERS)
    if (SCANNERS, number) in client.streams:
        desk.error(client, number, *DUPLICATE_REQUEST)
    elif running >= SCANNERS_MAX:
        cause = f"Only {SCANNERS_MAX} simultaneous API scanner subscriptions are allowed."
        desk.error(client, number, 322, f"Error processing request.-'bT' : cause - {cause}")
    elif request.word("instrument") != INSTRUMENT or place not in LOCATIONS:
        why = "Market Scanner is not configured for one of the chosen locations."
        desk.error(client, number, *history_error(why))
    elif code not in SCANS:
        desk.error(client, number, *history_error(f"Scanner type {code} is disabled"))
    else:
        scan = Scan(
            code=code,
            location=place,
            rows=request.number("numberOfRows"),
            above_price=request.amount("abovePrice"),
            below_price=request.amount("belowPrice"),
            above_volume=request.number("aboveVolume"),
        )
        exchange = desk.exchange
        stream = ScannerStream(
            number, scan, exchange.instruments, exchange.quote, client.encoder, desk.now_ns
        )
        client.put_all(stream.start())
        client.streams[SCANNERS, number] = stream


def _cancel(desk: Desk, client: Client, request: Request) -> None:
    number = request.request_id
    if not client.streams.take((SCANNERS, number)):
        desk.error(client, number, 365, f"No scanner subscription found for ticker id:{number}")
        return
    why = f"API scanner subscription cancelled: {number}"
    desk.error(client, number, *history_error(why))


ANSWERS: Final[Mapping[int, Answer]] = {22: _scan, 23: _cancel, 24: _parameters}
