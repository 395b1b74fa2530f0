"""An engine with a webhook, at the sender's port.

    python -m bench.peers.hook PORT CONNECTIONS JOURNAL DURABILITY [SIGNALS_PER_S [trading]]

``trading``: it holds a position in each of five of the tickers of its senders, buys IBM when its
price crosses a level, and notes the stages of each step that sent an order. Prints the webhook's
port and the exchange's time in milliseconds once it takes signals; ends when its standard input
does, and prints what it counted.
"""

from __future__ import annotations

import base64
import json
import os
import sys
import time
from typing import Literal, cast

from bench.peers.engine import Probe
from bench.peers.poster import KEY, SOURCE
from engine.config import from_mapping
from engine.engine import Engine

HELD = 5
CROSSING = {
    "id": "crossing",
    "symbols": ["IBM"],
    "when": {"kind": "market", "field": "last", "op": "above", "level": 100.5},
    "then": {"kind": "enter", "side": "BUY"},
}


def main() -> None:
    port, connections, path, durability, *more = sys.argv[1:]
    rate, trading = more[:1], more[1:] == ["trading"]
    symbols = [f"T{n}" for n in range(int(connections))]
    os.environ["ENGINE_WEBHOOK_KEY_BENCH"] = "whsec_" + base64.b64encode(KEY).decode()
    per_s = float(rate[0]) if rate else 1e6
    config = from_mapping(
        {
            "strategy": {
                "symbols": ["IBM", *symbols] if trading else symbols,
                "sizing": {"shares": 100},
                "stop": {"percent": 5.0},
                "target": {"percent": 1.0},
                "cooldown_s": 0.0,
                "entries_per_day_max": 1_000_000,
                "rules": [CROSSING] if trading else [],
            },
            "limits": {
                "orders_per_minute_max": 1_000_000,
                "orders_per_second_max": 1_000_000,
                "entries_in_window_max": 1_000_000,
            },
            "broker": {"port": int(port), "messages_per_s_max": 10_000},
            "signals": {
                "max_age_s": 3600,
                "webhook": {
                    "port": 0,
                    "senders": [{"source": SOURCE}],
                    "signals_per_s": per_s,
                    "burst": max(int(min(per_s, 1e6)), 1),
                },
            },
        }
    )
    engine = Engine(config, path, durability=cast(Literal["full", "normal"], durability))
    probe = Probe(engine) if trading else None
    engine.start()
    assert engine.ways.webhook is not None
    while not engine._readiness():
        time.sleep(0.05)
    for symbol in symbols[:HELD] if trading else ():
        signal = {"ticker": symbol, "signal": "BUY", "confidence": 0.9}
        refusal = engine.publish(signal).result(10)
        assert refusal is None, refusal
    print(engine.ways.webhook.port, engine.view().now_ns // 1_000_000, flush=True)
    sys.stdin.read()
    told = engine.ways.counts()["webhook"]
    told["held"] = sum(one.quantity != 0 for one in engine.view().symbols)
    told["stages"] = [] if probe is None else probe.stages
    engine.stop()
    print(json.dumps(told, default=str), flush=True)
    os._exit(0)


if __name__ == "__main__":
    main()
