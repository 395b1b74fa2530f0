"""Answers about the account: values, positions, profit."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from engine.sim.answers import DUPLICATE_REQUEST, Answer, invalid
from engine.sim.client import Client, ProfitFeed, ValueFeed
from engine.sim.desk import Desk
from engine.sim.wire_messages import (
    ACCOUNT_END,
    ACCOUNT_MULTI_END,
    ACCOUNT_SUMMARY_END,
    MANAGED_ACCOUNTS,
    POSITIONS_END,
    POSITIONS_MULTI_END,
)
from engine.sim.wire_requests import Request

SUMMARIES_MAX: Final = 2  # at once, of one client
FEEDS_MAX: Final = 1000  # positions, values and profits under request ids, all together
SUMMARY_TAGS_ALL: Final = ("$LEDGER", "All")


def _managed_accounts(desk: Desk, client: Client, request: Request) -> None:
    client.send(MANAGED_ACCOUNTS, desk.account)


def _foreign(desk: Desk, client: Client, request: Request, account: str) -> bool:
    """Whether ``account`` is not ours; then the client has been told. Empty means ours."""
    if account in ("", desk.account):
        return False
    desk.error(client, request.request_id, *invalid(f"Invalid account code '{account}'."))
    return True


def _refuse(desk: Desk, client: Client, request: Request, what: str) -> None:
    cause = f"Maximum number of {what} requests exceeded; desubscribe to previous request first."
    text = f"Error processing request.-'bT' : cause - {cause}"
    desk.error(client, request.request_id, 322, text)


def _full(desk: Desk, client: Client, request: Request) -> bool:
    """Whether the client has so many feeds that it gets no other; then it has been told."""
    feeds = len(client.positions_multi) + len(client.multis) + len(client.profits)
    if feeds < FEEDS_MAX:
        return False
    _refuse(desk, client, request, "account")
    return True


def _account_updates(desk: Desk, client: Client, request: Request) -> None:
    if _foreign(desk, client, request, request.word("acctCode")):
        return
    if not request.flag("subscribe"):
        client.updates = None
        return
    client.updates = ValueFeed(-1, desk.account)
    client.portfolio.clear()
    for held in desk.exchange.positions():
        desk.send_holding(client, held.instrument.symbol)
    desk.send_updates(client, client.updates, desk.exchange.account_values())
    client.send(ACCOUNT_END, desk.account)


def _positions(desk: Desk, client: Client, request: Request) -> None:
    client.positions = True
    for held in desk.distortion.positions(desk.exchange.positions()):
        row = (held.instrument, held.quantity, held.average_cost)
        client.put(client.encoder.position(desk.account, *row))
    client.send(POSITIONS_END)


def _cancel_positions(desk: Desk, client: Client, request: Request) -> None:
    client.positions = False


def _positions_multi(desk: Desk, client: Client, request: Request) -> None:
    if _foreign(desk, client, request, request.word("account")) or _full(desk, client, request):
        return
    client.positions_multi[request.request_id] = desk.account
    for held in desk.distortion.positions(desk.exchange.positions()):
        row = (held.instrument, held.quantity, held.average_cost)
        client.put(client.encoder.position_multi(request.request_id, desk.account, *row))
    client.send(POSITIONS_MULTI_END, request.request_id)


def _cancel_positions_multi(desk: Desk, client: Client, request: Request) -> None:
    client.positions_multi.pop(request.request_id, None)


def _account_summary(desk: Desk, client: Client, request: Request) -> None:
    if request.request_id in client.summaries:
        desk.error(client, request.request_id, *DUPLICATE_REQUEST)
        return
    if len(client.summaries) >= SUMMARIES_MAX:
        _refuse(desk, client, request, "account summary")
        return
    tags = frozenset(tag.strip() for tag in request.word("tags").split(",") if tag.strip())
    every = any(tag.startswith(SUMMARY_TAGS_ALL) for tag in tags)
    feed = ValueFeed(request.request_id, desk.account, None if every else tags)
    client.summaries[request.request_id] = feed
    desk.send_summary(client, feed, desk.exchange.account_values())
    client.send(ACCOUNT_SUMMARY_END, request.request_id)


def _cancel_account_summary(desk: Desk, client: Client, request: Request) -> None:
    client.summaries.pop(request.request_id, None)


def _account_multi(desk: Desk, client: Client, request: Request) -> None:
    if _foreign(desk, client, request, request.word("account")) or _full(desk, client, request):
        return
    feed = ValueFeed(request.request_id, desk.account)
    client.multis[request.request_id] = feed
    desk.send_multi(client, feed, desk.exchange.account_values())
    client.send(ACCOUNT_MULTI_END, request.request_id)


def _cancel_account_multi(desk: Desk, client: Client, request: Request) -> None:
    client.multis.pop(request.request_id, None)


def _profit(desk: Desk, client: Client, request: Request) -> None:
    if _foreign(desk, client, request, request.word("account")) or _full(desk, client, request):
        return
    con_id = request.number("conId") if request.id == 94 else None
    if con_id is not None and desk.by_con_id(con_id) is None:
        desk.error(client, request.request_id, *invalid(f"Invalid conid: {con_id}"))
        return
    if request.request_id in client.profits:
        desk.error(client, request.request_id, *DUPLICATE_REQUEST)
        return
    feed = client.profits[request.request_id] = ProfitFeed(request.request_id, desk.account, con_id)
    desk.send_profit(client, feed)


def _cancel_profit(desk: Desk, client: Client, request: Request) -> None:
    client.profits.pop(request.request_id, None)


ANSWERS: Final[Mapping[int, Answer]] = {
    6: _account_updates,
    17: _managed_accounts,
    61: _positions,
    62: _account_summary,
    63: _cancel_account_summary,
    64: _cancel_positions,
    74: _positions_multi,
    75: _cancel_positions_multi,
    76: _account_multi,
    77: _cancel_account_multi,
    92: _profit,
    93: _cancel_profit,
    94: _profit,
    95: _cancel_profit,
}
