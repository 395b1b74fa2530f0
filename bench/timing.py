"""Two pieces of work timed in turns, so that a noisy minute hits both, and in processor time, so
that it hits them less."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Sequence

Work = Callable[[], object]

ROUNDS = 7
ROUND_S = 0.015


def interleaved(works: Sequence[Work], rounds: int = ROUNDS) -> list[float]:
    """Median seconds of the processor per call of each; in every round each has its turn."""
    counts = [calls(work) for work in works]
    samples: list[list[float]] = [[] for _ in works]
    for _ in range(rounds):
        for work, count, kept in zip(works, counts, samples, strict=True):
            kept.append(timed(work, count))
    return [statistics.median(kept) for kept in samples]


def calls(work: Work) -> int:
    """How many calls fill a round."""
    count = 1
    while (took := timed(work, count) * count) < ROUND_S / 4:
        count *= 4 if took < ROUND_S / 16 else 2
    return max(1, round(count * ROUND_S / took))


def timed(work: Work, count: int) -> float:
    steps = range(count)
    began = time.thread_time_ns()
    for _ in steps:
        work()
    return (time.thread_time_ns() - began) / count / 1e9


def percentile(values: Sequence[float], fraction: float) -> float:
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(len(ordered) * fraction))]
