"""Faults drawn by a seed: the same seed breaks the same things at the same moments."""

from __future__ import annotations

import random
from collections.abc import Sequence
from typing import Final

from engine.sim.fault_script import parse
from engine.sim.faults import EVENTS, KINDS, SECOND_NS, Fault

FAULTS_DRAWN: Final = 12
EVENT_MAX: Final = 6  # waits for one of the first so many
CHANCE_OF_EVENT: Final = 0.4
LASTS_S: Final = (5, 60)  # a drawn rule that would never end ends after so long


def draw(
    seed: int, symbols: Sequence[str], horizon_ns: int, count: int = FAULTS_DRAWN
) -> list[Fault]:
    """``count`` faults within ``horizon_ns`` of the start, from the samples of all kinds."""
    stream = random.Random(f"fault-draw/{seed}")
    lines = [drawn_line(stream, symbols, horizon_ns) for _ in range(count)]
    return parse(lines, f"faults of seed {seed}")


def drawn_line(
    stream: random.Random,
    symbols: Sequence[str],
    horizon_ns: int,
    kinds: Sequence[str] = tuple(sorted(KINDS)),
) -> str:
    """One line of a script: every one of ``kinds`` is as likely as any other."""
    kind = KINDS[stream.choice(kinds)]
    sample = stream.choice(kind.samples).format(symbol=stream.choice(list(symbols)))
    if stream.random() < CHANCE_OF_EVENT:
        when = f"{stream.choice(EVENTS)}:{stream.randint(1, EVENT_MAX)}"
    else:
        when = f"+{stream.randrange(max(horizon_ns // SECOND_NS, 1))}s"
    endless = kind.nature == "rule" and "for=" not in sample
    lasts = f" for={stream.randint(*LASTS_S)}s" if endless else ""
    return f"{when} {sample}{lasts}"
