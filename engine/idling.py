"""What a quiet moment holds for the writer: looks at what is held and at the guards.

Where time is virtual, whoever lets it pass may take such looks by itself, as long as they find
nothing: ``calm`` says what they would do, ``looked`` takes what they have left behind.
"""

from __future__ import annotations

from collections.abc import Mapping

from engine.calm import Calm
from engine.daybook import DayBook, MarketOf
from engine.guards import Guards
from engine.inputs import Input
from engine.state import State

NEVER_NS = 1 << 62


def look(
    state: State, book: DayBook, guards: Guards, market_of: MarketOf, now_ns: int
) -> list[Input]:
    """What the guards have to say of what is held now."""
    if not state.live:
        return []
    book.sample(state, market_of, now_ns)
    return guards.look(state, book.profit, book.fall, now_ns, book.day_ends_ns)


def calm(
    state: State,
    book: DayBook,
    guards: Guards,
    rows: Mapping[str, int],
    now_ns: int,
    due_ns: int,
    idle_ns: int,
    bars_ns: tuple[int, int],
) -> Calm | None:
    """What looks do until ``due_ns`` (monotonic); None: one may find something. ``bars_ns``: when
    the clock was last seen to end bars, and how often it is."""
    looks = book.looks(state, rows) if state.live else None
    below = None if looks is None else guards.quiet(state, now_ns)
    if below is None or looks is None:
        return None
    peak, drawdown = book.total
    return Calm(
        due_ns=due_ns,
        idle_ns=idle_ns,
        bars_closed_ns=bars_ns[0],
        bars_every_ns=bars_ns[1],
        day_ends_ns=book.day_ends_ns,
        loss_max=below[0],
        fall_max=below[1],
        profit=book.profit,
        peak=peak,
        drawdown=drawdown,
        looks=looks,
    )


def looked(taken: Calm, state: State, book: DayBook, guards: Guards, now_ns: int) -> None:
    """These looks were taken, the latest one now."""
    book.looked(taken.looks, taken.profit, taken.peak, taken.drawdown)
    found = guards.look(state, book.profit, book.fall, now_ns, book.day_ends_ns)
    assert not found, found
