"""Plain tables for a shell: columns aligned, names to the left, numbers to the right; and figures
in their cells."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from decimal import Decimal
from typing import Final, TypeVar

NONE: Final = "-"  # where there is nothing to divide by
T = TypeVar("T")


def rows(table: Sequence[Sequence[str]]) -> list[str]:
    """One line a row; the first column is left-aligned, the others right."""
    widths = [max(len(row[column]) for row in table) for column in range(len(table[0]))]
    return [
        "  ".join(
            cell.ljust(width) if column == 0 else cell.rjust(width)
            for column, (cell, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in table
    ]


def maybe(value: T | None, words_of: Callable[[T], str]) -> str:
    return NONE if value is None else words_of(value)


def number(value: Decimal | None) -> str:
    return maybe(value, lambda one: f"{one:.2f}")


def share(value: Decimal | None) -> str:
    return maybe(value, lambda one: f"{one:.0%}")
