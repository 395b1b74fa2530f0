"""Rows of what goes wrong, each with who shows that it does no harm: written as text, read here.

A row names the faults of the simulator that make it happen, or their own rows say so, and the
tests that play it; a name is ``file::test``.
"""

from __future__ import annotations

import attrs

from engine.sim.faults import KINDS


@attrs.frozen
class Row:
    number: int
    what: str
    tests: tuple[str, ...]
    faults: tuple[str, ...] = ()  # of a pain; those of the matrix come from the faults' own rows

    @property
    def kinds(self) -> tuple[str, ...]:
        return self.faults or tuple(
            name for name, kind in KINDS.items() if self.number in kind.rows
        )


def rows_of(text: str) -> tuple[Row, ...]:
    """``number what | file::test … | fault …``, a row in each paragraph."""
    found = []
    for paragraph in text.strip().split("\n\n"):
        head, tests, *faults = (" ".join(part.split()) for part in paragraph.split("\n| "))
        number, _, what = head.partition(" ")
        named = tuple(faults[0].split()) if faults else ()
        found.append(Row(int(number), what, tuple(tests.split()), named))
    return tuple(found)


def line(row: Row) -> str:
    """As docs/faults.md has it."""
    kinds = ", ".join(f"`{name}`" for name in row.kinds) or "-"
    proofs = "; ".join(f"`{name}`" for name in row.tests)
    return f"| {row.number} | {row.what} | {kinds} | {proofs} |"
