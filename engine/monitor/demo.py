"""The demonstration: its strategy is a file, its signals come over HTTP, and none predicts
anything."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, timedelta
from pathlib import Path
from typing import Final, Self

import attrs

from engine.config import Config
from engine.settings_file import load
from engine.sources import Polling

FILE: Final = Path(__file__).parents[1] / "examples" / "demonstration.toml"
PERIOD_S: Final = 90.0  # exchange seconds that a prediction holds
LIMIT: Final = 100_000  # requests a minute: it is our own
POLL_S: Final = 0.5


def settings() -> Config:
    return load(FILE)


class NoPredictions:
    """Somebody else brings the signals."""

    def polled(self, config: Config) -> Config:
        return config

    def follow(self, now_ns: Callable[[], int]) -> None:
        """Nobody wants to know the time."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        return None


class Predictions(NoPredictions):
    """A prediction API in this process, for as long as it is entered; by the clock of whoever
    follows it.

    Args:
        symbols: what it knows.
        seed: of what it says.
    """

    def __init__(self, symbols: tuple[str, ...], seed: int) -> None:
        from engine.signals.demo_api import DemoApi

        self._followed: Callable[[], int] | None = None
        self._api = DemoApi(symbols, seed=seed, period_s=PERIOD_S, limit=LIMIT, now_ns=self._now_ns)

    def polled(self, config: Config) -> Config:
        """The settings, with its address as that of the predictions."""
        poll = Polling(url=self._api.url, interval_s=POLL_S)
        return attrs.evolve(config, signals=attrs.evolve(config.signals, poll=poll))

    def follow(self, now_ns: Callable[[], int]) -> None:
        self._followed = now_ns

    def _now_ns(self) -> int:
        return self._followed() if self._followed is not None else 0

    def __enter__(self) -> Self:
        self._api.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._api.stop()


def next_day(day: date) -> date:
    """The next weekday: a journal that has seen a day is shown another one."""
    later = day + timedelta(days=1)
    return later + timedelta(days=max(0, 7 - later.weekday())) if later.weekday() > 4 else later
