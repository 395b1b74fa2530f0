"""What lies between the simulated exchange and the core, where a test wants it to go wrong."""

from __future__ import annotations

import random
from collections.abc import Callable

from engine.inputs import ExecutionReported, Input


class Courier:
    """Between exchange and core: repeats, loses, reorders and delays what it carries, and loses
    requests. ``heal`` ends all of it and hands over what was held back."""

    def __init__(self) -> None:
        self.repeats = 1
        self.lost: set[type[Input]] = set()
        self.shuffle: random.Random | None = None
        self.execution_delay_ns = 0
        self.executions_to_lose = 0
        self.requests_to_lose = 0
        self.delayed: list[tuple[int, Input]] = []
        self.change: Callable[[Input], Input] = lambda told: told
        self.used = False

    @property
    def next_ns(self) -> int | None:
        return min((at for at, _ in self.delayed), default=None)

    def carry(self, inputs: list[Input], now_ns: int) -> list[Input]:
        arrived: list[Input] = []
        for item in inputs:
            live = isinstance(item, ExecutionReported)
            if type(item) in self.lost:
                self.used = True
            elif live and self.executions_to_lose:
                self.used = True
                self.executions_to_lose -= 1
            elif live and self.execution_delay_ns:
                self.used = True
                self.delayed.append((now_ns + self.execution_delay_ns, item))
            else:
                arrived += [item] * self.repeats
        if self.shuffle is not None:
            self.shuffle.shuffle(arrived)
        return list(map(self.change, arrived))

    def due(self, now_ns: int) -> list[Input]:
        ready = [item for at, item in self.delayed if at <= now_ns]
        self.delayed = [(at, item) for at, item in self.delayed if at > now_ns]
        return ready

    def loses_request(self) -> bool:
        if not self.requests_to_lose:
            return False
        self.requests_to_lose -= 1
        self.used = True
        return True

    def heal(self) -> list[Input]:
        ready = [item for _, item in self.delayed]
        used = self.used
        self.__init__()  # type: ignore[misc]
        self.used = used
        return ready
