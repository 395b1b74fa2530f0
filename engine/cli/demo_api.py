"""``engine demo-api``: a prediction API to try polling with, until it is told to end."""

from __future__ import annotations

import signal
import sys
import threading
import time
from collections.abc import Callable
from typing import Final

import attrs

from engine.errors import UserError
from engine.redaction import Secret
from engine.signals.demo_api import DemoApi, Fault
from engine.signals.keys import read_key_file
from engine.sim.follow import FollowedClock

TICKERS: Final = ("AAPL", "IBM", "MSFT")


@attrs.frozen(kw_only=True)
class DemoApiOptions:
    symbols: tuple[str, ...]
    port: int
    seed: int
    period_s: float
    limit: int
    key_file: str
    faults: tuple[str, ...]
    clock_from: int | None
    seconds: float | None


def serve(options: DemoApiOptions) -> None:
    """Until a signal or the time limit ends it.

    Raises:
        UserError: a port in use, a key file or a fault that makes no sense, no simulator.
    """
    tickers = options.symbols or TICKERS
    if options.limit < 1:
        raise UserError(f"--limit {options.limit}: at least 1")
    key = Secret(read_key_file(options.key_file).encode()) if options.key_file else None
    now_ns: Callable[[], int] = time.time_ns
    if options.clock_from is not None:
        now_ns = FollowedClock(options.clock_from).now_ns
    api = DemoApi(
        tickers,
        seed=options.seed,
        key=key,
        port=options.port,
        period_s=options.period_s,
        limit=options.limit,
        faults=[Fault.parse(word) for word in options.faults],
        now_ns=now_ns,
    )
    ended = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda _number, _frame: ended.set())
    with api:
        every = f"a prediction every {options.period_s:g} s"
        sys.stdout.write(f"demo-api: listening on {api.url} ({' '.join(tickers)}, {every})\n")
        sys.stdout.flush()
        ended.wait(options.seconds)
