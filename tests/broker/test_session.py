"""The session over real loopback sockets; time is passed in, so nothing here waits for it."""

import time
from decimal import Decimal

import attrs
import pytest

from _fast import reader as fast_reader
from _fast.market import Market
from engine.broker.session import Session
from engine.broker.sockets import Sockets
from engine.broker.sync import ORDER_ID_FIRST
from engine.commands import Amend, Cancel, OrderSpec, Place, Snapshot
from engine.config import Broker, Strategy
from engine.errors import ConfigError, ConnectError
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
from engine.plans import Sizing
from statecharts.vocabulary import SessionState

D = Decimal
S = 1_000_000_000
SPEC = OrderSpec("BUY", D(100), "LMT", D("190.25"), None, "GTC", False, "DU1", "x-1")


def never():
    return False


def start(tws, symbols=("AAPL",), epoch=0, strategy=None, **settings):
    values = {
        "port": tws.port,
        "connect_timeout_s": 2.0,
        "handshake_timeout_s": 2.0,
        "messages_per_s_max": 10_000,
    }
    broker = Broker(**{**values, **settings})
    plan = Strategy(symbols=symbols, sizing=Sizing(shares=D(1)), **(strategy or {}))
    return Session(broker, plan, Market(), -1, epoch)


def changes(inputs):
    return [found.event for found in inputs if isinstance(found, SessionChanged)]


def kinds(inputs, record):
    return [found.kind for found in inputs if isinstance(found, record)]


def turn(session, now=None):
    """One turn of the runtime's loop."""
    out = []
    flags = session.reader.wait(20_000_000)
    out += session.hear(session.reader.take())
    if flags & (fast_reader.CLOSED | fast_reader.BROKEN):
        out += session.closed("closed by the peer")
    out += session.on_time(time.monotonic_ns() if now is None else now)
    return out


def until(session, condition, out=None):
    """Turns of the loop until ``condition`` of everything told so far."""
    out = [] if out is None else out
    deadline = time.monotonic() + 5
    while not condition(out):
        assert time.monotonic() < deadline, (session.state, out)
        out += turn(session)
    return out


def live(tws, **settings):
    session = start(tws, **settings)
    out = session.connect(never)
    until(session, lambda _: session.state is SessionState.LIVE, out)
    return session, out


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


# -- accounts ------------------------------------------------------------------------------------


def test_a_live_account_needs_to_be_meant(tws):
    tws.accounts = "U7654321"
    for settings in ({}, {"live": True}, {"account": "U7654321"}):
        with pytest.raises(ConnectError, match=r"U7654321 is a live account.*broker.live = true"):
            start(tws, **settings).connect(never)
    session = start(tws, live=True, account="U7654321")
    assert changes(session.connect(never))[-1] == "HANDSHAKE_DONE"
    session.stop()


def test_several_accounts_need_a_choice(tws):
    tws.accounts = "DU1,DU2"
    with pytest.raises(ConnectError, match="DU1, DU2: name one"):
        start(tws).connect(never)
    with pytest.raises(ConnectError, match="DU9 is not among the accounts"):
        start(tws, account="DU9").connect(never)
    session = start(tws, account="DU2")
    session.connect(never)
    assert session.account == "DU2"
    session.stop()


def test_nothing_is_sent_for_an_account_that_is_refused(tws):
    tws.accounts = "U7654321"
    with pytest.raises(ConnectError):
        start(tws).connect(never)
    assert {kind for kind, _ in tws.received} <= {71, 49}


# -- failures to connect -------------------------------------------------------------------------


def test_a_tws_that_is_not_there_is_tried_again_with_doubling_pauses(tws):
    tws.close()
    session = start(tws, retry_first_s=1.0, retry_max_s=5.0)
    pauses = []
    for attempt in range(5):
        out = session.connect(never)
        assert changes(out)[-1] == "CONNECT_FAILED"
        assert "nothing answers" in str(session.problem)
        assert session.state is SessionState.LOST
        assert session.epoch == attempt + 1
        due = session.next_deadline_ns()
        pauses.append(round((due - time.monotonic_ns()) / S))
        assert session.on_time(due - 1) == []
        assert not session.wants_connect
        assert changes(session.on_time(due)) == ["RETRY"]
        assert session.wants_connect
    assert pauses == [1, 2, 4, 5, 5]


def test_a_client_id_in_use_is_tried_again_and_never_changed(tws, wire):
    granted = tws.answers[71]
    tws.answers[71] = lambda _: [wire(4, 2, -1, 326, "client id is already in use", "")]
    session = start(tws)
    out = session.connect(never)
    assert changes(out)[-1] == "HANDSHAKE_FAILED"
    assert "client id 17 is in use" in str(session.problem)
    tws.answers[71] = granted
    session.on_time(session.next_deadline_ns())
    assert changes(session.connect(never))[-1] == "HANDSHAKE_DONE"
    assert [fields[1] for fields in tws.of(71)] == ["17", "17"]
    session.stop()


@pytest.mark.parametrize("missing", ["order id", "accounts", "time"])
def test_a_handshake_that_does_not_end_fails_in_time(tws, wire, missing):
    if missing == "time":
        tws.answers[49] = lambda _: []
    else:
        half = wire(15, 1, "DU1") if missing == "order id" else wire(9, 1, 1)
        tws.answers[71] = lambda _: [half]
    session = start(tws, handshake_timeout_s=0.3)
    assert changes(session.connect(never))[-1] == "HANDSHAKE_FAILED"
    assert "did not finish the handshake in 0.3 s" in str(session.problem)
    if missing != "time":
        assert {kind for kind, _ in tws.received} == {71}  # nothing is asked before both are known


def test_a_request_to_stop_ends_a_handshake(tws):
    tws.answers[71] = lambda _: []
    asked = iter([False] * 4 + [True] * 100)
    session = start(tws, handshake_timeout_s=30.0)
    assert changes(session.connect(lambda: next(asked)))[-1] == "HANDSHAKE_FAILED"


def test_an_unknown_symbol_is_a_users_mistake_at_the_first_start(tws):
    session = start(tws, symbols=("AAPL", "APPL"))
    out = session.connect(never)
    with pytest.raises(ConfigError, match=r"APPL: TWS knows no such US stock.*strategy.symbols"):
        until(session, lambda _: session.state is SessionState.LIVE, out)


def test_a_symbol_that_is_gone_later_does_not_stop_the_engine(tws):
    session, _ = live(tws)
    del tws.known["AAPL"]
    tws.drop()
    out = until(session, lambda out: "SOCKET_CLOSED" in changes(out))
    session.on_time(session.next_deadline_ns())
    out = session.connect(never)
    until(session, lambda _: session.state is SessionState.LIVE, out)
    assert "AAPL" in session.definitions.instruments


# -- losses --------------------------------------------------------------------------------------


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
        if link == "said to be lost" and attempt == 1:
            tws.say(wire(4, 2, -1, 1100, "lost", ""))
            until(session, lambda _: session.state is SessionState.DEGRADED)
        due = session.feed.proof_due_ns
        assert session.next_deadline_ns() <= due
        pauses.append(round((due - begun) / S / 10) * 10)
        session.on_time(due)
    tws.wait_for(1, 4)
    assert pauses == [20, 40, 80]
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


# -- syncs that do not end -----------------------------------------------------------------------


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


# -- what cannot be read -------------------------------------------------------------------------


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
