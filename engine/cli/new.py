"""``engine new`` and ``engine schema``: a file to begin with, and what editors want to know."""

from __future__ import annotations

import sys
from importlib.resources import files
from pathlib import Path

import orjson

from engine.errors import UserError
from engine.settings_schema import schema


def new(path: Path) -> None:
    """Write the starter file; a file that is there is left alone."""
    text = files("engine").joinpath("examples", "starter.toml").read_text("utf-8")
    try:
        with path.open("x", encoding="utf-8") as file:
            file.write(text.replace("FILE", str(path)))
    except FileExistsError:
        raise UserError(f"{path}: is there already; name another file") from None
    except OSError as problem:
        raise UserError(f"{path}: cannot be written: {problem.strerror}") from None
    sys.stdout.write(f"{path} is written; engine explain {path} says what it would do\n")


def print_schema() -> None:
    sys.stdout.buffer.write(orjson.dumps(schema(), option=orjson.OPT_INDENT_2) + b"\n")
