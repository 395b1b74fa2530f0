"""The engine of the orders, with its dashboard: it trades once those who watch are there.

    python -m bench.peers.watched PORT

Prints the dashboard's link, becomes live when a line comes in, ends when its input does.
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
    engine = Engine(config(int(sys.argv[1]), "orders", ["IBM"]))
    with Dashboard(engine, Web(port=0), operations(engine, lambda: ())) as dashboard:
        print(dashboard.link, flush=True)
        sys.stdin.readline()
        engine.start()
        sys.stdin.read()
        engine.stop()
    os._exit(0)


if __name__ == "__main__":
    main()
