"""The session in the best case: from nothing to live, what it tells, and whose account it is."""

import time
from decimal import Decimal

import attrs
import pytest

from engine.broker.sync import ORDER_ID_FIRST
from engine.commands import Amend, Cancel, OrderSpec, Place, Snapshot
from engine.inputs import (
    AccountReported,
    AccountValue,
    ErrorReported,
    InstrumentDefined,
    OrderIdGranted,
    PositionReported,
    SessionChanged,
    SnapshotEnded,
    SnapshotStarted,
)
from tests.broker.live_session import changes, kinds, live, never, start, turn, until

D = Decimal
S = 1_000_000_000
SPEC = OrderSpec("BUY", D(100), "LMT", D("190.25"), None, "GTC", False, "DU1", "x-1")


def test_from_nothing_to_live(tws):
    session, out = live(tws, symbols=("AAPL", "MSFT"))
    assert changes(out) == ["START", "SOCKET_OPENED", "HANDSHAKE_DONE", "SYNCED"]
    assert {found.epoch for found in out if isinstance(found, SessionChanged)} == {0, 1}
    order = ["open_orders", "executions", "completed_orders", "positions"]
    assert kinds(out, SnapshotStarted) == order
    assert sorted(kinds(out, SnapshotEnded)) == sorted(order)
    assert {found.epoch for found in out if isinstance(found, SnapshotEnded)} == {1}
    assert [type(found) for found in out][-1] is SessionChanged
    defined = {f.instrument.symbol: f.instrument for f in out if isinstance(f, InstrumentDefined)}
    assert set(defined) == {"AAPL", "MSFT"}
    assert defined["AAPL"].grid.increment(D("0.5")) == D("0.0001")
    assert len(defined["AAPL"].sessions) == 2
    assert session.account == "DU1"
    assert len(tws.of(91)) == 1  # one rule, asked once for both


def test_own_open_orders_and_those_of_others_end_as_one_snapshot(tws):
    session, out = live(tws)
    assert tws.seen[5] == tws.seen[16] == 1
    assert kinds(out, SnapshotEnded).count("open_orders") == 1
    session.stop()


def test_account_values_are_asked_and_told(tws):
    session, out = live(tws)
    until(session, lambda out: any(isinstance(f, AccountReported) for f in out), out)
    assert tws.of(6)[0][1:] == ["1", "DU1"]


def test_what_comes_together_about_an_account_is_one_input_behind_the_others(tws):
    session, _ = live(tws)
    values = [
        ("NetLiquidation", "1000.5", "USD", "DU1"),
        ("Cushion", "1", "", "DU1"),
        ("NetLiquidation", "7", "USD", "DU2"),
        ("BuyingPower", "4000", "USD", "DU1"),
    ]
    position = (61, "DU1", 265598, "AAPL", "STK", "USD", "-100", 190.25)
    now = time.monotonic_ns()
    out = session.hear([*((now, (6, *value)) for value in values), (now, position)])
    assert [type(one) for one in out] == [PositionReported, AccountReported, AccountReported]
    equity, power = (
        AccountValue("NetLiquidation", "1000.5", "USD"),
        AccountValue("BuyingPower", "4000", "USD"),
    )
    assert out[1:] == [
        AccountReported("DU1", (equity, power)),
        AccountReported("DU2", (AccountValue("NetLiquidation", "7", "USD"),)),
    ]
    session.stop()


def test_order_ids_begin_above_request_ids(tws):
    session, out = live(tws)
    assert OrderIdGranted(ORDER_ID_FIRST) in out
    tws.say(*[b"\x00\x00\x00\x0c9\x001\x005000000\x00"])
    until(session, lambda out: OrderIdGranted(5_000_000) in out)
    data_ids = [int(fields[1]) for fields in tws.of(1)]
    assert all(0 < number < ORDER_ID_FIRST for number in data_ids)


def test_the_exchange_clock_is_that_of_tws(tws):
    session, _ = live(tws)
    now = time.monotonic_ns()
    assert abs(session.exchange_clock.now_ns(now) - 1_767_623_400 * S) < 10 * S


def test_market_data_reach_the_market_and_never_python(tws, wire):
    tws.answers[1] = lambda f: [
        wire(1, 6, f[1], 1, 190.1, 100, 0),
        wire(1, 6, f[1], 2, 190.2, 5, 0),
    ]
    session, _ = live(tws)
    row = session.rows["AAPL"]
    until(session, lambda _: session.feed.ticks()["AAPL"] >= 2)
    assert session._market.instruments["bid"][row] == 190.1
    assert session._market.instruments["ask"][row] == 190.2


def test_history_warms_the_indicator(tws, wire):
    def bars(fields):
        request_id = fields[0] if fields[0].isdigit() else fields[1]
        rows = []
        for n in range(80):
            rows += [1_767_610_000 // 60 * 60 + 60 * n, 100.0, 101.0, 99.0, 100.5, "10", "100", 3]
        return [wire(17, request_id, "", "", 80, *rows)]

    tws.answers[20] = bars
    session, _ = live(tws)
    row = session.rows["AAPL"]
    until(session, lambda _: session._market.instruments["atr_ready"][row] == 1)
    assert session._market.instruments["atr"][row] == pytest.approx(2.0)
    assert not session.feed.unwarmed


def test_orders_amendments_and_cancels_leave_in_order(tws):
    session, _ = live(tws)
    first = ORDER_ID_FIRST
    assert session.perform(Place(first, "AAPL", SPEC)) == []
    session.perform(Amend(first, "AAPL", attrs.evolve(SPEC, quantity=D(50))))
    session.perform(Cancel(first))
    session.perform(Place(first + 1, "AAPL", attrs.evolve(SPEC, order_type="STP", aux_price=D(1))))
    assert tws.seen[3] == 0  # nothing leaves before flush
    session.flush(time.monotonic_ns())
    tws.wait_for(4)
    tws.wait_for(3, 3)
    assert [kind for kind, _ in tws.received if kind in (3, 4)] == [3, 3, 4, 3]
    assert [fields[0] for fields in tws.of(3)] == [str(first), str(first), str(first + 1)]


def test_an_order_that_cannot_be_written_is_refused_and_not_sent(tws):
    session, _ = live(tws)
    (refusal,) = session.perform(
        Place(ORDER_ID_FIRST, "AAPL", attrs.evolve(SPEC, order_ref="a\0b"))
    )
    assert isinstance(refusal, ErrorReported)
    assert (refusal.request_id, refusal.code) == (ORDER_ID_FIRST, 321)
    (unknown,) = session.perform(Place(ORDER_ID_FIRST + 1, "NVDA", SPEC))
    assert "NVDA is not defined" in unknown.text
    session.flush(time.monotonic_ns())
    session.perform(Snapshot("positions"))
    session.flush(time.monotonic_ns())
    tws.wait_for(61, 2)
    assert tws.seen[3] == 0


def test_a_snapshot_on_request_ends_with_the_last_answer(tws):
    session, _ = live(tws)
    tws.answers[61] = lambda _: []
    assert session.perform(Snapshot("positions")) == [SnapshotStarted("positions", 1)]
    assert session.perform(Snapshot("positions")) == [SnapshotStarted("positions", 1)]
    end = b"\x00\x00\x00\x0562\x001\x00"
    session.flush(time.monotonic_ns())
    tws.wait_for(61, 3)
    tws.say(end)
    out = []
    for _ in range(3):
        out += turn(session)
    assert kinds(out, SnapshotEnded) == []
    tws.say(end)
    until(session, lambda out: kinds(out, SnapshotEnded) == ["positions"])
    tws.say(end)  # nobody waits for this one
    assert kinds(turn(session), SnapshotEnded) == []


def test_executions_of_an_older_question_do_not_end_a_newer_one(tws):
    session, _ = live(tws)
    tws.answers[7] = lambda _: []
    session.perform(Snapshot("executions"))
    session.perform(Snapshot("executions"))
    session.flush(time.monotonic_ns())
    tws.wait_for(7, 3)
    older, newer = (fields[1] for fields in tws.of(7)[1:])
    tws.say(tws_end(older))
    assert kinds(turn(session), SnapshotEnded) == []
    tws.say(tws_end(newer))
    until(session, lambda out: kinds(out, SnapshotEnded) == ["executions"])


def tws_end(request_id):
    body = f"55\0{1}\0{request_id}\0".encode()
    return len(body).to_bytes(4, "big") + body


def refusal(session):
    """Why the account was refused."""
    assert changes(session.connect(never))[-1] == "HANDSHAKE_FAILED"
    return str(session.problem)


def test_a_live_account_needs_to_be_meant(tws):
    tws.accounts = "U7654321"
    for settings in ({}, {"live": True}, {"account": "U7654321"}):
        why = refusal(start(tws, **settings))
        assert why.startswith("U7654321 is a live account: set broker.live = true")
    session = start(tws, live=True, account="U7654321")
    assert changes(session.connect(never))[-1] == "HANDSHAKE_DONE"
    session.stop()


def test_several_accounts_need_a_choice(tws):
    tws.accounts = "DU1,DU2"
    assert "DU1, DU2: name one" in refusal(start(tws))
    assert "DU9 is not among the accounts" in refusal(start(tws, account="DU9"))
    session = start(tws, account="DU2")
    session.connect(never)
    assert session.account == "DU2"
    session.stop()


def test_nothing_is_sent_for_an_account_that_is_refused(tws):
    tws.accounts = "U7654321"
    refusal(start(tws))
    assert {kind for kind, _ in tws.received} <= {71, 49}
