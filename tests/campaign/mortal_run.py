"""``engine run`` that kills itself (SIGKILL) before its N-th write or sync, or within a send.

    python -m tests.campaign.mortal_run sync:40 run --plain …

Nothing in the engine knows of it: the disk and the sockets that it uses are replaced before it
starts. Of what is being sent, half is on its way when the process dies.
"""

from __future__ import annotations

import os
import signal
import sys
from typing import Any

import attrs

from engine import journal
from engine.broker.sockets import Sockets
from engine.cli.main import main
from tests.faulty_disk import FaultyDisk

KINDS = ("write", "sync", "send")


def die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


@attrs.define
class MortalDisk(FaultyDisk):
    """Dies in the system's hands instead of in a test's."""

    kind: str = ""
    at: int = 0

    def fate(self, kind: Any, path: str) -> Any:
        found = super().fate(kind, path)
        if kind == self.kind and self.counts[kind] == self.at:
            die()
        return found


class MortalStream:
    """A socket in whose N-th send, counted over all of them, the process dies."""

    def __init__(self, inner: Any, counts: list[int], at: int) -> None:
        self._inner, self._counts, self._at = inner, counts, at

    def send(self, data: memoryview, /) -> int:
        self._counts[0] += 1
        if self._counts[0] == self._at:
            self._inner.send(data[: len(data) // 2])
            die()
        return int(self._inner.send(data))

    def __getattr__(self, name: str) -> Any:
        return getattr(self._inner, name)


def arm(kind: str, at: int) -> None:
    assert kind in KINDS, kind
    if kind != "send":
        disk = MortalDisk(kind=kind, at=at)
        journal.Disk = lambda: disk  # type: ignore[assignment, misc]
        return
    connect, counts = Sockets.connect, [0]

    def connected(self: Sockets, *arguments: Any) -> Any:
        return MortalStream(connect(self, *arguments), counts, at)

    Sockets.connect = connected  # type: ignore[method-assign]


if __name__ == "__main__":
    where, _, number = sys.argv[1].partition(":")
    arm(where, int(number))
    main(sys.argv[2:])
