"""The process that reads a journal for the dashboard: one line of JSON in, one out.

A replay takes the interpreter for as long as it lasts, so it is not done where orders are. It reads
in slices and says how far it is; what was read once is not read again, and a journal that grows is
followed.

    python -m engine.web.history_child JOURNAL
"""

from __future__ import annotations

import os
import sys
import time
from pathlib import Path
from typing import Any, Final

import orjson

from engine.errors import EngineError, JournalError
from engine.journal_chain import JournalReader
from engine.retrace import Retrace
from engine.web.stories import Stories

SLICE_S: Final = 0.4
NICE: Final = 10
RECORDS_MAX: Final = 400_000  # of a longer journal, what came after the oldest snapshot


class Reading:
    """Of one journal, as far as it has been read."""

    def __init__(self, place: Path) -> None:
        self._place = place
        self._stories: Stories | None = None
        self._began = 0  # the record behind which it began
        self._problem = ""

    def answer(self, asked: dict[str, Any]) -> bytes:
        count = self._read()
        stories = self._stories
        assert stories is not None
        told: dict[str, Any] = {"read": stories.seq, "of": count, "from": self._began + 1,
                                "problem": self._problem}  # fmt: skip
        number = asked.get("trade")
        if number is None:
            steps = [[*step, count] for step, count in stories.steps.items()]
            return orjson.dumps({**told, "trades": stories.heads(), "steps": steps})
        story = stories.story(int(number))
        if story is None:
            return orjson.dumps({**told, "error": "there is no such trade in the journal"})
        return orjson.dumps({**told, "trade": orjson.Fragment(story.whole())})

    def _read(self) -> int:
        """A slice more; how many records there are."""
        with JournalReader(self._place) as reader:
            if self._stories is None:
                self._stories = Stories(Retrace.of(reader, RECORDS_MAX))
                self._began = self._stories.seq
            if self._problem:
                return reader.count
            until_s = time.monotonic() + SLICE_S
            try:
                for record in reader.records(self._stories.seq):
                    self._stories.feed(record)
                    if time.monotonic() > until_s:
                        break
            except JournalError as problem:
                self._problem = str(problem)
            return reader.count


def main(arguments: list[str]) -> int:
    (name,) = arguments
    os.nice(NICE)
    reading = Reading(Path(name))
    for line in sys.stdin.buffer:
        try:
            told = reading.answer(orjson.loads(line))
        except EngineError as problem:
            told = orjson.dumps({"error": str(problem)})
        sys.stdout.buffer.write(told + b"\n")
        sys.stdout.buffer.flush()
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
