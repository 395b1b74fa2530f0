"""The demonstration: made-up symbols' prices come from the simulator, made-up signals from here.

Nothing of it predicts anything. It is there to show entries, protection, reversals and exits
within seconds, so stops and targets are tight and the exchange's clock runs fast.
"""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from datetime import date, timedelta
from typing import Any, Final

import orjson

SYMBOLS: Final = ("AAPL", "IBM", "MSFT", "NVDA", "SPY")
SPEED: Final = 60.0  # an exchange minute a second: a day in six and a half minutes
SESSION_S: Final = 23_400
FIRST_S: Final = 30.0
PAUSE_S: Final = (45.0, 240.0)  # between two signals of one symbol
KINDS: Final = ("BUY", "BUY", "SHORT", "SHORT", "SELL", "NEUTRAL")

STRATEGY: Final[dict[str, Any]] = {
    "sizing": {"dollars": "30000"},
    "stop": {"atr": 1.5, "percent": 0.25},
    "target": {"atr": 2.0, "percent": 0.3},
    "confidence_min": 0.5,
    "on_opposite": "reverse",
    "cooldown_s": 60.0,
    "entries_per_day_max": 1000,
    "close_before_end_s": 60.0,
}


def signals(symbols: Sequence[str], seed: int) -> bytes:
    """A signal file for one session, the same for the same arguments."""
    lines = sorted(
        (line for symbol in symbols for line in _of_symbol(symbol, seed)), key=lambda one: one["at"]
    )
    return b"".join(orjson.dumps(line) + b"\n" for line in lines)


def _of_symbol(symbol: str, seed: int) -> Iterator[dict[str, Any]]:
    stream = random.Random(f"signals/{seed}/{symbol}")
    at = FIRST_S + stream.uniform(0.0, PAUSE_S[0])
    while at < SESSION_S:
        yield {
            "at": round(at, 3),
            "ticker": symbol,
            "signal": stream.choice(KINDS),
            "confidence": round(stream.uniform(0.4, 0.98), 3),
        }
        at += stream.uniform(*PAUSE_S)


def next_day(day: date) -> date:
    """The next weekday: a journal that has seen a day is shown another one."""
    later = day + timedelta(days=1)
    return later + timedelta(days=max(0, 7 - later.weekday())) if later.weekday() > 4 else later
