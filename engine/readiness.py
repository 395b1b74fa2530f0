"""Whether a signal could be acted on now; for those who bring signals, before they bring them.

A signal is decided on once and never kept. What came while the session is away would be refused
as ``not_live``, and what came in the first moments of a session, before its prices, as
``no_price``; and neither would ever come again. So the ways in wait, and the age of a prediction
decides when it is still good.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from concurrent.futures import Future
from typing import Any, Final

from engine.errors import LimitError
from engine.state import State
from engine.view import Question, Watched

ASK_S: Final = 0.2
PATIENCE_S: Final = 1.0  # a writer that does not answer is connecting
# A symbol that is not quoted (it is halted, or not traded at this hour) keeps no other waiting.
PRICES_S: Final = 5.0
END_TIMEOUT_S: Final = 5.0


class Readiness:
    """Asks the writer five times a second, on a thread of its own; calling it waits for nobody.

    Args:
        ask: puts a question into the inbox.
    """

    def __init__(self, ask: Callable[[Question], Future[Any]]) -> None:
        self._ask = ask
        self._ready = False
        self._live_since_s: float | None = None
        self._priced = False
        self._ending = threading.Event()
        self._thread: threading.Thread | None = None

    def __call__(self) -> bool:
        return self._ready

    def start(self) -> None:
        self._thread = threading.Thread(target=self._run, name="readiness", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        self._ending.set()
        self._ready = False
        if self._thread is not None:
            self._thread.join(END_TIMEOUT_S)

    def _run(self) -> None:
        while not self._ending.is_set():
            ready = self._look(time.monotonic())
            self._ready = ready and not self._ending.is_set()
            self._ending.wait(ASK_S)

    def _look(self, now_s: float) -> bool:
        try:
            question = Question(_live if self._priced else _live_and_priced)
            live, priced = self._ask(question).result(PATIENCE_S)
        except (TimeoutError, LimitError):
            live = priced = False
        if not live:
            self._live_since_s, self._priced = None, False
            return False
        if self._live_since_s is None:
            self._live_since_s = now_s
        self._priced = priced or now_s - self._live_since_s >= PRICES_S
        return self._priced


def _live(state: State, _: Watched) -> tuple[bool, bool]:
    return state.live, True


def _live_and_priced(state: State, runtime: Watched) -> tuple[bool, bool]:
    now_ns = runtime.now_ns()
    views = (runtime.market_view(symbol, now_ns) for symbol in state.config.strategy.symbols)
    return state.live, all(view.bid and view.ask for view in views)
