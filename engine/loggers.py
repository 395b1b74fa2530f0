"""The loggers of the engine: whoever handles a remark cannot hit whoever made it.

``logging`` calls a handler on the thread that logs, and lets its exceptions through. Remarks come
from the writer, from whoever delivers events and from the kill switch's thread: a program's handler
with a defect must not end any of them. What it raised is told as ``logging`` tells of its own.
"""

from __future__ import annotations

import logging
import sys
import traceback
from typing import Any


class Logger(logging.LoggerAdapter[logging.Logger]):
    def log(self, level: int, msg: object, *args: object, **kwargs: Any) -> None:
        kwargs["stacklevel"] = kwargs.get("stacklevel", 1) + 1  # the place is the caller's
        try:
            super().log(level, msg, *args, **kwargs)
        except Exception:
            if logging.raiseExceptions and sys.stderr is not None:
                traceback.print_exc()


def logger(name: str) -> Logger:
    return Logger(logging.getLogger(name), {})
