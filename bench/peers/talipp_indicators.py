"""talipp's ATR, bar by bar, in seconds of the processor for one update; prints JSON.

Usage: PYTHON bench/peers/talipp_indicators.py   (PYTHON of an environment that has it)
"""

from __future__ import annotations

import json
import sys
import time
from importlib.metadata import version

from talipp.indicators import ATR  # type: ignore[import-not-found]
from talipp.ohlcv import OHLCV  # type: ignore[import-not-found]

BARS = 5_000
ROUNDS = 5


def per_update() -> float:
    atr = ATR(14)
    prices = [160 + number * 7 % 90 / 100 for number in range(BARS)]
    bars = [OHLCV(price, price + 0.1, price - 0.1, price, 1) for price in prices]
    began = time.process_time()
    for bar in bars:
        atr.add(bar)
        atr.purge_oldest(1)
    return (time.process_time() - began) / BARS


def main() -> None:
    took = sorted(per_update() for _ in range(ROUNDS))
    found = {"version": version("talipp"), "update": took[ROUNDS // 2]}
    sys.stdout.write(json.dumps(found) + "\n")


if __name__ == "__main__":
    main()
