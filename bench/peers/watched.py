"""The engine of the orders, with its dashboard, its log or neither: it trades once those who watch
are there.

    python -m bench.peers.watched PORT [plain | log]

Prints the dashboard's link (without one an empty line), becomes live when a line comes in, ends
when its input does.
"""

from __future__ import annotations

import os
import sys
import tempfile

from bench.peers.engine import config
from engine.engine import Engine
from engine.monitor.log import Log
from engine.monitor.log_settings import LogSettings
from engine.operations import operations
from engine.web.dashboard import Dashboard
from engine.web.settings import Web


def main() -> None:
    port, *kind = sys.argv[1:]
    engine = Engine(config(int(port), "orders", ["IBM"]))
    if kind:
        if kind == ["log"]:
            file = tempfile.NamedTemporaryFile(suffix=".log")  # noqa: SIM115 - goes with the process
            Log(LogSettings(file=file.name), engine).start()
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
