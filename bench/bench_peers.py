"""Indicators and the way of a tick against nautilus_trader, talipp and TA-Lib's streams, each peer
in an environment and a process of its own, all in processor time, in turns."""

from __future__ import annotations

import importlib.util
import statistics
import time
from typing import Final

import numpy as np

from _fast.ranges import Atr
from bench.compiled import compiled
from bench.desk import Desk
from bench.environments import answer_of
from bench.ledger import Figure, Ledger

GROUP: Final = "against other libraries, processor time"
TICK: Final = "tick -> bar -> ATR -> 8 conditions -> stop"
UPDATE: Final = "ATR(14): one update, from Python"
ROUNDS: Final = 3
UPDATES: Final = 20_000
NAUTILUS: Final = {
    "nautilus-1": "nautilus_trader 1.2x, handlers alone",
    "nautilus-2": "nautilus_trader 2.0, handlers alone",
}


def ours() -> float:
    push = Atr(14).push
    rows = [(price + 0.1, price - 0.1, price) for price in np.linspace(160, 161, UPDATES).tolist()]
    began = time.thread_time()
    for row in rows:
        push(*row)
    return (time.thread_time() - began) / UPDATES


def test_nautilus(ledger: Ledger) -> None:
    chain, desk = compiled("stages").chain, Desk(1, 1, 8)
    ticks = [desk.round(chain) for _ in range(5)][2:]
    updates: list[float] = []
    theirs: dict[str, list[dict[str, float]]] = {}
    for turn in range(ROUNDS):
        for name, peer in NAUTILUS.items():
            if turn and name not in theirs:
                continue
            found = answer_of(ledger, name, "nautilus_indicators.py", peer)
            if found is not None:
                theirs.setdefault(name, []).append(found)
        ticks.append(desk.round(chain))
        updates.append(ours())
    tick, update = statistics.median(ticks), statistics.median(updates)
    for name, rounds in theirs.items():
        peer = NAUTILUS[name]
        other = statistics.median(one["tick"] for one in rounds)
        ledger.add(Figure(GROUP, TICK, tick, other, peer))
        other = statistics.median(one["update"] for one in rounds)
        ledger.add(Figure(GROUP, UPDATE, update, other, peer))


def test_talipp(ledger: Ledger) -> None:
    found = answer_of(ledger, "nautilus-1", "talipp_indicators.py", "talipp")
    if found is not None:
        mine = statistics.median(ours() for _ in range(ROUNDS))
        ledger.add(Figure(GROUP, UPDATE, mine, found["update"], "talipp"))


def test_talib_stream(ledger: Ledger) -> None:
    """What TA-Lib calls a stream: the newest value alone, of all that came so far."""
    if importlib.util.find_spec("talib") is None:
        ledger.missing("ATR of TA-Lib, as a stream", "pip install TA-Lib")
        return
    from talib import stream

    close = np.linspace(160, 161, 100)
    high, low = close + 0.1, close - 0.1
    mine, theirs = [], []
    for _ in range(ROUNDS):
        began = time.thread_time()
        for _ in range(UPDATES // 10):
            stream.ATR(high, low, close, timeperiod=14)
        theirs.append((time.thread_time() - began) / (UPDATES // 10))
        mine.append(ours())
    other = statistics.median(theirs)
    ledger.add(Figure(GROUP, UPDATE, statistics.median(mine), other, "TA-Lib, its stream of 100"))
