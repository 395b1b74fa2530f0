"""The kill switch as a file: whoever can write beside the journal can stop the trading.

``echo "3 get out" > trades.journal.halt``: a level from 1 to 3 (2 unless it is given) and why.
Each file pulls once: what a person resumes is not overruled by a file that is still there, but a
new one is heard, and one that lies there when the engine starts is heard first of all.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final

from engine.halts import LEVELS, TAKE_BACK
from engine.inputs import HaltRequested, Input

BYTES_MAX: Final = 400


class HaltFile:
    """Belongs to the writer, which looks twice a second."""

    def __init__(self, path: Path) -> None:
        self.path = path.absolute()  # the program may go to another folder
        self._heard: tuple[int, int, int] | None = None

    def look(self) -> list[Input]:
        """What it says, if it says anything new. A file that cannot be read says level 2."""
        try:
            about = self.path.stat()
        except OSError:
            self._heard = None
            return []
        identity = about.st_ino, about.st_mtime_ns, about.st_size
        if identity == self._heard:
            return []
        self._heard = identity
        level, why = _read(self.path)
        return [HaltRequested(level, "file", why)]


def _read(path: Path) -> tuple[int, str]:
    try:
        with path.open("rb") as file:
            text = file.read(BYTES_MAX).decode("utf-8", "replace")
    except OSError as problem:
        return TAKE_BACK, f"{path.name} is there and cannot be read: {problem.strerror}"
    first, _, rest = text.strip().partition(" ")
    said = first in {str(level) for level in LEVELS}
    level, why = (int(first), rest) if said else (TAKE_BACK, text)
    return level, " ".join(why.split()) or f"{path.name} is there"
