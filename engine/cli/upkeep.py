"""The commands of whoever looks after a running engine, and after what it has recorded."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from engine.cli.arguments import All, Host, Ledger, Seconds, Speed, there
from engine.cli.words import duration_s, names

app = typer.Typer()
journals = typer.Typer(help="What was recorded: proven, shown, exported.", no_args_is_help=True)

Journal = Annotated[
    Path | None, typer.Option("--journal", metavar="FILE", help="Of the engine that runs.")
]
Control = Annotated[
    Path | None, typer.Option("--control", metavar="SOCKET", help="Its socket, if not beside it.")
]
Why = Annotated[str, typer.Argument(metavar="WHY", help="It goes on record.")]


@app.command()
def status(journal: Journal = None, control: Control = None) -> None:
    """Ask a running engine what it holds."""
    from engine.cli import control as shell

    shell.status(journal, control)


@app.command()
def halt(
    why: Why,
    level: Annotated[
        int, typer.Option(help="1 no entries, 2 entries taken back as well, 3 flatten.")
    ] = 1,
    journal: Journal = None,
    control: Control = None,
) -> None:
    """Pull a running engine's kill switch. Stops stay."""
    from engine.cli import control as shell

    shell.halt(journal, control, level, why)


@app.command()
def flatten(why: Why, journal: Journal = None, control: Control = None) -> None:
    """Close everything that a running engine holds, and halt it (level 3)."""
    from engine.cli import control as shell

    shell.halt(journal, control, 3, why)


@app.command()
def resume(why: Why, journal: Journal = None, control: Control = None) -> None:
    """Take a running engine's kill switch back."""
    from engine.cli import control as shell

    shell.resume(journal, control, why)


@app.command()
def reload(journal: Journal = None, control: Control = None) -> None:
    """Make a running engine read its file of settings again."""
    from engine.cli import control as shell

    shell.reload(journal, control)


@app.command()
def risk(journal: Journal = None, control: Control = None) -> None:
    """Show a running engine's limits, their use and what is left."""
    from engine.cli import control as shell

    shell.risk(journal, control)


JournalFile = Annotated[Path, typer.Argument(metavar="JOURNAL", help="As engine run names it.")]
After = Annotated[int, typer.Option(metavar="N", min=0, help="Only records behind number N.")]


@app.command()
def replay(
    journal: Annotated[
        Path | None, typer.Argument(metavar="[JOURNAL]", help="As engine run names it.")
    ] = None,
    against: Annotated[
        Path | None,
        typer.Option(metavar="PLACE", help="A checkout of another version, or its interpreter."),
    ] = None,
    capture: Annotated[
        Path | None,
        typer.Option(metavar="WIRE", help="Instead: bytes that engine run --record kept."),
    ] = None,
    ticks: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Write the ticks of the capture to files.")
    ] = None,
    json: All = None,
) -> None:
    """Decide once more what was recorded, and show what would be decided otherwise; or read once
    more what TWS sent."""
    from engine.errors import UserError

    if (journal is None) == (capture is None):
        raise UserError("replay takes a journal, or --capture and a recording of the wire")
    if capture is not None and against is not None:
        raise UserError("--against compares journals; a capture holds no decisions")
    if capture is None and ticks is not None:
        raise UserError("--ticks are those of a capture; a journal holds none")
    if capture is not None:
        from engine.cli.wire import replay_wire

        raise typer.Exit(replay_wire(capture, ticks, json))
    from engine.cli.replay import replay_journal

    assert journal is not None
    raise typer.Exit(replay_journal(journal, against, json))


@app.command()
def record(
    out: Annotated[Path, typer.Option("--out", metavar="DIR", help="Where the tick files go.")],
    config: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Settings, TOML: their symbols and TWS.")
    ] = None,
    symbols: Annotated[str, typer.Option(metavar="A,B", help="What to record.")] = "",
    host: Host = None,
    port: Annotated[int | None, typer.Option(help="7497 if nothing else says.")] = None,
    client_id: Annotated[
        int | None, typer.Option(help="At TWS; without it, the one after the engine's.")
    ] = None,
    account: Annotated[str | None, typer.Option(help="Needed if it is a live one.")] = None,
    live: Annotated[bool, typer.Option("--live", help="The account is a live one.")] = False,
    speed: Speed = None,
    seconds: Seconds = "",
    keep: Annotated[bool, typer.Option("--keep", help="Keep the bytes of TWS as well.")] = False,
) -> None:
    """Write what a market does to tick files. Nothing is ordered."""
    from engine.cli.record import RecordOptions
    from engine.cli.record import record as run_record

    options = RecordOptions(
        out=out,
        config=config,
        symbols=names(symbols),
        host=host,
        port=port,
        client_id=client_id,
        account=account,
        live=live,
        speed=speed,
        seconds=duration_s(seconds) if seconds else None,
        keep=keep,
    )
    raise typer.Exit(run_record(options))


@app.command()
def report(
    journal: JournalFile,
    symbol: Annotated[str, typer.Option(metavar="A,B", help="Only these.")] = "",
    day: Annotated[
        str, typer.Option(metavar="YYYYMMDD", help="Only trades that ended on this day.")
    ] = "",
    ticks: Annotated[
        list[Path] | None,
        typer.Option(metavar="FILE...", callback=there, help="Tick files: prices between fills."),
    ] = None,
    html: Annotated[
        Path | None, typer.Option("--html", metavar="FILE", help="Write a page with pictures.")
    ] = None,
    csv: Ledger = None,
    json: All = None,
    parquet: Annotated[
        Path | None, typer.Option("--parquet", metavar="FILE", help="The ledger; needs pyarrow.")
    ] = None,
) -> None:
    """Say what the trades of a journal made, also while an engine writes it."""
    from engine.cli.report import ReportOptions
    from engine.cli.report import report as report_journal

    options = ReportOptions(
        journal=journal,
        symbols=names(symbol),
        day=day,
        ticks=tuple(ticks or ()),
        html=html,
        csv=csv,
        json=json,
        parquet=parquet,
    )
    raise typer.Exit(report_journal(options))


@journals.command("check")
def check_journal(journal: JournalFile) -> None:
    """Prove the journal, its archives and snapshots; 1 as exit code when something is damaged."""
    from engine.cli.journal import check

    raise typer.Exit(check(journal))


@journals.command("show")
def show_journal(
    journal: JournalFile,
    symbol: Annotated[str, typer.Option(metavar="A,B", help="Only of these.")] = "",
    kind: Annotated[
        str, typer.Option("--type", metavar="A,B", help="Only inputs or commands of this name.")
    ] = "",
    last: Annotated[
        int | None, typer.Option(metavar="N", min=1, help="Only the last N lines.")
    ] = None,
    after: After = 0,
) -> None:
    """Show what came in and what went out, a line each."""
    from engine.cli.journal import Wanted, show

    wanted = Wanted(symbols=names(symbol), kinds=names(kind), last=last, after=after)
    raise typer.Exit(show(journal, wanted))


@journals.command("export")
def export_journal(
    journal: JournalFile,
    to: Annotated[
        Path, typer.Option("--to", metavar="FILE", help="A new file; - is stdout.")
    ] = Path("-"),
    after: After = 0,
) -> None:
    """Write every record as one line of JSON."""
    from engine.cli.journal import export

    raise typer.Exit(export(journal, to, after))
