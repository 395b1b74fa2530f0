"""Answers about options, of which none are listed here."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from engine.sim.answers import NO_DEFINITION, WRONG_TYPE, Answer, invalid, nothing
from engine.sim.client import Client
from engine.sim.desk import Desk
from engine.sim.wire_requests import Request

OPTIONS: Final = frozenset({"OPT", "FOP", "WAR", "IOPT"})


def _unlisted(desk: Desk, client: Client, request: Request) -> None:
    """An option is not known; anything else is none."""
    kind = "" if request.contract is None else request.contract.sec_type
    found = NO_DEFINITION if kind in OPTIONS else WRONG_TYPE
    desk.error(client, request.request_id, *found)


def _exercise(desk: Desk, client: Client, request: Request) -> None:
    if request.number("exerciseAction") not in (1, 2):
        cause = f"Invalid exercise action {request.number('exerciseAction')}"
        desk.error(client, request.request_id, *invalid(cause))
        return
    _unlisted(desk, client, request)


ANSWERS: Final[Mapping[int, Answer]] = {
    21: _exercise,
    54: _unlisted,
    55: _unlisted,
    56: nothing,
    57: nothing,
}
