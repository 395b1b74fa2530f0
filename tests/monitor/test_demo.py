"""The demonstration: a strategy that is a file, and predictions that come over HTTP."""

from __future__ import annotations

from datetime import date

import httpx
import pytest

from engine.config import Limits
from engine.monitor import demo
from engine.settings_file import read

NOON_NS = 1_704_301_200_000_000_000


def test_its_strategy_is_a_file_that_is_right() -> None:
    file = read(demo.FILE)

    assert file.config == demo.settings()
    assert demo.FILE.parent.name == "examples"
    assert file.config.broker.clock_rate == 60


def test_its_throttles_count_the_same_market_as_they_usually_do() -> None:
    """They count real seconds, of which a day of it has few: else the show is over in one."""
    config, usual = demo.settings(), Limits()
    rate = config.broker.clock_rate

    assert config.limits.window_s * rate == usual.window_s
    assert config.limits.orders_per_minute_max > usual.orders_per_minute_max


def test_its_predictions_come_over_http_by_the_clock_that_it_follows() -> None:
    settings = demo.settings()
    with demo.Predictions(settings.strategy.symbols, seed=5) as predictions:
        poll = predictions.polled(settings).signals.poll
        assert poll is not None
        predictions.follow(lambda: NOON_NS)
        ask = f"{poll.url}/prediction/latest?ticker="
        answers = [httpx.get(ask + symbol).json() for symbol in settings.strategy.symbols]

    told = [one["data"]["prediction"] for one in answers]
    assert [one["ticker"] for one in told] == list(settings.strategy.symbols)
    period_ms = int(demo.PERIOD_S * 1000)
    assert {one["timestamp"] for one in told} == {NOON_NS // 10**6 // period_ms * period_ms}


def test_without_it_the_settings_stay_as_they_are() -> None:
    with demo.NoPredictions() as nobody:
        nobody.follow(lambda: 0)
        assert nobody.polled(demo.settings()) == demo.settings()


@pytest.mark.parametrize(
    ("day", "following"),
    [
        (date(2024, 1, 3), date(2024, 1, 4)),
        (date(2024, 1, 5), date(2024, 1, 8)),
        (date(2024, 1, 6), date(2024, 1, 8)),
    ],
)
def test_the_next_day_is_a_weekday(day: date, following: date) -> None:
    assert demo.next_day(day) == following
