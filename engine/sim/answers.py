"""What the answers to all requests share: their form, and the refusals that many of them give."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from engine.inputs import Instrument
from engine.sim.client import STREAMS_MAX, Client
from engine.sim.desk import Desk
from engine.sim.wire_requests import Request

Answer = Callable[[Desk, Client, Request], None]
DUPLICATE_REQUEST: Final = (102, "Duplicate ticker ID.")
NO_DEFINITION: Final = (200, "No security definition has been found for the request")


def invalid(cause: str) -> tuple[int, str]:
    return 321, f"Error validating request.-'bT' : cause - {cause}"


def history_error(why: str) -> tuple[int, str]:
    return 162, f"Historical Market Data Service error message:{why}"


NO_LINE: Final = (101, "Max number of tickers has been reached")
WRONG_TYPE: Final = invalid("Please enter a valid security type")


def described(desk: Desk, client: Client, request: Request) -> Instrument | None:
    """The instrument that a request names; None when there is none, and the client knows."""
    found = desk.find(request.contract)
    if found is None:
        desk.error(client, request.request_id, *NO_DEFINITION)
    return found


def started(desk: Desk, client: Client, request: Request) -> Instrument | None:
    """The instrument of a new stream, None when it must not start and the client knows why."""
    if (request.id, request.request_id) in client.streams:
        desk.error(client, request.request_id, *DUPLICATE_REQUEST)
        return None
    if len(client.streams) >= STREAMS_MAX:
        desk.error(client, request.request_id, *NO_LINE)
        return None
    return described(desk, client, request)


def unpermitted(instrument: Instrument) -> str:
    """Why data are refused to an account that has not subscribed to them."""
    return f"No market data permissions for {instrument.primary_exchange} {instrument.sec_type}"


def nothing(desk: Desk, client: Client, request: Request) -> None:
    """A cancel of what was answered at once, or a wish without consequence here: TWS is silent."""
