"""The ``engine`` command.

``main`` is all that is imported at start: the commands and what they need are loaded when they
are used, so that ``engine --help`` and ``engine --version`` answer at once.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import Final

from engine.errors import UserError

USER_ERROR: Final = 2
# Options that take several values in a row: ``--ticks A B`` means ``--ticks A --ticks B``.
SEVERAL: Final = frozenset({"--ticks", "--policy"})


def main(arguments: Sequence[str] | None = None) -> None:
    """Run one command and exit: 0 when it ended in good order, 2 after a mistake of the user
    (told in one line), 1 after a defect of ours (told by its traceback)."""
    given = list(sys.argv[1:] if arguments is None else arguments)
    from engine.cli.app import app

    try:
        app(spread(given), prog_name="engine")
    except UserError as problem:
        text = " ".join(str(problem).split())
        sys.stderr.write(f"engine: {text}\n")
        sys.exit(USER_ERROR)


def spread(arguments: Sequence[str]) -> list[str]:
    """Repeat an option of SEVERAL before each of its values."""
    out: list[str] = []
    repeating = ""
    for word in arguments:
        if word.startswith("-"):
            repeating = word if word in SEVERAL else ""
            out.append(word)
        elif repeating and out[-1] != repeating:
            out += [repeating, word]
        else:
            out.append(word)
    return out
