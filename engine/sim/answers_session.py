"""Answers about the session itself: its clock, its user, its settings, its windows."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from engine.sim.answers import DUPLICATE_REQUEST, Answer, invalid, nothing
from engine.sim.client import Client
from engine.sim.desk import Desk
from engine.sim.policies import NO_MASTER
from engine.sim.wire_lists import FAMILY_CODES, SOFT_DOLLAR_TIERS
from engine.sim.wire_messages import (
    CONFIG,
    CONFIG_UPDATED,
    CURRENT_TIME,
    CURRENT_TIME_MS,
    DISPLAY_GROUP_UPDATED,
    DISPLAY_GROUPS,
    USER_INFO,
)
from engine.sim.wire_requests import Request
from engine.sim.wire_time import SECOND_NS

GROUPS: Final = range(1, 8)  # of windows that show the same contract
NO_CONTRACT: Final = "none"  # what a group shows that shows nothing
NOT_AN_ADVISOR: Final = invalid("FA data operations ignored for non FA customers.")
UNVERIFIED: Final = invalid(
    "Intent to authenticate needs to be expressed during initial connect request."
)
OUT_OF_SEQUENCE: Final = (10095, "Verify message is out of sequence.")


def _current_time(desk: Desk, client: Client, request: Request) -> None:
    client.send(CURRENT_TIME, desk.now_ns // SECOND_NS)


def _current_time_ms(desk: Desk, client: Client, request: Request) -> None:
    client.send(CURRENT_TIME_MS, desk.now_ns // 1_000_000)


def _advisor(desk: Desk, client: Client, request: Request) -> None:
    desk.error(client, request.request_id, *NOT_AN_ADVISOR)


def _verify(desk: Desk, client: Client, request: Request) -> None:
    desk.error(client, -1, *UNVERIFIED)


def _verify_message(desk: Desk, client: Client, request: Request) -> None:
    desk.error(client, -1, *OUT_OF_SEQUENCE)


def _soft_dollar_tiers(desk: Desk, client: Client, request: Request) -> None:
    client.put(client.encoder.listed(SOFT_DOLLAR_TIERS, (request.request_id,), ()))


def _family_codes(desk: Desk, client: Client, request: Request) -> None:
    """The one account, which belongs to no family."""
    client.put(client.encoder.listed(FAMILY_CODES, (), [(desk.account, "")]))


def _user_info(desk: Desk, client: Client, request: Request) -> None:
    client.send(USER_INFO, request.request_id, "")


def _config(desk: Desk, client: Client, request: Request) -> None:
    master = desk.exchange.policies.master_client_id
    client.send(
        CONFIG, request.request_id, False, None if master == NO_MASTER else master, True, True
    )


def _update_config(desk: Desk, client: Client, request: Request) -> None:
    why = "The settings of the simulator are those it was started with."
    client.send(CONFIG_UPDATED, request.request_id, "rejected", why)


# -- display groups --------------------------------------------------------------------------------


def _groups(desk: Desk, client: Client, request: Request) -> None:
    client.send(DISPLAY_GROUPS, request.request_id, "|".join(map(str, GROUPS)))


def _watch_group(desk: Desk, client: Client, request: Request) -> None:
    group = request.number("groupId")
    if request.request_id in client.groups:
        desk.error(client, request.request_id, *DUPLICATE_REQUEST)
    elif group not in GROUPS:
        desk.error(client, request.request_id, *invalid(f"Invalid group id {group}"))
    else:
        client.groups[request.request_id] = group
        shown = desk.groups.get(group, NO_CONTRACT)
        client.send(DISPLAY_GROUP_UPDATED, request.request_id, shown)


def _unwatched(desk: Desk, client: Client, request: Request) -> bool:
    """Whether the client watches no group under this id; then it has been told."""
    if request.request_id in client.groups:
        return False
    cause = f"No display group subscription found for id {request.request_id}"
    desk.error(client, request.request_id, *invalid(cause))
    return True


def _show(desk: Desk, client: Client, request: Request) -> None:
    """``conId`` or ``conId@exchange``; all who watch the group see the change."""
    if _unwatched(desk, client, request):
        return
    shown = request.word("contractInfo")
    number, at, venue = shown.partition("@")
    if shown != NO_CONTRACT:
        if not number.isascii() or not number.isdigit() or (at and not venue):
            cause = f"Invalid contract info '{shown[:40]}'"
            desk.error(client, request.request_id, *invalid(cause))
            return
        if desk.by_con_id(int(number[:18])) is None:
            desk.error(client, request.request_id, 473, f"Unknown contract: {shown[:40]}")
            return
    group = client.groups[request.request_id]
    desk.groups[group] = shown
    for one in desk.clients:
        for request_id, watched in one.groups.items() if one.ready else ():
            if watched == group:
                one.send(DISPLAY_GROUP_UPDATED, request_id, shown)


def _unwatch_group(desk: Desk, client: Client, request: Request) -> None:
    if not _unwatched(desk, client, request):
        del client.groups[request.request_id]


ANSWERS: Final[Mapping[int, Answer]] = {
    14: nothing,  # how much TWS logs
    18: _advisor,
    19: _advisor,
    49: _current_time,
    65: _verify,
    66: _verify_message,
    67: _groups,
    68: _watch_group,
    69: _show,
    70: _unwatch_group,
    72: _verify,
    73: _verify_message,
    79: _soft_dollar_tiers,
    80: _family_codes,
    104: _user_info,
    105: _current_time_ms,
    108: _config,
    109: _update_config,
}
