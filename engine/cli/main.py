"""The ``engine`` command.

``main`` is all that is imported at start: the commands and what they need are loaded when they
are used, so that ``engine --help`` and ``engine --version`` answer at once.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import Any, Final, NoReturn

from engine.cli.outputs import Outputs
from engine.errors import OutputError, UserError

USER_ERROR: Final = 2
CUT_SHORT: Final = 141  # the exit code of what SIGPIPE ended, as a shell has it
# Options that take several values in a row: ``--ticks A B`` means ``--ticks A --ticks B``.
SEVERAL: Final = frozenset({"--ticks", "--policy", "--fault", "--taken"})
# Options that may stand without their number, and what that means.
BARE: Final = {"--web": "-1"}


def main(arguments: Sequence[str] | None = None) -> None:
    """Run one command and exit: 0 when it ended in good order, 2 after a mistake of the user
    (told in one line), 1 after a defect of ours (told by its traceback), 141 when whoever reads
    its output had enough."""
    given = list(sys.argv[1:] if arguments is None else arguments) or ["--help"]
    with Outputs():
        try:
            code = _command(given)
            sys.stdout.flush()
        except OutputError as problem:
            if problem.enough:
                sys.exit(CUT_SHORT)
            _mistake(str(problem))
        except UserError as problem:
            _mistake(str(problem))
        sys.exit(code)


def _command(given: list[str]) -> int:
    from typer import BadParameter

    from engine.cli.app import app

    # The base of all mistakes in a command line: typer brings click along under a private name.
    mistake: Any = BadParameter.__mro__[2]
    try:
        code = app(spread(given), prog_name="engine", standalone_mode=False)
    except mistake as problem:
        raise UserError(f"{problem.format_message()} See engine --help.") from None
    return code if isinstance(code, int) else 0


def _mistake(text: str) -> NoReturn:
    line = " ".join(text.split())
    sys.stderr.write(f"engine: {line}\n")
    sys.exit(USER_ERROR)


def spread(arguments: Sequence[str]) -> list[str]:
    """Repeat an option of SEVERAL before each of its values, and complete those of BARE."""
    out: list[str] = []
    repeating = ""
    for word, following in zip(arguments, [*arguments[1:], ""], strict=True):
        if word in BARE and not following.isdecimal():
            out.append(f"{word}={BARE[word]}")
            continue
        if word.startswith("-"):
            repeating = word if word in SEVERAL else ""
            out.append(word)
        elif repeating and out[-1] != repeating:
            out += [repeating, word]
        else:
            out.append(word)
    return out
