"""Answers about news, fundamentals and events: an account without any of these subscriptions.

News bulletins belong to no subscription: they are sent to whoever asked for them.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from engine.sim.answers import WRONG_TYPE, Answer, described, invalid, nothing
from engine.sim.client import Client
from engine.sim.desk import Desk
from engine.sim.wire_lists import NEWS_PROVIDERS
from engine.sim.wire_requests import Request

NO_NEWS: Final = (10276, "News feed is not allowed.")
NO_ARTICLE: Final = (10172, "Failed to request news article:No data available")
NO_FUNDAMENTALS: Final = (10358, "Fundamentals data is not allowed.")


def _bulletins(desk: Desk, client: Client, request: Request) -> None:
    """With ``allMessages`` those of the day so far, then each as it comes."""
    client.bulletins = True
    if request.flag("allMessages"):
        for bulletin in desk.bulletins:
            desk.send_bulletin(client, bulletin)


def _cancel_bulletins(desk: Desk, client: Client, request: Request) -> None:
    client.bulletins = False


def _providers(desk: Desk, client: Client, request: Request) -> None:
    client.put(client.encoder.listed(NEWS_PROVIDERS, (), ()))


def _article(desk: Desk, client: Client, request: Request) -> None:
    desk.error(client, request.request_id, *NO_ARTICLE)


def _headlines(desk: Desk, client: Client, request: Request) -> None:
    if desk.by_con_id(request.number("conId")) is None:
        desk.error(client, request.request_id, *invalid("Invalid contract id"))
        return
    desk.error(client, request.request_id, *NO_NEWS)


def _events(desk: Desk, client: Client, request: Request) -> None:
    desk.error(client, request.request_id, *NO_NEWS)


def _fundamentals(desk: Desk, client: Client, request: Request) -> None:
    """Reports are asked about stocks alone, and refused before anything is looked up."""
    if request.contract is None or request.contract.sec_type != "STK":
        desk.error(client, request.request_id, *WRONG_TYPE)
    elif described(desk, client, request) is not None:
        desk.error(client, request.request_id, *NO_FUNDAMENTALS)


ANSWERS: Final[Mapping[int, Answer]] = {
    12: _bulletins,
    13: _cancel_bulletins,
    52: _fundamentals,
    53: nothing,
    84: _article,
    85: _providers,
    86: _headlines,
    100: _events,
    101: nothing,
    102: _events,
    103: nothing,
}
