"""The commands for files of settings; what they do is loaded when they are called."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def add_to(app: typer.Typer) -> None:
    app.command()(check)
    app.command()(explain)
    app.command()(new)
    app.command()(schema)


def check(
    files: Annotated[list[Path], typer.Argument(metavar="FILE...", help="Settings, TOML.")],
) -> None:
    """Say everything that is wrong in files of settings, and what is dangerous."""
    from engine.cli.check import check as check_files

    raise typer.Exit(check_files(files))


def explain(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="Settings, TOML.")],
    symbol: Annotated[str, typer.Option(metavar="S", help="One of its symbols; the first.")] = "",
    signal: Annotated[str, typer.Option(help="BUY, SELL, SHORT or NEUTRAL.")] = "BUY",
    confidence: Annotated[float, typer.Option(help="Of the signal.")] = 0.7,
    price: Annotated[str, typer.Option(help="In the middle of bid and ask.")] = "100",
    atr: Annotated[float, typer.Option(help="0: there is none yet.")] = 1.0,
    spread: Annotated[str, typer.Option(help="From bid to ask.")] = "0.02",
    at: Annotated[str, typer.Option(metavar="HH:MM", help="On the exchange's clock.")] = "10:30",
    equity: Annotated[str, typer.Option(help="Of the account, for sizes by risk.")] = "100000",
    indicator: Annotated[
        list[str] | None,
        typer.Option(metavar="NAME=VALUE", help="ema(20)=101, or ema(20)=99,101: before, now."),
    ] = None,
) -> None:
    """Say step by step what a strategy would do with a signal. Nothing is sent."""
    from engine.cli.explain import ExplainOptions, explain_file

    explain_file(
        ExplainOptions(
            file=file,
            symbol=symbol,
            signal=signal,
            confidence=confidence,
            price=price,
            atr=atr,
            spread=spread,
            at=at,
            equity=equity,
            indicators=tuple(indicator or ()),
        )
    )


def new(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="What to write.")] = Path(
        "strategy.toml"
    ),
) -> None:
    """Write a file of settings to begin with, with comments."""
    from engine.cli.new import new as write_new

    write_new(file)


def schema() -> None:
    """Print the JSON schema of files of settings, for editors."""
    from engine.cli.new import print_schema

    print_schema()
