"""The engine as a host program holds it, against a simulated TWS on a real socket."""

from __future__ import annotations

import gc
import logging
import os
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from decimal import Decimal
from pathlib import Path
from typing import Any

import attrs
import numpy as np
import orjson
import pytest

from engine.broker.session import Session
from engine.config import Config, from_mapping
from engine.core import Core
from engine.engine import Engine
from engine.errors import (
    ConfigError,
    ConnectError,
    DataFileError,
    JournalError,
    LimitError,
    SignalError,
    UserError,
)
from engine.events import (
    AlertEvent,
    BaseEvent,
    ContextChangedEvent,
    IndicatorEvent,
    NewOrderEvent,
    PositionOpenEvent,
    PriceEvent,
    RefusalEvent,
    TradeEvent,
)
from engine.inputs import OrderRequested
from engine.journal import Journal
from engine.journal_store import LOG_BYTES
from engine.rule_engine import RuleView
from engine.runtime import Runtime
from engine.sim.launch import generated
from engine.sim.records import MarketTick
from engine.sim.server import SimServer
from engine.view import Question
from statecharts.vocabulary import SessionState
from tests.runtime.conftest import SPEED, away

PATIENCE_S = 20.0


def configured(server: SimServer, **strategy: Any) -> Config:
    return from_mapping(
        {
            "strategy": {"symbols": ["IBM", "MSFT"], "cooldown_s": 0, **strategy},
            "broker": {"port": server.port, "clock_rate": SPEED},
        }
    )


def until(true: Callable[[], bool]) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while not true():
        assert time.monotonic() < deadline, "it did not happen"
        time.sleep(0.005)


@contextmanager
def running(engine: Engine) -> Iterator[list[BaseEvent]]:
    told: list[BaseEvent] = []
    engine.subscribe(BaseEvent, told.append)
    engine.start()
    assert engine.wait_for_prices(PATIENCE_S)
    try:
        yield told
    finally:
        engine.stop()


def said(told: list[BaseEvent], kind: type) -> list[Any]:
    return [event for event in told if isinstance(event, kind)]


def held(engine: Engine, symbol: str) -> int:
    view = next(s for s in engine.view().symbols if s.symbol == symbol)
    return int(view.quantity) * (-1 if view.side == "short" else 1)


def test_a_prediction_becomes_a_protected_position_and_is_closed(server: SimServer) -> None:
    engine = Engine(configured(server))
    with running(engine) as told:
        engine.publish({"ticker": "IBM", "signal": "BUY", "confidence": 0.9}).result(PATIENCE_S)
        until(lambda: engine.view().symbols[0].state == "protected")
        view = engine.view()
        assert view.symbols[0].stop is not None
        assert view.symbols[0].target is not None
        assert {order.role for order in view.orders} == {"stop", "target"}
        engine.stop(flatten=True)

    assert said(told, TradeEvent)[0].reason == "host"
    report = server.report()
    assert not any(report["position"].values())
    assert report["open_orders"] == []
    assert report["uncovered_share_seconds"] == 0


def test_what_the_reader_cannot_record_ends_the_recording_for_good(
    server: SimServer, tmp_path: Path
) -> None:
    engine = Engine(configured(server), record=tmp_path / "wire")
    with running(engine):
        capture = engine._capture
        assert capture is not None
        full = os.open("/dev/full", os.O_WRONLY)
        os.dup2(full, capture.fd)
        os.close(full)
        until(lambda: not capture.going)
        assert engine.view().session == "live"
        reader = engine._session.reader
        assert reader is not None
        until(lambda: reader.record_errno == 0)
        frames = reader.frames
        until(lambda: reader.frames > frames)
        assert reader.record_errno == 0


def climbing(start_ns: int) -> Iterator[MarketTick]:
    """A quote a tenth of a second: a minute at 100, a minute at 102, and so on in turns."""
    for number in range(20_000):
        time_ns = start_ns + number * 100_000_000
        price = 100.0 + 2 * (number // 600 % 2)
        yield MarketTick(time_ns, "IBM", "B", price - 0.01, 1000)
        yield MarketTick(time_ns, "IBM", "A", price, 1000)


def test_a_price_that_crosses_a_level_enters() -> None:
    exchange, _ = generated(["IBM"])
    rule = {
        "id": "breakout",
        "symbols": ["IBM"],
        "when": {"kind": "market", "field": "ask", "op": "above", "level": 101.0},
        "then": {"kind": "enter", "side": "BUY"},
    }
    with SimServer(exchange, climbing(exchange.now_ns), speed=SPEED, hold=True) as server:
        engine = Engine(configured(server, symbols=["IBM"], rules=[rule]))
        with running(engine) as told:
            until(lambda: held(engine, "IBM") > 0)

    (opened,) = said(told, PositionOpenEvent)
    assert opened.average_price == 102


def test_refusals_are_told_and_a_bad_prediction_raises(server: SimServer) -> None:
    engine = Engine(configured(server))
    with running(engine) as told:
        with pytest.raises(SignalError):
            engine.publish({"ticker": "IBM", "signal": "MOON", "confidence": 0.9})
        engine.publish({"ticker": "IBM", "signal": "BUY", "confidence": 0.1}).result(PATIENCE_S)
        engine.publish({"ticker": "IBM", "signal": "SELL", "confidence": 0.9}).result(PATIENCE_S)
        until(lambda: len(said(told, RefusalEvent)) == 3)

    reasons = [event.reason for event in said(told, RefusalEvent)]
    assert reasons == ["unknown_signal", "low_confidence", "nothing_to_close"]
    assert server.report()["orders"] == 0


def test_an_answer_of_an_api_is_taken_as_it_is(server: SimServer) -> None:
    """The page on embedding says so; it was refused, as an object with a field of no meaning."""
    prediction = {"ticker": "IBM", "signal": "BUY", "confidence": 0.1}
    answer = {"status": "success", "data": {"prediction": prediction, "model_info": {}}}
    engine = Engine(configured(server))
    with running(engine) as told:
        engine.publish(answer).result(PATIENCE_S)
        engine.publish(orjson.dumps(answer)).result(PATIENCE_S)
        for wrong in ({"status": "error", "message": "no model"}, {"status": "success"}):
            with pytest.raises(SignalError):
                engine.publish(wrong)
        until(lambda: len(said(told, RefusalEvent)) == 4)

    reasons = [event.reason for event in said(told, RefusalEvent)]
    assert reasons == ["low_confidence", "low_confidence", "malformed", "malformed"]


def test_brackets_and_ocos_directly(server: SimServer) -> None:
    engine = Engine(configured(server))
    with running(engine) as told:
        price = engine.view().symbols[0].market.last or engine.view().symbols[0].market.bid
        assert price is not None
        low, high = round(price * 0.9, 2), round(price * 1.1, 2)
        engine.bracket("IBM", "BUY", 100, stop=low, target=high)
        until(lambda: held(engine, "IBM") == 100)
        oco = engine.oco("MSFT", 10, ("BUY", "LMT", "1.00"), ("BUY", "STP", "9000.00"))
        until(lambda: sum(o.role == "leg" for o in engine.view().orders) == 2)
        engine.cancel(str(oco))
        until(lambda: not any(o.role == "leg" for o in engine.view().orders))
        engine.close("IBM")
        until(lambda: held(engine, "IBM") == 0)

    assert [event.symbol for event in said(told, PositionOpenEvent)] == ["IBM"]


def test_many_threads_publish_and_one_identity_trades_once(server: SimServer) -> None:
    engine = Engine(configured(server))
    prediction = {
        "ticker": "MSFT",
        "signal": "BUY",
        "confidence": 0.9,
        "timestamp": 1_704_292_200_000,
    }
    with running(engine) as told:
        threads = [
            threading.Thread(target=lambda: engine.publish(prediction).result(PATIENCE_S))
            for _ in range(8)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        until(lambda: len(said(told, RefusalEvent)) == 7)

    assert {event.reason for event in said(told, RefusalEvent)} == {"duplicate_signal"}
    assert len([e for e in said(told, NewOrderEvent) if e.role == "entry"]) == 1


def test_failure_23_broker_thread_state_touched_from_another_thread(
    server: SimServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Four threads ask for what a host can ask for; whatever steps the core, sends, or looks at the
    state for an answer runs in the writer's thread."""
    touched: dict[str, set[int]] = {}
    for owner, name in ((Core, "step"), (Session, "perform"), (Runtime, "market_view")):
        original = getattr(owner, name)

        def noted(self: Any, *rest: Any, _original: Any = original, _name: str = name) -> Any:
            touched.setdefault(_name, set()).add(threading.get_ident())
            return _original(self, *rest)

        monkeypatch.setattr(owner, name, noted)

    def ask(engine: Engine, number: int) -> None:
        for round_number in range(5):
            signal = {"ticker": "IBM", "signal": ("BUY", "SHORT")[number % 2], "confidence": 0.9}
            stamp = 1_704_292_200_000 + 10 * round_number + number
            engine.publish({**signal, "timestamp": stamp}).result(PATIENCE_S)
            engine.view()
            engine.close("MSFT")

    engine = Engine(configured(server))
    with running(engine) as told:
        threads = [threading.Thread(target=ask, args=(engine, n)) for n in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        until(lambda: bool(said(told, PositionOpenEvent)))
    assert {name: len(threads) for name, threads in touched.items()} == {
        "step": 1,
        "perform": 1,
        "market_view": 1,
    }
    assert set.union(*touched.values()).isdisjoint({threading.get_ident()})


def test_the_market_comes_as_samples(server: SimServer) -> None:
    engine = Engine(configured(server))
    with running(engine) as told:
        until(lambda: bool(said(told, PriceEvent)) and bool(said(told, IndicatorEvent)))

    names = {event.name for event in said(told, IndicatorEvent)}
    assert names == {"atr(14)"}
    sequences = [event.sequence for event in told]
    assert sequences == sorted(sequences)


def test_failure_29_atr_cached_for_the_whole_day(server: SimServer) -> None:
    """It goes on with every bar that ends, for conditions and for entries alike."""
    engine = Engine(configured(server, bar_s=5, atr_period=3))
    with running(engine) as told:
        until(lambda: len({e.value for e in said(told, IndicatorEvent) if e.symbol == "IBM"}) > 2)
        seen = engine.view().symbols[0].market.atr
        until(lambda: engine.view().symbols[0].market.atr != seen)


def test_the_collector_leaves_alone_what_was_there_before_the_session(server: SimServer) -> None:
    gc.unfreeze()
    try:
        kept = [[number] for number in range(1_000)]
        with running(Engine(configured(server))):
            assert gc.get_freeze_count() > len(kept)
        assert gc.get_freeze_count() == 0
        gc.freeze()
        frozen = gc.get_freeze_count()
        with running(Engine(configured(server))):
            pass
        # A host that does so itself is left alone; a few of its objects may have gone meanwhile.
        assert gc.get_freeze_count() > frozen // 2
    finally:
        gc.freeze()


def test_a_journal_goes_on_where_it_ended(server: SimServer, tmp_path: Path) -> None:
    first = Engine(configured(server), journal=tmp_path / "j")
    with running(first):
        first.publish({"ticker": "IBM", "signal": "BUY", "confidence": 0.9}).result(PATIENCE_S)
        until(lambda: first.view().symbols[0].state == "protected")
        shares = held(first, "IBM")
        with pytest.raises(JournalError, match="in use"):
            Engine(configured(server), journal=tmp_path / "j")

    second = Engine(configured(server), journal=tmp_path / "j")
    with running(second) as told:
        assert held(second, "IBM") == shares
        assert second.view().symbols[0].state == "protected"
        second.stop(flatten=True)

    assert [e.role for e in said(told, NewOrderEvent)] == ["close"]
    assert server.report()["position"]["IBM"] == 0


def test_who_looks_comes_after_the_orders_of_the_turn(server: SimServer) -> None:
    engine = Engine(configured(server))
    with running(engine):
        request = OrderRequested("mine", "IBM", "BUY", Decimal(1), "LMT", Decimal("1.00"))
        sent = Question(lambda state, runtime: (len(state.orders), len(runtime.latencies.order_us)))
        look, order, again = engine._inbox.put_all([sent, request, sent])
        assert order.result(PATIENCE_S) is None
        assert look.result(PATIENCE_S) == again.result(PATIENCE_S) == (1, 1)


def test_a_question_that_fails_ends_nobody_but_itself(server: SimServer) -> None:
    engine = Engine(configured(server))
    with running(engine):
        with pytest.raises(ZeroDivisionError):
            engine.submit(Question(lambda state, runtime: 1 // 0)).result(PATIENCE_S)
        assert engine.view().session == "live"


def test_no_word_of_a_host_ends_the_engine_and_none_keeps_it_from_halting(
    server: SimServer,
) -> None:
    """What does not fit a record was found at the writer, which ended with it."""
    engine = Engine(configured(server))
    with engine:
        with pytest.raises(UserError, match="is str_, not str"):
            engine.order("IBM", np.str_("BUY"), 100)  # type: ignore[arg-type]
        with pytest.raises(UserError, match=r"CloseRequested\.symbol is int"):
            engine.close(7)  # type: ignore[arg-type]
        engine.notice("warning", ValueError("told"))  # type: ignore[arg-type]
        engine.halt(np.int64(2), OSError("gone"))  # type: ignore[arg-type]
        assert engine.view().halt == "level 2 by host: gone"
    assert engine.problem is None


def test_settings_of_a_program_that_no_record_can_hold_are_refused_in_one_line(
    server: SimServer,
) -> None:
    """A third has no last decimal: a replay would read something else."""
    settings = configured(server)
    limits = attrs.evolve(settings.limits, net_notional_max=Decimal(10_000) / 3)
    engine = Engine(attrs.evolve(settings, limits=limits))
    with pytest.raises(ConfigError, match=r"limits\.net_notional_max: must have 12 decimals"):
        engine.start(PATIENCE_S)


def test_an_engine_that_cannot_begin_leaves_nothing_open(server: SimServer, tmp_path: Path) -> None:
    wrong = tmp_path / "signals.jsonl"
    wrong.write_text("{}\n")
    (tmp_path / "letter").write_text("of somebody")
    settings = configured(server)
    mistakes: list[dict[str, Any]] = [
        {"signals": wrong},
        {"journal": tmp_path / "letter"},
        {"journal": tmp_path / "letter", "record": tmp_path / "wire"},
    ]
    before = len(list(Path("/proc/self/fd").iterdir()))
    for given in mistakes:
        with pytest.raises((JournalError, DataFileError)):
            Engine(settings, **given)
    assert len(list(Path("/proc/self/fd").iterdir())) == before


def test_failure_27_no_reconnect(
    server: SimServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A lost connection is opened again, what was there is found, and nothing is doubled. The log
    of the journal has its length each time: meanwhile a new one may have been begun."""
    lengthen, sizes = Journal.lengthen_log, list[int]()

    def lengthened(journal: Journal) -> None:
        lengthen(journal)
        sizes.append((tmp_path / "j-wal").stat().st_size)

    monkeypatch.setattr(Journal, "lengthen_log", lengthened)
    engine = Engine(configured(server), journal=tmp_path / "j")
    with running(engine) as told:
        engine.publish({"ticker": "IBM", "signal": "BUY", "confidence": 0.9}).result(PATIENCE_S)
        until(lambda: engine.view().symbols[0].state == "protected")
        link = engine._session.link
        assert link is not None
        link.connection._stream.shutdown(socket.SHUT_RDWR)
        until(lambda: engine.view().session != "live")
        until(lambda: engine.view().session == "live")
        assert engine.view().symbols[0].state == "protected"

    assert len(sizes) >= 2 and min(sizes) >= LOG_BYTES
    assert len(said(told, NewOrderEvent)) == 3
    assert [e.new for e in said(told, ContextChangedEvent)] == ["entering", "protected"]


def test_nobody_listens() -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        port = unused.getsockname()[1]
    engine = Engine(from_mapping({"strategy": {"symbols": ["IBM"]}, "broker": {"port": port}}))

    with pytest.raises(ConnectError, match="connection refused"):
        engine.start()
    with pytest.raises(LimitError):
        engine.view()


def test_a_silent_tws_is_given_up(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        broker = {"port": silent.getsockname()[1], "handshake_timeout_s": 0.3}
        config = from_mapping({"strategy": {"symbols": ["IBM"]}, "broker": broker})
        engine = Engine(config, journal=tmp_path / "j")

        with pytest.raises(ConnectError, match="said nothing"):
            engine.start()

    Engine(config, journal=tmp_path / "j")  # the journal was let go


def test_scheduled_signals_wait_for_the_session_of_this_run(
    server: SimServer, tmp_path: Path
) -> None:
    """A journal that ended live replays to a core that is; before the session is, too, a signal
    would be refused for good, and one that is due would keep the writer from sleeping."""
    path = tmp_path / "S.jsonl"
    path.write_text('{"at": 0, "ticker": "IBM", "signal": "BUY", "confidence": 1.0}\n')
    engine = Engine(configured(server), signals=path)
    assert engine.signals is not None
    state = engine._core.state
    state.session, state.day_start_ns = SessionState.LIVE, 1_700_000_000_000_000_000
    later = state.day_start_ns + 1
    assert engine.signals.next_due_ns() is None
    assert engine.signals.due(later) == []
    assert len(engine.signals) == 1
    state.session, state.day_start_ns = SessionState.IDLE, 0
    with engine:
        until(lambda: len(engine.signals or ()) == 0)


class Raises(logging.Handler):
    """A program's own, with a defect."""

    def __init__(self) -> None:
        super().__init__()
        self.seen: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.seen.append(record.getMessage())
        raise KeyError(record.name)


def test_a_handler_of_the_programs_log_that_fails_ends_nobody(
    server: SimServer, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """What the engine remarks is handled on the thread that remarks it."""
    handler = Raises()
    monkeypatch.setattr(logging.getLogger("engine"), "handlers", [handler])
    engine = Engine(configured(server))
    with running(engine):
        engine.subscribe(BaseEvent, lambda _: 1 / 0)
        away(monkeypatch, 1)
        link = engine._session.link
        assert link is not None
        link.connection._stream.shutdown(socket.SHUT_RDWR)  # type: ignore[attr-defined]
        until(lambda: "nothing answers" in handler.seen)
        until(engine._is_live)
        events: list[AlertEvent] = []
        engine.subscribe(AlertEvent, events.append)
        engine.notice("info", "still told")
        until(lambda: any(one.text == "still told" for one in events))
    assert engine.problem is None
    assert "KeyError: 'engine.runtime'" in capsys.readouterr().err


def test_settings_that_were_taken_after_nobody_waited_any_more_are_known(
    server: SimServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The writer was connecting when it was asked. Whoever then asks for the old ones again was
    told that nothing has changed, and the new ones went on to hold."""
    old, new = configured(server, cooldown_s=5), configured(server, cooldown_s=6)
    monkeypatch.setattr("engine.settings_change.ANSWER_S", 0.05)
    engine = Engine(old)
    with running(engine) as told:
        views, busy, free = engine.rules.list, threading.Event(), threading.Event()

        def wait(*_: Any) -> bool:
            busy.set()
            return free.wait(PATIENCE_S)

        def seen_before_it_is_busy() -> tuple[RuleView, ...]:
            found = views()
            engine.submit(Question(wait))
            busy.wait(PATIENCE_S)
            return found

        with monkeypatch.context() as patch:
            patch.setattr(engine.rules, "list", seen_before_it_is_busy)
            with pytest.raises(TimeoutError):
                engine.reload(new)
        free.set()
        until(lambda: any("settings changed" in one.text for one in said(told, AlertEvent)))
        assert engine.reload(old) == ("strategy.cooldown_s",)
        assert engine.core.state.config.strategy.cooldown_s == 5
