"""What waits to be sent to one client: whole frames, in order, joined into few large writes.

Sans-I/O: the server asks for ``pending`` bytes and says how many the socket took. The bound makes
a client that stopped reading a stated fault instead of a growing process.
"""

from __future__ import annotations

from collections import deque
from typing import Final

import attrs

from engine.errors import LimitError

BACKLOG_BYTES_MAX: Final = 64 << 20
# One write; larger ones only delay other clients. A burst that was put as one piece may be more.
WRITE_BYTES_MAX: Final = 256 << 10


@attrs.define
class Line:
    """What is wrong with a connection: nothing of it is sent, nothing that comes is heard, it is
    sent in pieces of so many bytes, or it is to be reset."""

    stalled: bool = False
    deaf: bool = False
    piece_bytes: int = 0
    aborted: bool = False


class Delivery:
    """The outgoing queue of one client.

    Raises:
        LimitError: from ``put``, when the backlog would pass ``backlog_bytes_max``.
    """

    def __init__(self, backlog_bytes_max: int = BACKLOG_BYTES_MAX) -> None:
        self._frames: deque[bytes] = deque()
        self._write = memoryview(b"")  # what the socket has begun to take
        self._unsent_bytes = 0
        self._backlog_bytes_max = backlog_bytes_max
        self.frames_total = 0
        self.line = Line()

    def __len__(self) -> int:
        """Bytes that have not been sent."""
        return self._unsent_bytes

    @property
    def empty(self) -> bool:
        """Whether all has been sent."""
        return not (self._frames or self._write)

    def put(self, frame: bytes) -> None:
        unsent_bytes = self._unsent_bytes + len(frame)
        if unsent_bytes > self._backlog_bytes_max:
            raise self._full()
        self._unsent_bytes = unsent_bytes
        self._frames.append(frame)
        self.frames_total += 1

    def put_all(self, frames: list[bytes]) -> None:
        unsent_bytes = self._unsent_bytes + sum(map(len, frames))
        if unsent_bytes > self._backlog_bytes_max:
            raise self._full()
        self._unsent_bytes = unsent_bytes
        self._frames += frames
        self.frames_total += len(frames)

    def _full(self) -> LimitError:
        return LimitError(
            f"{len(self)} bytes wait for a client that does not read;"
            f" {self._backlog_bytes_max} is the most"
        )

    @property
    def room(self) -> int:
        """Bytes that may be put until the backlog is full."""
        return self._backlog_bytes_max - len(self)

    def put_joined(self, frames: bytes, count: int) -> None:
        """Many frames that stand one behind the other, for which there is room."""
        assert len(frames) <= self.room, (len(frames), self.room)
        self._frames.append(frames)
        self._unsent_bytes += len(frames)
        self.frames_total += count

    def pending(self) -> memoryview:
        """The bytes to write next, the same until ``sent`` has been told of all of them."""
        line = self.line
        if line.stalled:
            return memoryview(b"")
        if not self._write and self._frames:
            self._write = memoryview(self._joined())
        return self._write[: line.piece_bytes] if line.piece_bytes else self._write

    def drain(self) -> list[bytes]:
        """All that waits, in the pieces in which it is written; it counts as sent."""
        line, found = self.line, []
        whole = not (self._write or line.stalled or line.piece_bytes)
        if whole and self._frames and self._unsent_bytes <= WRITE_BYTES_MAX:
            joined = self._joined()
            self._unsent_bytes = 0
            return [joined]  # as nearly always
        while pending := self.pending():
            found.append(bytes(pending))
            self.sent(len(pending))
        return found

    def _joined(self) -> bytes:
        """The next write: all frames, or as many as it may hold."""
        frames = self._frames
        if self._unsent_bytes <= WRITE_BYTES_MAX:  # there is no other write under way
            joined = b"".join(frames)
            frames.clear()
        else:
            chosen = [frames.popleft()]
            size = len(chosen[0])
            while frames and size + len(frames[0]) <= WRITE_BYTES_MAX:
                chosen.append(frames.popleft())
                size += len(chosen[-1])
            joined = b"".join(chosen)
        return joined

    def sent(self, count: int) -> None:
        assert 0 <= count <= len(self._write), (count, len(self._write))
        self._write = self._write[count:]
        self._unsent_bytes -= count
