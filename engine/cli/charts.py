"""``engine charts export``: the statecharts as pictures and tables."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

from engine.cli.taken import taken as counts_of
from engine.errors import UserError
from statecharts.diagram import export


def export_charts(directory: Path, form: str, taken: Sequence[Path]) -> None:
    """Write them and say which files those are.

    Raises:
        UserError: a file cannot be read or written.
    """
    counts = counts_of(taken) if taken else None
    try:
        for file in export(directory, form, counts):
            sys.stdout.write(f"{file}\n")
    except OSError as problem:
        raise UserError(f"{directory}: cannot be written: {problem.strerror}") from None
