"""Syncs that do not end, and messages that cannot be read."""

import time
from decimal import Decimal

from engine.broker.sockets import Sockets
from engine.commands import Snapshot
from engine.inputs import (
    SnapshotEnded,
    SnapshotStarted,
)
from statecharts.vocabulary import SessionState
from tests.broker.conftest import EPOCH_S
from tests.broker.live_session import changes, kinds, live, never, start, until

D = Decimal
S = 1_000_000_000


def test_a_snapshot_that_does_not_end_degrades_asks_again_and_then_reconnects(tws):
    tws.answers[61] = lambda _: []
    session = start(tws, sync_timeout_s=4.0, heartbeat_s=1000.0)
    session.connect(never)
    until(session, lambda _: session._missing(session.link) == ["positions"])
    for attempt in range(2):
        (overdue,) = session.on_time(session._sync_ns)
        assert overdue.event == "SYNC_OVERDUE"
        assert overdue.detail == "positions did not end in 4 s"
        assert session.state is SessionState.DEGRADED
        out = session.on_time(session._retry_ns)
        assert changes(out) == ["RETRY"]
        assert session.state is SessionState.SYNCING
        until(session, lambda _, n=attempt: session._missing(session.link) == ["positions"])
    assert changes(session.on_time(session._sync_ns)) == ["SOCKET_CLOSED"]


def test_a_sync_that_was_overdue_may_end_later(tws):
    silent = tws.answers[61]
    tws.answers[61] = lambda _: []
    session = start(tws, sync_timeout_s=4.0, heartbeat_s=1000.0)
    session.connect(never)
    until(session, lambda _: session._missing(session.link) == ["positions"])
    session.on_time(session._sync_ns)
    tws.answers[61] = lambda _: [*silent(_), *silent(_)]
    session.on_time(session._retry_ns)
    until(session, lambda _: session.state is SessionState.LIVE)


class Ahead(Sockets):
    """This machine's clock, set forward at will."""

    ahead_ns = 0

    def monotonic_ns(self):
        return time.monotonic_ns() + self.ahead_ns


def test_an_end_that_never_comes_does_not_keep_all_later_answers_from_counting(tws):
    """Ends are told apart by their order alone: after a lost one the connection is given up."""
    session, _ = live(tws, sync_timeout_s=4.0, heartbeat_s=1000.0)
    session.transport = clock = Ahead()
    complete = tws.answers[61]
    tws.answers[61] = lambda _: []
    assert kinds(session.perform(Snapshot("positions")), SnapshotStarted) == ["positions"]
    session.flush(time.monotonic_ns())
    until(session, lambda _: tws.seen[61] == 2)
    tws.answers[61] = complete
    clock.ahead_ns = 11 * S
    assert kinds(session.perform(Snapshot("positions")), SnapshotStarted) == ["positions"]
    clock.ahead_ns = 13 * S
    (lost,) = session.perform(Snapshot("positions"))
    assert (lost.event, session.state) == ("SOCKET_CLOSED", SessionState.LOST)
    assert lost.detail == "positions did not end in 12 s: connecting anew"


def test_executions_are_told_apart_by_their_number(tws):
    session, _ = live(tws, sync_timeout_s=4.0, heartbeat_s=1000.0)
    session.transport = Ahead()
    complete = tws.answers[7]
    tws.answers[7] = lambda _: []
    session.perform(Snapshot("executions"))
    session.flush(time.monotonic_ns())
    until(session, lambda _: tws.seen[7] == 2)
    tws.answers[7] = complete
    session.transport.ahead_ns = 100 * S
    out = session.perform(Snapshot("executions"))
    session.flush(time.monotonic_ns())
    until(session, lambda out: kinds(out, SnapshotEnded) == ["executions"], out)


def test_an_unreadable_message_is_counted_and_the_truth_is_asked(tws, wire):
    session, _ = live(tws)
    tws.say(wire(3, 7, "Submitted", "many", "100", 0, 555, 0, 0, 17, "", 0))
    until(session, lambda _: session.unreadable.total() == 1)
    out = session.on_time(session._query_ns)
    assert len(kinds(out, SnapshotStarted)) == 4
    until(session, lambda out: len(kinds(out, SnapshotEnded)) == 4)
    assert session.state is SessionState.LIVE


def test_questions_about_unreadable_messages_slow_down(tws):
    session, _ = live(tws)
    now, pauses = time.monotonic_ns(), []
    for _ in range(9):
        session.hear([(now, ("bad", "field missing", b"x"))])
        pauses.append((session._query_ns - now) / S)
        session._query_ns = None
    assert pauses == [0.5, 1, 2, 4, 8, 16, 32, 60, 60]


def test_stop_closes_and_ends_the_chart(tws):
    session, _ = live(tws)
    assert changes(session.stop()) == ["STOP"]
    assert session.state is SessionState.STOPPED
    assert session.next_deadline_ns() is None
    assert session.on_time(time.monotonic_ns()) == []


def test_trades_come_from_the_last_price_where_tick_by_tick_is_refused(tws, wire):
    """10190: no more streams of ticks than a third of the lines. Bars go on, and with them the
    indicators; before, they stood still for as long as the connection lived."""
    tws.answers[97] = lambda f: [wire(4, 2, f[0], 10190, "max number of tick-by-tick requests", "")]
    session, _ = live(tws, tick_by_tick_max=1, retry_first_s=0.01)
    until(session, lambda _: session.feed.refused)
    row, market = session.feed.rows["AAPL"], session._market
    lines = tws.of(1)[-1][1]
    tws.say(wire(1, 6, lines, 4, 190.25, 100, 0))
    until(session, lambda _: market.view(row)[2] == 190.25)
    bar = market.bar_in_progress(row)
    assert bar is not None
    assert bar["close"] == 190.25

    del tws.answers[97]
    tws.drop()
    until(session, lambda out: "SOCKET_CLOSED" in changes(out))
    session.on_time(session.next_deadline_ns())
    out = session.connect(never)
    until(session, lambda _: session.state is SessionState.LIVE, out)
    tws.wait_for(97, 2)
    lines, ticks = tws.of(1)[-1][1], tws.of(97)[-1][0]
    tws.say(wire(1, 6, lines, 4, 190.5, 100, 0))
    until(session, lambda _: market.view(row)[2] == 190.5)
    assert market.bar_in_progress(row)["close"] == 190.25  # what streams is the better source
    tws.say(wire(99, ticks, 1, EPOCH_S + 1, 190.75, 10, 0, "ISLAND", ""))
    until(session, lambda _: market.bar_in_progress(row)["close"] == 190.75)
    session.stop()
