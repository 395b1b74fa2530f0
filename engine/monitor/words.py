"""Plain tables for a shell: columns aligned, names to the left, numbers to the right."""

from __future__ import annotations

from collections.abc import Sequence


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
