"""What the program itself remarks, in Python's ``logging``, for those who show or keep it."""

from __future__ import annotations

import logging
from collections.abc import Callable
from types import TracebackType
from typing import Any, Final, Self

import attrs

LOGGER: Final = logging.getLogger("engine")  # all of the engine's are below it


@attrs.frozen
class Remark:
    at_ns: int  # of this machine's clock
    level: str
    text: str
    logger: str = ""
    failure: Any = None  # an exception with its traceback, as ``logging`` has it


class Remarks(logging.Handler):
    """Gives each remark of ``level`` or above to ``take``, on the thread that made it.

    That may be the writer's, so there is no lock here: ``take`` only puts it somewhere.
    """

    def __init__(self, level: int, take: Callable[[Remark], object]) -> None:
        super().__init__(level)
        self._take = take

    def handle(self, record: logging.LogRecord) -> bool:
        """Without the lock that ``logging`` puts around ``emit``."""
        self.emit(record)
        return True

    def emit(self, record: logging.LogRecord) -> None:
        at_ns, level = int(record.created * 1e9), record.levelname.lower()
        try:
            text = record.getMessage()
            self._take(Remark(at_ns, level, text, record.name, record.exc_info))
        except Exception:  # whoever logs is not to be hit by it
            self.handleError(record)

    def __enter__(self) -> Self:
        LOGGER.addHandler(self)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        problem: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        LOGGER.removeHandler(self)
