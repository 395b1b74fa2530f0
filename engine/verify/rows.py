"""Which rows of the charts are ever taken, how often, and why some are not.

A row is (lifecycle, state, event), as the vocabulary names them in lower case. Counts come from
explorations and from runs of tests; those of several can be added.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from engine.charts import LIFECYCLES
from engine.errors import UserError

Row = tuple[str, str, str]
Counts = dict[Row, int]
Cells = NDArray[np.int64]

_DRAFT: Final = "a draft is placed in the step that makes it; nobody speaks of it before"
REASONS: Final[dict[Row, str]] = {
    ("order asked", "draft", "filled_full"): _DRAFT,
    ("order asked", "draft", "cancelled"): _DRAFT,
    ("order asked", "draft", "rejected"): _DRAFT,
    ("order asked", "draft", "proven_absent"): _DRAFT,
    ("order asked", "amending", "rejected"): (
        "a refusal while an amendment is open is of the amendment; every death puts the ask to rest"
    ),
}


class Counting:
    """Counts from here on. Whoever counts around it goes on counting."""

    def __init__(self) -> None:
        self._before: list[Cells | None] = []
        for one in LIFECYCLES:
            cells = one.stepper.counts
            self._before.append(None if cells is None else cells.copy())
            if cells is None:
                one.stepper.count()

    def end(self) -> Counts:
        """The rows that were taken."""
        counts: Counts = {}
        for one, before in zip(LIFECYCLES, self._before, strict=True):
            cells = one.stepper.counts
            assert cells is not None, "somebody has ended the counting"
            if before is None:
                one.stepper.count(False)
            else:
                cells = cells - before
            for state, event, _ in one.rows():
                if times := int(cells[state, event]):
                    counts[one.name, *_words(state, event)] = times
        return counts


def add(counts: Counts, more: Counts) -> None:
    for row, times in more.items():
        counts[row] = counts.get(row, 0) + times


def every() -> list[Row]:
    """Every row there is, in the order of the charts."""
    return [
        (one.name, state.name.lower(), event.name.lower())
        for one in LIFECYCLES
        for state, event, _ in one.rows()
    ]


def unexplained(counts: Counts) -> list[Row]:
    """Rows that were not taken, and nobody says why."""
    return [row for row in every() if row not in counts and row not in REASONS]


def stale(counts: Counts) -> list[Row]:
    """Reasons that are none: their rows were taken, or are gone."""
    rows = set(every())
    return [row for row in REASONS if row in counts or row not in rows]


# -- as data ---------------------------------------------------------------------------------


def tree(counts: Counts) -> dict[str, dict[str, dict[str, int]]]:
    """For JSON: lifecycle, state, event, times."""
    found: dict[str, dict[str, dict[str, int]]] = {}
    for (name, state, event), times in counts.items():
        found.setdefault(name, {}).setdefault(state, {})[event] = times
    return found


def read(data: Any, place: str) -> Counts:
    """The counts of a tree.

    Raises:
        UserError: it is none, or has rows that no chart has; names ``place``.
    """
    counts: Counts = {}
    known = set(every())
    for row, times in _leaves(data, (), place):
        if row not in known:
            raise UserError(f"{place}: no chart has a row {' '.join(row)}; count anew")
        counts[row] = times
    return counts


def _leaves(data: Any, path: tuple[str, ...], place: str) -> Iterator[tuple[Row, int]]:
    if len(path) == 3 and isinstance(data, int) and data > 0:
        yield path, data
    elif len(path) < 3 and isinstance(data, dict):
        for key, value in data.items():
            yield from _leaves(value, (*path, key), place)
    else:
        where = " ".join(path) or "the whole"
        raise UserError(f"{place}: {where} is no count of rows; write it with pytest --rows")


# -- for people ------------------------------------------------------------------------------


def lines(counts: Counts) -> Iterator[str]:
    """A table for each lifecycle: its rows with how often each was taken, or why never."""
    for one in LIFECYCLES:
        name, rows = one.name, one.rows()
        taken = sum((name, *_words(state, event)) in counts for state, event, _ in rows)
        yield f"{name}: {taken} of {len(rows)} rows taken"
        for state, event, after in rows:
            row: Row = (name, *_words(state, event))
            times = counts.get(row)
            said = f"{times:,}" if times else f"never: {REASONS.get(row, 'nobody says why')}"
            if times and row in REASONS:
                said += f"  (not never: {REASONS[row]})"
            yield f"  {row[1]:14} {row[2]:20} {after.name.lower():14} {said}"
        yield ""


def _words(state: Any, event: Any) -> tuple[str, str]:
    return state.name.lower(), event.name.lower()
