"""Options that several commands have."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

TickFiles = Annotated[
    list[Path] | None,
    typer.Option("--ticks", metavar="FILE...", help="SYMBOL-YYYYMMDD.csv[.gz] to replay."),
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
