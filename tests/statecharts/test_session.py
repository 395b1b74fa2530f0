"""The rows of a broker session, each stated by hand."""

from __future__ import annotations

import pytest

from statecharts.lower import table
from statecharts.session import SessionChart
from statecharts.vocabulary import SessionEvent, SessionState

ROWS = [
    ("idle", "start", "connecting"),
    ("connecting", "socket_opened", "handshaking"),
    ("handshaking", "handshake_done", "syncing"),
    ("syncing", "synced", "live"),
    ("live", "stop", "stopped"),
    # refused, in use, reset
    ("connecting", "connect_failed", "lost"),
    ("connecting", "socket_closed", "lost"),
    ("handshaking", "handshake_failed", "lost"),
    ("handshaking", "socket_closed", "lost"),
    ("lost", "retry", "connecting"),
    # the link between TWS and the broker breaks: 1100 repeats, 1101 and 1102 mean a new sync
    ("live", "upstream_lost", "degraded"),
    ("degraded", "upstream_lost", "degraded"),
    ("degraded", "upstream_restored", "syncing"),
    ("live", "upstream_restored", "syncing"),
    ("syncing", "upstream_lost", "degraded"),
    ("syncing", "upstream_restored", "syncing"),
    ("handshaking", "upstream_lost", "handshaking"),
    # a snapshot that never ends: ask again on the same socket
    ("syncing", "sync_overdue", "degraded"),
    ("degraded", "retry", "syncing"),
    # half-open
    ("live", "heartbeat_missed", "lost"),
    ("syncing", "heartbeat_missed", "lost"),
    ("degraded", "heartbeat_missed", "lost"),
    ("degraded", "socket_closed", "lost"),
    ("lost", "socket_closed", "lost"),
    ("lost", "heartbeat_missed", "lost"),
    # never
    ("handshaking", "synced", None),
    ("degraded", "synced", None),
    ("live", "start", None),
    ("lost", "socket_opened", None),
    ("live", "retry", None),
    ("stopped", "start", None),
    ("stopped", "retry", None),
]


@pytest.mark.parametrize(("state", "event", "expected"), ROWS)
def test_row(step_in, state: str, event: str, expected: str | None) -> None:
    assert step_in(SessionChart, "session")(state, event) == expected


def test_nothing_is_live_without_a_sync() -> None:
    lowered = table(SessionChart)
    ways = {
        (state, event)
        for state in SessionState
        for event in SessionEvent
        if lowered.step((state,), event) == (SessionState.LIVE,)
    }
    assert ways == {(SessionState.SYNCING, SessionEvent.SYNCED)}


@pytest.mark.parametrize("state", [s for s in SessionState if s != SessionState.STOPPED])
def test_it_can_be_stopped_anywhere(state: SessionState) -> None:
    assert table(SessionChart).step((state,), SessionEvent.STOP) == (SessionState.STOPPED,)
