"""Connections and links that are lost, and how the session comes back."""

import os
import time
from decimal import Decimal

import pytest

from engine.broker.sync import ORDER_ID_FIRST
from engine.capture import Capture
from engine.commands import Cancel
from engine.inputs import (
    ErrorReported,
    SnapshotEnded,
)
from statecharts.vocabulary import SessionState
from tests.broker.live_session import changes, kinds, live, never, start, until

D = Decimal
S = 1_000_000_000


def test_a_closed_socket_is_a_new_epoch_with_a_new_sync(tws):
    session, _ = live(tws, retry_first_s=0.01)
    tws.drop()
    out = until(session, lambda out: "SOCKET_CLOSED" in changes(out))
    assert session.state is SessionState.LOST
    assert session.reader is None
    assert session.closed("again") == []
    assert session.perform(Cancel(ORDER_ID_FIRST)) == []
    assert session.dropped == 1
    session.on_time(session.next_deadline_ns())
    out = session.connect(never)
    until(session, lambda _: session.state is SessionState.LIVE, out)
    assert {f.epoch for f in out if isinstance(f, SnapshotEnded)} == {2}
    assert len(kinds(out, SnapshotEnded)) == 4
    assert tws.seen[1] == 2 or until(session, lambda _: tws.seen[1] == 2) is not None
    assert session._retry_ns is None


@pytest.mark.parametrize("listed", ["", "DU2"])  # a gateway that starts lists none for a while
def test_a_login_without_the_account_is_waited_out(tws, listed):
    session, _ = live(tws, retry_first_s=0.01)
    until(session, lambda _: tws.seen[1] and tws.seen[20])  # all that a live session asks
    tws.accounts = listed
    tws.drop()
    until(session, lambda out: "SOCKET_CLOSED" in changes(out))
    asked = len(tws.received)
    session.on_time(session.next_deadline_ns())
    assert changes(session.connect(never))[-1] == "HANDSHAKE_FAILED"
    assert "DU1 is not among the accounts" in str(session.problem)
    assert {kind for kind, _ in tws.received[asked:]} <= {71, 49}
    tws.accounts = "DU1"
    session.on_time(session.next_deadline_ns())
    out = session.connect(never)
    until(session, lambda _: session.state is SessionState.LIVE, out)
    session.stop()


def test_messages_of_a_connection_that_is_gone_change_nothing(tws):
    session, _ = live(tws)
    session.closed("test")
    assert session.hear([(time.monotonic_ns(), (53,))]) == []


def test_a_heartbeat_without_an_answer_is_a_lost_connection(tws):
    session, _ = live(tws, heartbeat_s=5.0, heartbeat_timeout_s=3.0)
    tws.answers[49] = lambda _: []
    now = time.monotonic_ns() + 5 * S
    assert changes(session.on_time(now)) == []
    tws.wait_for(49, 2)
    assert changes(session.on_time(now + 3 * S - 1)) == []
    assert changes(session.on_time(now + 3 * S)) == ["HEARTBEAT_MISSED"]
    assert session.state is SessionState.LOST


def test_answered_heartbeats_go_on(tws):
    session, _ = live(tws, heartbeat_s=5.0, heartbeat_timeout_s=3.0)
    now = time.monotonic_ns()
    for beat in range(1, 4):
        now += 5 * S
        session.on_time(now)
        tws.wait_for(49, 1 + beat)
        until(session, lambda _: session._answer_ns is None)
    assert session.state is SessionState.LIVE


def test_upstream_lost_and_restored_is_synced_anew(tws, wire):
    session, _ = live(tws)
    tws.say(*[wire(4, 2, -1, 1100, "Connectivity lost", "")] * 3)
    out = until(session, lambda _: session.state is SessionState.DEGRADED)
    assert changes(out) == ["UPSTREAM_LOST"]  # told once, whatever it repeats
    assert ErrorReported(-1, 1100, "Connectivity lost") in out
    tws.say(wire(4, 2, -1, 1102, "restored, data maintained", ""))
    out = until(session, lambda _: session.state is SessionState.LIVE)
    assert changes(out) == ["UPSTREAM_RESTORED", "SYNCED"]
    assert len(kinds(out, SnapshotEnded)) == 4
    assert tws.seen[1] == 1


def test_who_is_greeted_with_a_lost_upstream_is_not_live_until_it_is_back(tws, wire):
    granted = tws.answers[71]
    tws.answers[71] = lambda f: [*granted(f), wire(4, 2, -1, 1100, "Connectivity lost", "")]
    session = start(tws)
    out = session.connect(never)
    until(session, lambda _: session.state is SessionState.DEGRADED, out)  # all is answered
    assert changes(out)[-2:] == ["HANDSHAKE_DONE", "UPSTREAM_LOST"]
    tws.wait_for(1)  # data are asked for: they prove the link, if nothing else does
    tws.say(wire(4, 2, -1, 1102, "restored, data maintained", ""))
    out = until(session, lambda _: session.state is SessionState.LIVE)
    assert changes(out) == ["UPSTREAM_RESTORED", "SYNCED"]
    assert tws.seen[1] == 1
    session.stop()


def test_what_is_lost_while_it_is_synced_is_proven_by_data_that_are_asked_for(tws, wire):
    """1100 while the first questions are answered, and never a closing code (seed 332)."""
    positions = tws.answers.pop(61)
    session = start(tws, heartbeat_s=10_000.0)
    session.connect(never)
    tws.wait_for(61)
    tws.say(wire(4, 2, -1, 1100, "Connectivity lost", ""), *positions([]))
    degraded = SessionState.DEGRADED
    until(session, lambda _: session.state is degraded and not session._missing(session.link))
    tws.answers[61] = positions
    assert tws.seen[1] == 0
    due = session.feed.proof_due_ns
    assert due is not None
    assert session.next_deadline_ns() <= due
    session._beat_ns = due
    session.on_time(due)
    tws.wait_for(1)
    tws.say(wire(1, 6, tws.of(1)[0][1], 1, 190.1, 100, 0))
    until(session, lambda _: session.feed.ticks()["AAPL"] == 1)
    session._beat_ns = due
    out = session.on_time(due)
    assert changes(out) == ["UPSTREAM_RESTORED"]
    until(session, lambda _: session.state is SessionState.LIVE, out)
    assert changes(out) == ["UPSTREAM_RESTORED", "SYNCED"]
    assert tws.seen[1] == 1
    session.stop()


def test_executions_are_told_whatever_the_link_says(tws, wire):
    session, _ = live(tws)
    tws.say(wire(4, 2, -1, 1100, "lost", ""))
    until(session, lambda _: session.state is SessionState.DEGRADED)
    fields = [11, -1, 7, 265598, "AAPL", "STK", "", 0, "", "", "ISLAND", "USD", "AAPL", "NMS"]
    fields += ["e.01.01", "20260105 09:30:00 US/Eastern", "DU1", "ISLAND", "BOT", "100", 190.1, 555]
    fields += [17, 0, "100", 190.1, "ref", "", "", "", 1, 0]
    tws.say(wire(*fields))
    out = until(session, lambda out: any(type(f).__name__ == "ExecutionReported" for f in out))
    assert out[-1].quantity == 100


def test_1101_subscribes_data_anew(tws, wire):
    session, _ = live(tws)
    tws.wait_for(1)
    tws.say(wire(4, 2, -1, 1100, "lost", ""), wire(4, 2, -1, 1101, "restored, data lost", ""))
    until(session, lambda _: tws.seen[1] == 2 and session.state is SessionState.LIVE)
    first, second = (fields[1] for fields in tws.of(1))
    assert first != second
    assert tws.seen[2] == 0


def test_1102_that_lies_is_found_out_and_data_are_subscribed_anew(tws, wire):
    session, _ = live(tws, symbols=("AAPL", "MSFT"))
    until(session, lambda _: tws.seen[1] == 2)
    tws.say(wire(4, 2, -1, 1102, "restored, data maintained", ""))
    until(session, lambda out: changes(out)[-1:] == ["SYNCED"])
    apple = tws.of(1)[0][1]
    tws.say(wire(1, 6, apple, 1, 190.1, 100, 0))
    until(session, lambda _: session.feed.ticks()["AAPL"] == 1)
    due = session.feed.proof_due_ns
    session._beat_ns = due + S
    session.on_time(due)
    tws.wait_for(1, 3)
    assert [fields[1] for fields in tws.of(2)] == [tws.of(1)[1][1]]  # MSFT, which was mute
    assert tws.of(1)[2][3] == "MSFT"


@pytest.mark.parametrize("link", ["whole", "said to be lost"])
def test_refused_data_are_asked_for_again_ever_more_slowly(tws, wire, link):
    """A contract that TWS had forgotten for a moment; only data show that a lost link is back."""
    session, _ = live(tws, heartbeat_s=10_000.0)
    pauses = []
    for attempt in (1, 2, 3):
        tws.wait_for(1, attempt)
        number = tws.of(1)[-1][1]
        tws.say(wire(4, 2, number, 200, "No security definition has been found", ""))
        begun = time.monotonic_ns()
        until(session, lambda _: session.feed.proof_due_ns is not None)
        assert session.feed.refused == {"AAPL": (200, "No security definition has been found")}
        if link == "said to be lost" and attempt == 1:
            tws.say(wire(4, 2, -1, 1100, "lost", ""))
            until(session, lambda _: session.state is SessionState.DEGRADED)
        due = session.feed.proof_due_ns
        assert session.next_deadline_ns() <= due
        pauses.append(round((due - begun) / S / 10) * 10)
        session.on_time(due)
    tws.wait_for(1, 4)
    assert pauses == [20, 40, 80]
    assert not session.feed.refused  # as far as is known, now that they have been asked for again
    tws.say(wire(1, 6, tws.of(1)[-1][1], 1, 190.1, 100, 0))
    until(session, lambda _: session.feed.ticks()["AAPL"] == 1)


def test_2110_ends_with_a_farm_or_with_data(tws, wire):
    session, _ = live(tws)
    tws.say(wire(4, 2, -1, 2110, "broken", ""))
    until(session, lambda _: session.state is SessionState.DEGRADED)
    tws.say(wire(4, 2, -1, 2104, "Market data farm connection is OK:usfarm", ""))
    out = until(session, lambda _: session.state is SessionState.LIVE)
    assert changes(out) == ["UPSTREAM_RESTORED", "SYNCED"]
    assert session.upstream.farms == {"usfarm": True}


def test_data_that_flow_prove_the_link_whatever_codes_are_missing(tws, wire):
    session, _ = live(tws)
    tws.wait_for(1)
    request_id = tws.of(1)[0][1]
    tws.say(wire(4, 2, -1, 1100, "lost", ""))
    until(session, lambda _: session.state is SessionState.DEGRADED)
    now = time.monotonic_ns()
    session.on_time(now + 6 * S)
    assert session.state is SessionState.DEGRADED
    until(session, lambda _: session._answer_ns is None)
    tws.say(wire(1, 6, request_id, 1, 190.1, 100, 0))
    until(session, lambda _: session.feed.ticks()["AAPL"] == 1)
    assert changes(session.on_time(now + 12 * S)) == ["UPSTREAM_RESTORED"]


def test_farms_are_known_by_name(tws, wire):
    session, _ = live(tws)
    tws.say(wire(4, 2, -1, 2103, "Market data farm connection is broken:usfarm", ""))
    until(session, lambda _: session.upstream.farms == {"usfarm": False})
    tws.say(wire(4, 2, -1, 2104, "Market data farm connection is OK:usfarm", ""))
    until(session, lambda _: session.upstream.farms == {"usfarm": True})
    assert session.state is SessionState.LIVE


@pytest.mark.parametrize("when", ["while it connects", "while it is live"])
def test_a_disk_that_is_full_ends_the_recording_and_no_session(tws, tmp_path, when, caplog):
    def fill():
        full = os.open("/dev/full", os.O_WRONLY)
        os.dup2(full, capture.fd)
        os.close(full)

    capture = Capture(tmp_path / "wire")
    session = start(tws, retry_first_s=0.01)
    session.capture = session.feed.capture = capture
    if when == "while it connects":
        fill()
    out = session.connect(never)
    until(session, lambda _: session.state is SessionState.LIVE, out)
    if when == "while it is live":
        fill()
        session.feed.demand_proof(0)  # what is mute is asked for under a new number
        until(session, lambda _: tws.seen[1] == 2)
    assert session.state is SessionState.LIVE
    assert not capture.going
    assert caplog.text.count("recording stopped: No space left on device") == 1
    tws.drop()
    until(session, lambda out: "SOCKET_CLOSED" in changes(out))
    session.on_time(session.next_deadline_ns())
    out = session.connect(never)
    until(session, lambda _: session.state is SessionState.LIVE, out)
    assert session.reader.record_errno == 0  # nothing is written behind what may be half a record
    session.stop()
    capture.close()


@pytest.mark.parametrize("order_id", [-5, 2**31 - 1])
def test_an_order_with_a_number_that_cannot_be_sent_is_told_and_ends_nothing(tws, order_id, caplog):
    """TWS gives orders of a person negative numbers once they are bound, and a copy that a person
    makes of an order of ours carries its reference."""
    session, _ = live(tws)
    assert session.perform(Cancel(order_id)) == []
    assert f"order {order_id} cannot be cancelled" in caplog.text
    assert len(session.link.pacer) == 0
    session.stop()


@pytest.mark.parametrize("kind", [49, 109])
@pytest.mark.parametrize("told", [-1, 2**62, 2**63 - 1])
def test_a_time_that_tws_cannot_mean_moves_no_clock(tws, wire, kind, told):
    session, _ = live(tws)
    before = session.exchange_clock.anchor
    version = (1,) if kind == 49 else ()
    tws.say(wire(kind, *version, told))
    until(session, lambda _: session.unreadable)
    assert session.exchange_clock.anchor == before
    assert session.state is SessionState.LIVE
    session.stop()
