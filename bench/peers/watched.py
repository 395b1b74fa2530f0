"""The engine of the orders, with its dashboard or without: it trades once those who watch are
there.

    python -m bench.peers.watched PORT [plain]

Prints the dashboard's link (``plain``: an empty line), becomes live when a line comes in, ends
when its input does.
"""

from __future__ import annotations

import os
import sys

from bench.peers.engine import config
from engine.engine import Engine
from engine.operations import operations
from engine.web.dashboard import Dashboard
from engine.web.settings import Web


def main() -> None:
    port, *plain = sys.argv[1:]
    engine = Engine(config(int(port), "orders", ["IBM"]))
    if plain:
        print(flush=True)
    else:
        dashboard = Dashboard(engine, Web(port=0), operations(engine, lambda: ()))
        print(dashboard.start().link, flush=True)
    sys.stdin.readline()
    engine.start()
    sys.stdin.read()
    engine.stop()
    os._exit(0)


if __name__ == "__main__":
    main()
