"""The commands for files of settings; what they do is loaded when they are called."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def add_to(app: typer.Typer) -> None:
    app.command()(check)


def check(
    files: Annotated[list[Path], typer.Argument(metavar="FILE...", help="Settings, TOML.")],
) -> None:
    """Say everything that is wrong in files of settings, and what is dangerous."""
    from engine.cli.check import check as check_files

    raise typer.Exit(check_files(files))
