"""An engine with a webhook, at the sender's port.

    python -m bench.peers.hook PORT CONNECTIONS JOURNAL DURABILITY [SIGNALS_PER_S]

Prints the webhook's port and the exchange's time in milliseconds once it takes signals; ends when
its standard input does, and prints what it counted.
"""

from __future__ import annotations

import base64
import json
import os
import sys
import time
from typing import Literal, cast

from bench.peers.poster import KEY, SOURCE
from engine.config import from_mapping
from engine.engine import Engine


def main() -> None:
    port, connections, path, durability, *rate = sys.argv[1:]
    os.environ["ENGINE_WEBHOOK_KEY_BENCH"] = "whsec_" + base64.b64encode(KEY).decode()
    per_s = float(rate[0]) if rate else 1e6
    config = from_mapping(
        {
            "strategy": {"symbols": [f"T{n}" for n in range(int(connections))]},
            "broker": {"port": int(port)},
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
    engine.start()
    assert engine.ways.webhook is not None
    while not engine._readiness():
        time.sleep(0.05)
    print(engine.ways.webhook.port, engine.view().now_ns // 1_000_000, flush=True)
    sys.stdin.read()
    told = engine.ways.counts()["webhook"]
    engine.stop()
    print(json.dumps(told), flush=True)
    os._exit(0)


if __name__ == "__main__":
    main()
