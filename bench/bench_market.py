"""From a decoded tick to a protective price: bars, ATR, conditions, prices."""

import importlib.util
import statistics

import numpy as np

from _fast.bars import Bars
from _fast.prices import Bands, level
from _fast.ranges import Atr, atr
from bench.compiled import compiled
from bench.conftest import Stage
from bench.desk import START, Desk, walk
from bench.ledger import Figure, Ledger, Target
from bench.processes import answer
from bench.timing import Work

BARS = 10_000
WARM, ROUNDS = 12, 15


def bars() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    close = walk(BARS)
    return close + 0.1, close - 0.1, close


def test_bar(stage: Stage) -> None:
    series = Bars(60)
    price = walk(1)[0]
    stage("market", "bar: one trade, from Python", lambda: series.trade(START, price, 100.0))


def talib(ledger: Ledger) -> Work | None:
    if importlib.util.find_spec("talib") is None:
        ledger.missing("ATR of TA-Lib, over an array", "pip install TA-Lib")
        return None
    from talib import ATR

    high, low, close = bars()
    return lambda: ATR(high, low, close, timeperiod=14)


def test_atr_stream(stage: Stage) -> None:
    mine = Atr(14)
    stage("market", "ATR(14): one bar, from Python", lambda: mine.push(160.1, 159.9, 160.0))


def test_atr_array(stage: Stage, ledger: Ledger) -> None:
    high, low, close = bars()
    stage(
        "market",
        "ATR(14): array, per bar",
        lambda: atr(high, low, close, 14),
        talib(ledger),
        "TA-Lib",
        count=BARS,
        other_count=BARS,
    )


def test_chain(ledger: Ledger) -> None:
    """From a decoded tick to a protective price, in processor time and in turns: alone, and with
    ten thousand instruments and a hundred thousand conditions, of which one trades or all do."""
    chain = compiled("stages").chain
    alone = "tick -> bar -> ATR -> 8 conditions -> protective price"
    desks = {
        alone: Desk(1, 1, 8),
        "  without conditions": Desk(1, 1, 0),
        "  one of 10,000 instruments, 100,000 conditions": Desk(10_000, 1, 10),
        "  all of 10,000 instruments, 100,000 conditions": Desk(10_000, 10_000, 10),
    }
    found: dict[str, list[float]] = {name: [] for name in desks}
    for number in range(WARM + ROUNDS):
        for name, desk in desks.items():
            took = desk.round(chain)
            if number >= WARM:
                found[name].append(took)
    each = {name: statistics.median(took) for name, took in found.items()}
    ledger.add(Figure("market", alone, each[alone], target=Target("ours", 25e-9)))
    for name, took in list(each.items())[1:]:
        target = Target("ratio", 1 / 1.5) if "10,000" in name else None
        ledger.add(Figure("market", name, took, each[alone], "alone", target))
    # What the same rounds took where the machine's other users left the caches alone.
    for name, rounds in found.items():
        ledger.add(Figure("market", f"{name}, best round", min(rounds), min(found[alone]), "alone"))


def test_memory(ledger: Ledger) -> None:
    """A process with ten thousand instruments, all their bars complete, before and after."""
    early, late = answer("bench.peers.memory")
    name = "memory of 10,000 instruments, 100,000 conditions"
    limit = Target("ours", 200e6, size=True)
    ledger.add(Figure("market", f"{name}, at the first bar", early, size=True))
    ledger.add(Figure("market", f"{name}, after a day of bars", late, size=True, target=limit))


def test_price(stage: Stage) -> None:
    work = lambda: level(160.25, 3.217, "SELL", 0.01, "stop")  # noqa: E731
    stage("market", "protective price on a grid, from Python", work)


def test_price_of_bands(stage: Stage) -> None:
    bands = Bands((0.0, 1.0), (0.0001, 0.01))
    work = lambda: bands.steps(160.25, 3.217, "SELL", "stop")  # noqa: E731
    stage("market", "protective price in bands, from Python", work)
