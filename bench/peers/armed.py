"""An engine at the sender's port whose rule is armed, or is not, alone or beside a busy thread.

Usage: python -m bench.peers.armed PORT JOURNAL [armed] [hog]

Buys IBM when its last price crosses 100.50. ``hog``: a Python thread of the same process computes
without a pause. Ends when its standard input does, and prints as JSON the microseconds that the
engine itself has measured, from the receipt of a price until armed orders were handed to the
system, and until it had answered.
"""

from __future__ import annotations

import json
import os
import sys
import threading
from typing import Any, cast

from engine.config import from_mapping
from engine.engine import Engine


def main() -> None:
    port, journal, *words = sys.argv[1:]
    rule = {
        "id": "crossing",
        "symbols": ["IBM"],
        "when": {"kind": "market", "field": "last", "op": "above", "level": 100.5},
        "then": {"kind": "enter", "side": "BUY"},
        "armed": "armed" in words,
        "armed_gap_percent": 1.0,
    }
    many = 1_000_000
    config = from_mapping(
        {
            "strategy": {
                "symbols": ["IBM"],
                "sizing": {"shares": 100},
                "stop": {"percent": 5.0},
                "target": {"percent": 1.0},
                "cooldown_s": 0.0,
                "entries_per_day_max": many,
                "rules": [rule],
            },
            "limits": {
                "orders_per_minute_max": many,
                "orders_per_second_max": many,
                "entries_in_window_max": many,
            },
            "broker": {"port": int(port), "tick_by_tick_max": 0, "messages_per_s_max": 10_000},
        }
    )
    engine = Engine(config, journal)
    engine.start()
    if "hog" in words:
        threading.Thread(target=_compute, daemon=True).start()
    sys.stdin.read()
    engine.view()  # whatever has left is counted
    latencies = cast(Any, engine)._runtime.latencies
    told = list(zip(latencies.armed_us, latencies.answered_us, strict=True))
    print(json.dumps(told), flush=True)
    os._exit(0)


def _compute() -> None:
    number = 0
    while True:
        number += 1


if __name__ == "__main__":
    main()
