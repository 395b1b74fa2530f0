"""Options that several commands have."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from engine.errors import DataFileError


def there(paths: list[Path] | None) -> list[Path] | None:
    """A name that is mistyped is told as a file that is not there, before anybody asks what kind of
    file such a name would be."""
    for path in paths or ():
        try:
            path.stat()
        except OSError as problem:
            raise DataFileError(f"{path}: cannot be read: {problem.strerror}") from None
    return paths


TickFiles = Annotated[
    list[Path] | None,
    typer.Option(
        "--ticks",
        metavar="FILE...",
        callback=there,
        help="Ticks: CSV, Parquet, NumPy, LEAN, captures.",
    ),
]
Symbols = Annotated[str, typer.Option("--symbols", metavar="A,B", help="What to trade.")]
Seconds = Annotated[str, typer.Option("--for", metavar="TIME", help="End after 30s, 2m or 1h.")]
Json = Annotated[
    Path | None, typer.Option("--json", metavar="FILE", help="Write the report; - is stdout.")
]
Profile = Annotated[
    str, typer.Option(metavar="NAME", help='A set of policies; "draw": one of the seed.')
]
PolicyAnswers = Annotated[
    list[str] | None,
    typer.Option(metavar="NAME=VALUE...", help="How the broker behaves where IB leaves it open."),
]
Strategy = Annotated[Path, typer.Argument(metavar="STRATEGY", help="Settings, TOML.")]
Signals = Annotated[
    Path | None, typer.Option(metavar="FILE", help="Predictions, one JSON object a line.")
]
Speed = Annotated[float | None, typer.Option(metavar="N", help="Exchange seconds in one second.")]
Host = Annotated[str | None, typer.Option(help="Where TWS or the gateway listens.")]
Jobs = Annotated[
    int | None, typer.Option(metavar="N", help="Processes; as many as there are processors.")
]
Ledger = Annotated[
    Path | None, typer.Option("--csv", metavar="FILE", help="Write the ledger of trades.")
]
All = Annotated[
    Path | None, typer.Option("--json", metavar="FILE", help="Write it all; - is stdout.")
]
