"""The kill switch as a signal of the system: ``kill -USR1`` takes entries back, ``kill -USR2``
closes everything. A process supervisor knows nothing else."""

from __future__ import annotations

import logging
import signal
import threading
from types import FrameType, TracebackType
from typing import TYPE_CHECKING, Any, Final, Self

from engine.errors import EngineError
from engine.halts import FLATTEN, TAKE_BACK

if TYPE_CHECKING:
    from engine.engine import Engine

LOG: Final = logging.getLogger("engine")
SIGNALS: Final = {signal.SIGUSR1: TAKE_BACK, signal.SIGUSR2: FLATTEN}


class HaltSignals:
    """While it is entered, on the main thread, signals pull the switch of ``engine``."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._before: dict[int, Any] = {}

    def __enter__(self) -> Self:
        for number in SIGNALS:
            self._before[number] = signal.signal(number, self._told)
        return self

    def _told(self, number: int, _frame: FrameType | None) -> None:
        # A handler runs in the middle of anything, also of a lock that asking would need.
        threading.Thread(target=self._halt, args=(number,), name="halt", daemon=True).start()

    def _halt(self, number: int) -> None:
        name = signal.Signals(number).name
        try:
            self._engine.halt(SIGNALS[signal.Signals(number)], f"told by {name}", who="signal")
        except (EngineError, TimeoutError) as problem:
            LOG.error("%s came and nothing could be halted: %s", name, problem)

    def __exit__(
        self,
        kind: type[BaseException] | None,
        problem: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)
