"""The command for sweeps; what it does is loaded when it is called."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from engine.cli.arguments import Jobs, PolicyAnswers, Profile, Signals, Strategy, TickFiles


def add_to(app: typer.Typer) -> None:
    app.command()(sweep)


def sweep(
    strategy: Strategy,
    grid: Annotated[
        Path | None, typer.Option(metavar="FILE", help="What to try: settings, days, seeds. TOML.")
    ] = None,
    ticks: TickFiles = None,
    signals: Signals = None,
    out: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Tables, and what is done already.")
    ] = None,
    jobs: Jobs = None,
    scheduler: Annotated[
        str, typer.Option(metavar="tcp://…", help="Play them on the workers of a Dask cluster.")
    ] = "",
    profile: Profile = "default",
    policy: PolicyAnswers = None,
) -> None:
    """Many backtests over a grid; ended early, the same command goes on where it ended."""
    from engine.cli.sweep import SweepOptions
    from engine.cli.sweep import sweep as run_sweep

    options = SweepOptions(
        strategy=strategy,
        grid=grid,
        ticks=tuple(ticks or ()),
        signals=signals,
        out=out,
        jobs=jobs,
        scheduler=scheduler,
        profile=profile,
        policies=tuple(policy or ()),
    )
    raise typer.Exit(run_sweep(options))
