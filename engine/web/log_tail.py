"""The last lines of the program's log, for those who look at it from a browser."""

from __future__ import annotations

import logging
from collections import deque
from typing import Final

import attrs

LINES_MAX: Final = 500


@attrs.frozen
class LogLine:
    at_ns: int  # of this machine's clock
    level: str
    text: str


class LogTail(logging.Handler):
    """Keeps lines until they are taken; the oldest go first."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self._lines: deque[LogLine] = deque(maxlen=LINES_MAX)

    def emit(self, record: logging.LogRecord) -> None:
        try:
            text = record.getMessage()
        except Exception:  # whoever logs is not to be hit by it
            self.handleError(record)
            return
        self._lines.append(LogLine(int(record.created * 1e9), record.levelname.lower(), text))

    def take(self) -> list[LogLine]:
        found = []
        while self._lines:
            found.append(self._lines.popleft())
        return found
