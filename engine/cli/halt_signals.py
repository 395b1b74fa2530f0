"""The kill switch as a signal of the system: ``kill -USR1`` takes entries back, ``kill -USR2``
closes everything. A process supervisor knows nothing else."""

from __future__ import annotations

import signal
import threading
from types import FrameType
from typing import TYPE_CHECKING, Final

from engine.cli.handlers import Handlers
from engine.control import LATE
from engine.errors import EngineError
from engine.halts import FLATTEN, TAKE_BACK
from engine.loggers import logger

if TYPE_CHECKING:
    from engine.engine import Engine

LOG: Final = logger("engine")
SIGNALS: Final = {signal.SIGUSR1: TAKE_BACK, signal.SIGUSR2: FLATTEN}


class HaltSignals(Handlers):
    """Signals pull the switch of ``engine``."""

    def __init__(self, engine: Engine) -> None:
        super().__init__(dict.fromkeys(SIGNALS, self._told))
        self._engine = engine

    def _told(self, number: int, _frame: FrameType | None) -> None:
        # A handler runs in the middle of anything, also of a lock that asking would need.
        threading.Thread(target=self._halt, args=(number,), name="halt", daemon=True).start()

    def _halt(self, number: int) -> None:
        name = signal.Signals(number).name
        try:
            self._engine.halt(SIGNALS[signal.Signals(number)], f"told by {name}", who="signal")
        except TimeoutError:
            LOG.warning("%s: %s", name, LATE)
        except EngineError as problem:
            LOG.error("%s came and nothing could be halted: %s", name, problem)
