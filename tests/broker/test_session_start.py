"""Connections and handshakes that fail, and what is tried again."""

import time
from decimal import Decimal

import pytest

from engine.errors import ConfigError
from engine.inputs import InstrumentDefined, Noticed
from statecharts.vocabulary import SessionState
from tests.broker.conftest import contract, frame
from tests.broker.live_session import changes, live, never, start, until

D = Decimal
S = 1_000_000_000


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


def again(session, tws):
    """Another connection of the same session."""
    tws.drop()
    until(session, lambda out: "SOCKET_CLOSED" in changes(out))
    session.on_time(session.next_deadline_ns())
    return session.connect(never)


def without_zone(fields):
    told = contract(fields[1], fields[3], 1 if fields[3] == "AAPL" else 2)
    if fields[3] == "AAPL":
        told = told.replace(b"US/Eastern", b"Not/A/Zone")
    return [told, frame(52, 1, fields[1])]


def without_rules(fields):
    rules = "none" if fields[3] == "AAPL" else "26"
    return [contract(fields[1], fields[3], rules=rules), frame(52, 1, fields[1])]


def without_answer(fields):
    if fields[3] == "AAPL":
        return []  # the farm of the definitions is broken (2157)
    return [contract(fields[1], fields[3], 272093), frame(52, 1, fields[1])]


UNDEFINED = {
    "what TWS says of it cannot be used": (without_zone, without_rules),
    "TWS does not say what it is": (without_answer,),
    "TWS knows no such US stock": (lambda f: [frame(4, 2, f[1], 200, "not found", "")],),
}
CASES = [(why, answer) for why, answers in UNDEFINED.items() for answer in answers]


@pytest.mark.parametrize(("why", "answer"), CASES)
def test_one_symbol_that_is_not_defined_does_not_keep_the_others_from_being_looked_after(
    tws, why, answer
):
    session, _ = live(tws, symbols=("AAPL", "MSFT"), retry_first_s=0.01, sync_timeout_s=0.5)
    tws.answers[9] = answer
    out = again(session, tws)
    until(session, lambda _: session.state is SessionState.LIVE, out)
    told = [one.text for one in out if isinstance(one, Noticed)]
    assert f"AAPL: {why}" in " ".join(told)
    assert session.definitions.instruments["AAPL"].con_id == 265598
    session.stop()


@pytest.mark.parametrize(("why", "answer"), CASES)
def test_what_the_journal_knows_of_a_symbol_starts_a_run_that_tws_does_not_define_it_for(
    tws, why, answer
):
    earlier, _ = live(tws, symbols=("AAPL", "MSFT"))
    earlier.stop()
    tws.answers[9] = answer
    session = start(tws, symbols=("AAPL", "MSFT"), sync_timeout_s=0.5)
    session.definitions.known = earlier.definitions.instruments
    out = session.connect(never)
    until(session, lambda _: session.state is SessionState.LIVE, out)
    told = [one.text for one in out if isinstance(one, Noticed)]
    assert f"AAPL: {why}" in " ".join(told)
    session.stop()


def test_a_definition_that_comes_late_is_taken_all_the_same(tws, wire):
    session, _ = live(tws, retry_first_s=0.01, sync_timeout_s=0.5)
    tws.answers[9] = without_answer
    out = again(session, tws)
    until(session, lambda _: session.state is SessionState.LIVE, out)
    asked = tws.of(9)[-1][1]
    tws.say(contract(asked, "AAPL", 4711), wire(52, 1, asked))
    out = until(session, lambda out: any(isinstance(one, InstrumentDefined) for one in out))
    assert session.definitions.instruments["AAPL"].con_id == 4711
    session.stop()


def test_a_definition_of_no_use_is_told_at_the_first_start(tws):
    tws.answers[9] = without_zone
    session = start(tws)
    out = session.connect(never)
    with pytest.raises(ConfigError, match=r"AAPL: what TWS says of it cannot be used.*Not/A/Zone"):
        until(session, lambda _: session.state is SessionState.LIVE, out)
