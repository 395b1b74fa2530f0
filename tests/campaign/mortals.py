"""Where an engine dies, and a journal and a transport that die there."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable
from typing import Final, Literal

import attrs

from engine.broker.transport import ShouldStop, Stream
from engine.config import Broker
from engine.journal import Journal, JournalFailed
from engine.sim.memory import MemoryTws
from engine.sim.virtual import VirtualStream, VirtualTransport
from tests.faulty_disk import Died, FaultyDisk

Where = Literal["disk", "send", "receive"]
Way = Literal["killed", "power", "lost", "part", "sent"]
WAYS: Final[dict[Where, tuple[Way, ...]]] = {
    "disk": ("killed", "power"),
    "send": ("lost", "part", "sent"),
    "receive": ("killed",),
}


@attrs.frozen
class Point:
    """Where a run dies: in the ``number``-th operation of its kind, and how."""

    where: Where
    number: int
    way: Way

    def __str__(self) -> str:
        return f"{self.where}:{self.number}:{self.way}"

    @classmethod
    def parse(cls, text: str) -> Point:
        where, number, way = text.split(":")
        return cls(where, int(number), way)  # type: ignore[arg-type]


class MortalJournal(Journal):
    """A dead process hears of no failure."""

    def _failed(self, problem: BaseException) -> JournalFailed:
        assert isinstance(self.disk, FaultyDisk)
        self.disk.die_if_dead()
        return super()._failed(problem)


class MortalTransport(VirtualTransport):
    """Counts what is sent and received, and dies there."""

    def __init__(self, tws: MemoryTws, disk: FaultyDisk, point: Point | None) -> None:
        super().__init__(tws)
        self.counts: Counter[str] = Counter()
        self._disk = disk
        self._point = point

    def connect(self, broker: Broker, should_stop: ShouldStop) -> Stream:
        stream = super().connect(broker, should_stop)
        assert isinstance(stream, VirtualStream)
        receive, send = stream.connection.receive, stream.connection.send
        stream.connection.receive = lambda: self._receive(receive)  # type: ignore[method-assign]
        stream.connection.send = lambda data: self._send(send, data)  # type: ignore[method-assign]
        return stream

    def _dies(self, where: Where) -> bool:
        self._disk.die_if_dead()
        self.counts[where] += 1
        point = self._point
        return point is not None and (point.where, point.number) == (where, self.counts[where])

    def _receive(self, receive: Callable[[], bytes]) -> bytes:
        data = receive()
        if self._dies("receive"):
            self.die()
        return data

    def _send(self, send: Callable[[bytes], None], data: bytes) -> None:
        if not self._dies("send"):
            send(data)
            return
        assert self._point is not None
        if self._point.way == "part":
            cut = random.Random(f"{self._point}/{self._disk.seed}").randrange(len(data))
            send(data[:cut])
        elif self._point.way == "sent":
            send(data)
        self.die()

    def die(self) -> None:
        self._disk.dead = True
        raise Died
