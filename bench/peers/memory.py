"""Ten thousand instruments with a hundred thousand conditions, through a day of bars.

Usage: python -m bench.peers.memory

Prints two numbers as JSON: the bytes of the process after the first bar of each and at the end.
"""

from __future__ import annotations

import json
import resource
import sys
from pathlib import Path

import numpy as np

from _fast.market import Market, replay
from _fast.ticks import KINDS
from bench.desk import SECOND, START

COUNT = 10_000
CONDITIONS = 10
BARS = 390  # minutes of a session


def resident() -> int:
    """Bytes now. (The most so far would be that of who started this process, if that was more.)"""
    pages = int(Path("/proc/self/statm").read_text("ascii").split()[1])
    return pages * resource.getpagesize()


def main() -> None:
    market = Market(capacity=COUNT)
    for row in range(COUNT):
        market.bind(row, market.add(trades_from=1))
        for number in range(CONDITIONS):
            market.when(row, "last", "above", 200.0 + number)
    ids = np.arange(COUNT, dtype=np.int32)
    kinds = np.full(COUNT, KINDS["TRADE"], np.int32)
    prices = np.full(COUNT, 100.0)
    told = []
    for minute in range(BARS):
        times = np.full(COUNT, START + 60 * SECOND * minute)
        replay(market, ids, kinds, prices, prices, times)
        if minute in (1, BARS - 1):
            told.append(resident())
    sys.stdout.write(json.dumps(told) + "\n")


if __name__ == "__main__":
    main()
