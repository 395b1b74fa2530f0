"""What viewers are told: made once for all of them, and never more than the newest.

A viewer says what it has seen; it gets the sections that have changed since, and the entries that
were added. Whoever is slow gets more at once, and nothing twice; what it missed so long that it is
kept no more is counted. Nothing waits for anybody.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Iterable
from typing import Final

import attrs

from engine.redaction import Redaction

ENTRIES_MAX: Final = 1_500


@attrs.frozen
class Seen:
    """How far a viewer is: the tick of its latest message, and the number of its last entry."""

    tick: int = 0
    entry: int = 0


class Feed:
    """One thread puts, others read; everything under one lock that is held for moments."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._tick = 0
        self._sections: dict[str, tuple[int, bytes]] = {}
        self._entries: deque[tuple[int, bytes]] = deque(maxlen=ENTRIES_MAX)
        self._entry = 0
        self._redaction = Redaction()
        self._made: dict[Seen, tuple[Seen, bytes]] = {}

    def put(
        self,
        sections: Iterable[tuple[str, bytes]],
        entries: Iterable[Callable[[int], bytes]] = (),
        account: str = "",
    ) -> None:
        """Replace what has changed, and add entries, each made with its number."""
        with self._lock:
            self._tick += 1
            self._made.clear()
            self._redaction.learn(account)
            for name, data in sections:
                known = self._sections.get(name)
                if known is None or known[1] != data:
                    self._sections[name] = self._tick, data
            for make in entries:
                self._entry += 1
                self._entries.append((self._entry, make(self._entry)))

    def since(self, seen: Seen) -> tuple[Seen, bytes]:
        """One JSON object with what came after ``seen``, and how far that goes."""
        with self._lock:
            made = self._made.get(seen)
            if made is None:
                made = self._made[seen] = Seen(self._tick, self._entry), self._masked(seen)
            return made

    def masked(self, data: bytes) -> bytes:
        """Without numbers of accounts, and without keys."""
        return self._redaction.text(data.decode()).encode()

    def _masked(self, seen: Seen) -> bytes:
        fresh = [
            b'"' + name.encode() + b'":' + data
            for name, (tick, data) in self._sections.items()
            if tick > seen.tick
        ]
        added = [data for number, data in self._entries if number > seen.entry]
        missed = self._entry - seen.entry - len(added) if seen.tick else 0
        return self.masked(
            b'{"tick":%d,"missed":%d,"sections":{' % (self._tick, missed)
            + b",".join(fresh)
            + b'},"entries":['
            + b",".join(added)
            + b"]}"
        )
