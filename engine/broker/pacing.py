"""How fast frames may leave, and which first. Pure: time comes in, frames come out.

TWS allows about 50 messages in a second over everything that is sent, answers more with error
100, and in the end with a closed socket; a burst inside that second can freeze a gateway. So
two windows bound the rate, one of a second and one of a tenth. The last fifth of both is kept
for cancels, protection and exits, so that data requests never make them wait.
"""

from __future__ import annotations

from collections import deque
from enum import IntEnum
from typing import Final

SECOND_NS: Final = 1_000_000_000
SLOT_NS: Final = 100_000_000
RESERVE: Final = 5  # one part in five is for cancels, protection and exits
QUEUED_MAX: Final = 20_000  # frames; far above what one sync of a full account asks


class Priority(IntEnum):
    """Lower goes first."""

    CANCEL_PROTECT = 0
    EXIT = 1
    QUERY = 2
    ENTRY = 3
    DATA = 4


class Pacer:
    """A token bucket with priorities.

    Frames of one priority keep their order. Frames that carry an ``order_id`` also keep it
    across priorities: TWS refuses ids that arrive out of order (error 103), and a child must
    not arrive before its parent. So a hurried order lifts the orders queued before it.
    """

    def __init__(self, messages_per_s_max: int) -> None:
        assert messages_per_s_max > 0
        self.second_max = messages_per_s_max
        self.slot_max = -(-messages_per_s_max // 10)
        self._queues: tuple[deque[tuple[int | None, bytes]], ...] = tuple(deque() for _ in Priority)
        self._waiting = 0  # frames in all of them
        self._released: deque[int] = deque(maxlen=messages_per_s_max)  # times of the last ones

    def __len__(self) -> int:
        return self._waiting

    @property
    def urgent(self) -> bool:
        """Whether an order or a cancel has not left yet."""
        return any(self._queues[: Priority.QUERY])

    def submit(self, priority: Priority, frame: bytes, order_id: int | None = None) -> None:
        """Queue ``frame``; ``release`` says when it may leave.

        Raises:
            OverflowError: QUEUED_MAX frames are waiting; this one was not taken.
        """
        if self._waiting >= QUEUED_MAX:
            raise OverflowError(f"{QUEUED_MAX} frames wait to be sent")
        if order_id is not None:
            for lower in range(priority + 1, len(self._queues)):
                if self._queues[lower]:
                    self._lift_orders(lower, priority)
        self._queues[priority].append((order_id, frame))
        self._waiting += 1

    def holds(self, order_id: int) -> bool:
        """Whether a frame of this order has not left yet."""
        return any(held == order_id for queue in self._queues for held, _ in queue)

    def release(self, now_ns: int) -> list[bytes]:
        """The frames that may leave now, in order."""
        frames: list[bytes] = []
        if not self._waiting:
            return frames
        for priority, queue in enumerate(self._queues):
            while queue and self._free_ns(priority) <= now_ns:
                frames.append(queue.popleft()[1])
                self._released.append(now_ns)
        self._waiting -= len(frames)
        return frames

    def next_release_ns(self) -> int | None:
        """When ``release`` will have something; None while nothing is queued."""
        if not self._waiting:
            return None
        return min(self._free_ns(priority) for priority, queue in enumerate(self._queues) if queue)

    def room(self, now_ns: int) -> int:
        """How many frames of an order could leave at once; none while any waits."""
        if self._waiting:
            return 0
        second = slot = 0
        for at_ns in reversed(self._released):
            if at_ns <= now_ns - SECOND_NS:
                break
            second += 1
            slot += at_ns > now_ns - SLOT_NS
        return max(min(self.second_max - second, self.slot_max - slot), 0)

    @property
    def room_max(self) -> int:
        """What ``room`` is when nothing has left for a while."""
        return min(self.second_max, self.slot_max)

    def left(self, frames: int, now_ns: int) -> None:
        """So many frames have left by another hand, and count."""
        self._released.extend([now_ns] * frames)

    def clear(self) -> int:
        """Forget what is queued (the connection is gone); returns how many frames that were."""
        count, self._waiting = self._waiting, 0
        for queue in self._queues:
            queue.clear()
        return count

    def _lift_orders(self, lower: int, priority: int) -> None:
        queue = self._queues[lower]
        if not any(order_id is not None for order_id, _ in queue):
            return
        kept = [item for item in queue if item[0] is None]
        self._queues[priority].extend(item for item in queue if item[0] is not None)
        queue.clear()
        queue.extend(kept)

    def _free_ns(self, priority: int) -> int:
        """The earliest time at which both windows have room for one frame of ``priority``."""
        whole = priority <= Priority.EXIT
        return max(
            self._room_ns(self.second_max, SECOND_NS, whole),
            self._room_ns(self.slot_max, SLOT_NS, whole),
        )

    def _room_ns(self, allowed: int, window_ns: int, whole: bool) -> int:
        if not whole:
            allowed = max(1, allowed - -(-allowed // RESERVE))
        if len(self._released) < allowed:
            return 0
        return self._released[-allowed] + window_ns
