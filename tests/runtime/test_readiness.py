"""Whether signals are wanted now, as the writer says when it is asked."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from typing import Any

import pytest

from engine import readiness
from engine.config import from_mapping
from engine.core import Core
from engine.errors import LimitError
from engine.inputs import MarketView
from engine.readiness import Readiness
from engine.view import Question
from statecharts.vocabulary import SessionState

CONFIG = from_mapping({"strategy": {"symbols": ["IBM", "MSFT"]}})


class Writer:
    """Answers as the writer does, on a state and a market that a test sets."""

    def __init__(self) -> None:
        self.state = Core(CONFIG).state
        self.market: dict[str, MarketView] = {}
        self.stopped = False
        self.silent = False
        self.asked = 0

    def ask(self, question: Question) -> Future[Any]:
        self.asked += 1
        if self.stopped:
            raise LimitError("the engine has stopped")
        answer: Future[Any] = Future()
        if not self.silent:
            answer.set_result(question.ask(self.state, self))  # type: ignore[arg-type]
        return answer

    def now_ns(self) -> int:
        return 0

    def market_view(self, symbol: str, _: int) -> MarketView:
        return self.market.get(symbol, MarketView(symbol))

    def quote(self, *symbols: str) -> None:
        for symbol in symbols:
            self.market[symbol] = MarketView(symbol, bid=9.0, ask=9.1)

    def live(self) -> None:
        self.state.session = SessionState.LIVE


@pytest.fixture
def writer(monkeypatch: pytest.MonkeyPatch) -> Writer:
    monkeypatch.setattr(readiness, "ASK_S", 0.005)
    monkeypatch.setattr(readiness, "PATIENCE_S", 0.02)
    return Writer()


@pytest.fixture
def ready(writer: Writer) -> Iterator[Readiness]:
    made = Readiness(writer.ask)
    made.start()
    yield made
    made.stop()


def until(true: Callable[[], Any]) -> None:
    deadline = time.monotonic() + 10
    while not true():
        assert time.monotonic() < deadline, "it did not happen"
        time.sleep(0.001)


def asked_again(writer: Writer) -> None:
    before = writer.asked
    until(lambda: writer.asked >= before + 3)


def test_live_and_quoted(writer: Writer, ready: Readiness) -> None:
    writer.quote("IBM", "MSFT")
    asked_again(writer)
    assert not ready()
    writer.live()
    until(ready)


def test_not_before_every_symbol_has_a_quote(writer: Writer, ready: Readiness) -> None:
    writer.live()
    writer.quote("IBM")
    asked_again(writer)
    assert not ready()
    writer.quote("MSFT")
    until(ready)


def test_a_symbol_without_quotes_keeps_no_other_waiting_for_ever(
    writer: Writer, ready: Readiness, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(readiness, "PRICES_S", 0.05)
    writer.live()
    writer.quote("IBM")
    until(ready)


@pytest.mark.parametrize("trouble", ["silent", "stopped", "away"])
def test_not_while_the_session_is_away_or_the_writer_silent(
    writer: Writer, ready: Readiness, trouble: str
) -> None:
    writer.live()
    writer.quote("IBM", "MSFT")
    until(ready)
    if trouble == "away":
        writer.state.session = SessionState.LOST
    else:
        setattr(writer, trouble, True)
    until(lambda: not ready())


def test_nothing_is_asked_of_the_market_once_it_is_known(writer: Writer, ready: Readiness) -> None:
    writer.live()
    writer.quote("IBM", "MSFT")
    until(ready)
    writer.market.clear()
    asked_again(writer)

    assert ready()


def test_not_after_the_end(writer: Writer, ready: Readiness) -> None:
    writer.live()
    writer.quote("IBM", "MSFT")
    until(ready)
    ready.stop()

    assert not ready()
