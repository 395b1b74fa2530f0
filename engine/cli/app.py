"""The commands and their options; what they do is loaded when they are called."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from engine.cli import files, sweeps, upkeep
from engine.cli.arguments import (
    Host,
    Jobs,
    Json,
    Ledger,
    PolicyAnswers,
    Profile,
    Seconds,
    Signals,
    Speed,
    Strategy,
    Symbols,
    TickFiles,
)
from engine.cli.words import duration_s, names

app = typer.Typer(
    help="Orders and positions at Interactive Brokers, driven by statecharts.",
    rich_markup_mode=None,  # its help would import rich: a tenth of a second
    pretty_exceptions_enable=False,
    add_completion=False,
    no_args_is_help=True,
)
charts = typer.Typer(help="The statecharts as pictures and tables.", no_args_is_help=True)
app.add_typer(charts, name="charts")
app.add_typer(upkeep.app)
app.add_typer(upkeep.journals, name="journal")
files.add_to(app)
sweeps.add_to(app)


class Durability(StrEnum):
    full = "full"
    normal = "normal"


class LogForm(StrEnum):
    auto = "auto"
    json = "json"
    console = "console"


class Format(StrEnum):
    svg = "svg"
    mermaid = "mermaid"
    md = "md"


def _version(asked: bool) -> None:
    if asked:
        from engine.version import VERSION

        typer.echo(f"engine {VERSION}")
        raise typer.Exit


@app.callback()
def _engine(
    version: Annotated[
        bool,
        typer.Option("--version", callback=_version, is_eager=True, help="Show the version."),
    ] = False,
) -> None:
    """Orders and positions at Interactive Brokers, driven by statecharts."""


@app.command()
def run(
    config: Annotated[Path | None, typer.Option(metavar="FILE", help="Settings, TOML.")] = None,
    symbols: Symbols = "",
    ticks: TickFiles = None,
    signals: Signals = None,
    poll: Annotated[
        str, typer.Option(metavar="URL", help="Ask a prediction API there (signals.poll).")
    ] = "",
    speed: Speed = None,
    control: Annotated[
        Path | None,
        typer.Option(metavar="SOCKET", help="Where engine status, halt, … find it."),
    ] = None,
    journal: Annotated[
        Path | None, typer.Option(metavar="FILE", help="What survives; goes on where it ended.")
    ] = None,
    host: Host = None,
    port: Annotated[int | None, typer.Option(help="Without host and port: a simulator.")] = None,
    client_id: Annotated[int | None, typer.Option(help="Of this engine at TWS.")] = None,
    account: Annotated[str | None, typer.Option(help="The account to trade.")] = None,
    live: Annotated[bool, typer.Option("--live", help="Real money is meant.")] = False,
    record: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Keep the bytes that TWS sent.")
    ] = None,
    seconds: Seconds = "",
    flatten: Annotated[bool, typer.Option("--flatten", help="Close all at the end.")] = False,
    seed: Annotated[int, typer.Option(help="Of the generated market.")] = 1,
    json: Json = None,
    heartbeat: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Replaced every second while all is well.")
    ] = None,
    plain: Annotated[bool, typer.Option("--plain", help="Lines instead of a table.")] = False,
    durability: Annotated[
        Durability, typer.Option(help="full survives a power cut, normal a killed process.")
    ] = Durability.full,
    max_server_version: Annotated[
        int | None, typer.Option(metavar="V", help="Speak no newer protocol.")
    ] = None,
    log: Annotated[
        list[str] | None,
        typer.Option(metavar="FILE", help="Write a log there; - is stderr; may be given twice."),
    ] = None,
    log_form: Annotated[
        LogForm | None,
        typer.Option("--log-form", help="auto: json in a file, console on stderr."),
    ] = None,
    web: Annotated[
        int | None,
        typer.Option(metavar="[PORT]", help="A dashboard on 127.0.0.1; its link is printed."),
    ] = None,
) -> None:
    """Trade: on a simulator of its own, or at the TWS named by --host and --port."""
    from engine.cli.options import RunOptions
    from engine.cli.run import run as run_engine

    options = RunOptions(
        config=config,
        symbols=names(symbols),
        ticks=tuple(ticks or ()),
        signals=signals,
        poll=poll,
        speed=speed,
        journal=journal,
        control=control,
        host=host,
        port=port,
        client_id=client_id,
        account=account,
        live=live,
        record=record,
        seconds=duration_s(seconds) if seconds else None,
        flatten=flatten,
        seed=seed,
        json=json,
        heartbeat=heartbeat,
        plain=plain,
        durability=durability.value,
        max_server_version=max_server_version,
        log=tuple(log or ()),
        log_form=None if log_form is None else log_form.value,
        web=web,
    )
    raise typer.Exit(run_engine(options))


@app.command()
def backtest(
    strategy: Strategy,
    ticks: TickFiles = None,
    signals: Signals = None,
    symbols: Symbols = "",
    seed: Annotated[int, typer.Option(help="Of everything that is drawn.")] = 1,
    latency_ms: Annotated[
        float, typer.Option(metavar="MS", help="To the exchange, and the same back.")
    ] = 5.0,
    profile: Profile = "default",
    policy: PolicyAnswers = None,
    json: Json = None,
    csv: Ledger = None,
    html: Annotated[
        Path | None, typer.Option("--html", metavar="FILE", help="Write the page of engine report.")
    ] = None,
) -> None:
    """Trade recorded days with the whole engine in virtual time, and say what came of it."""
    from engine.cli.backtest import BacktestOptions
    from engine.cli.backtest import backtest as run_backtest

    options = BacktestOptions(
        strategy=strategy,
        ticks=tuple(ticks or ()),
        signals=signals,
        symbols=names(symbols),
        seed=seed,
        latency_ms=latency_ms,
        profile=profile,
        policies=tuple(policy or ()),
        json=json,
        csv=csv,
        html=html,
    )
    raise typer.Exit(run_backtest(options))


@app.command()
def sim(
    port: Annotated[int, typer.Option(help="Where clients connect; 0 takes a free one.")] = 7497,
    ticks: TickFiles = None,
    symbols: Symbols = "",
    day: Annotated[
        str, typer.Option(metavar="YYYYMMDD", help="Trading day of a generated market.")
    ] = "",
    seed: Annotated[int, typer.Option(help="Of the generated market and of faults.")] = 1,
    speed: Annotated[float, typer.Option(metavar="N", help="Exchange seconds a second.")] = 1.0,
    max_server_version: Annotated[
        int, typer.Option(metavar="V", help="176 to 226; up to 200 the wire is text.")
    ] = 226,
    account: Annotated[str, typer.Option(help="The account of the login.")] = "DU0000001",
    hold: Annotated[
        bool, typer.Option("--hold", help="The clock stands still while nobody is connected.")
    ] = False,
    linger: Annotated[
        str, typer.Option(metavar="TIME", help="End so long after the last client left.")
    ] = "",
    control_port: Annotated[
        int | None, typer.Option(metavar="N", help="Also answer questions and take faults there.")
    ] = None,
    profile: Profile = "default",
    policy: PolicyAnswers = None,
    faults: Annotated[
        str, typer.Option(metavar="FILE", help='What goes wrong: a script, or "draw" by the seed.')
    ] = "",
    seconds: Seconds = "",
    json: Json = None,
    instance: Annotated[int, typer.Option(hidden=True)] = 1,
    attended: Annotated[str, typer.Option(hidden=True)] = "",
) -> None:
    """Be a TWS: any client can connect, see prices and trade."""
    from engine.cli.sim import SimOptions, simulate

    options = SimOptions(
        port=port,
        ticks=tuple(ticks or ()),
        symbols=names(symbols),
        day=day,
        seed=seed,
        speed=speed,
        max_server_version=max_server_version,
        account=account,
        hold=hold,
        linger_s=duration_s(linger) if linger else None,
        control_port=control_port,
        profile=profile,
        policies=tuple(policy or ()),
        faults=faults,
        seconds=duration_s(seconds) if seconds else None,
        json=json,
        instance=instance,
        attended_s=duration_s(attended) if attended else None,
    )
    simulate(options)


@app.command("demo-api")
def demo_api(
    port: Annotated[int, typer.Option(help="Where it listens; 0 takes a free one.")] = 8790,
    symbols: Symbols = "",
    seed: Annotated[int, typer.Option(help="Of the predictions.")] = 1,
    period: Annotated[
        str, typer.Option(metavar="TIME", help="How long a prediction holds: 30s, 2m.")
    ] = "30s",
    limit: Annotated[int, typer.Option(metavar="N", help="Requests in a minute.")] = 600,
    key_file: Annotated[
        str, typer.Option(metavar="FILE", help="What X-API-Key must be; none: any.")
    ] = "",
    fault: Annotated[
        list[str] | None,
        typer.Option(metavar="TICKER=KIND[:TIMES]...", help="What goes wrong; * is every ticker."),
    ] = None,
    clock_from: Annotated[
        int | None, typer.Option(metavar="PORT", help="engine sim --control-port: by its clock.")
    ] = None,
    seconds: Seconds = "",
) -> None:
    """Be a prediction API: made-up predictions, to try polling with."""
    from engine.cli.demo_api import DemoApiOptions, serve

    options = DemoApiOptions(
        symbols=names(symbols),
        port=port,
        seed=seed,
        period_s=duration_s(period),
        limit=limit,
        key_file=key_file,
        faults=tuple(fault or ()),
        clock_from=clock_from,
        seconds=duration_s(seconds) if seconds else None,
    )
    serve(options)


@app.command()
def verify(
    max_states: Annotated[
        int, typer.Option(metavar="N", help="Visit no more states than this.")
    ] = 100_000,
    situation: Annotated[
        str, typer.Option(metavar="NAME", help="Only this one, on both sides or one.")
    ] = "",
    drawn: Annotated[
        str, typer.Option(metavar="A..B", help="Situations by chance, a seed each, instead.")
    ] = "",
    walks: Annotated[
        bool, typer.Option("--walks", help="Long walks by chance instead of every order.")
    ] = False,
    faults: Annotated[
        int | None, typer.Option(metavar="N", help="How much may go wrong on one path.")
    ] = None,
    seconds: Annotated[
        str, typer.Option("--seconds", metavar="TIME", help="Stop exploring after 30s, 2m or 1h.")
    ] = "",
    jobs: Jobs = None,
    rows: Annotated[
        bool, typer.Option("--rows", help="Show how often each row of the charts was taken.")
    ] = False,
    counted: Annotated[
        list[Path] | None,
        typer.Option("--with", metavar="FILE", help="Rows that tests took: pytest --rows FILE."),
    ] = None,
    json: Json = None,
    save: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Keep each violation as a scenario.")
    ] = None,
    replay: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Play a saved scenario again.")
    ] = None,
) -> None:
    """Try every order of events on the real core; 1 as exit code when a law is broken."""
    from engine.cli.verify import VerifyOptions
    from engine.cli.verify import verify as run_verify

    options = VerifyOptions(
        max_states=max_states,
        situation=situation,
        drawn=drawn,
        walks=walks,
        faults=faults,
        seconds=duration_s(seconds) if seconds else None,
        jobs=jobs,
        rows=rows,
        counted=tuple(counted or ()),
        json=json,
        save=save,
        replay=replay,
    )
    raise typer.Exit(run_verify(options))


class Mode(StrEnum):
    safety = "safety"
    liveness = "liveness"


@app.command()
def simulate(
    seeds: Annotated[
        str, typer.Option(metavar="A..B", help="A scenario is drawn from each.")
    ] = "1..20",
    hours: Annotated[
        float, typer.Option(metavar="H", help="Of trading, for each; 6.5 is a whole day.")
    ] = 1.0,
    weeks: Annotated[
        int | None, typer.Option(metavar="N", help="Instead: with their nights and weekends.")
    ] = None,
    mode: Annotated[
        Mode | None,
        typer.Option(
            help="safety: faults to the end; liveness: they stop, and everything must come to "
            "rest. Without it by turns."
        ),
    ] = None,
    jobs: Jobs = None,
    rows: Annotated[
        bool, typer.Option("--rows", help="Show how often each row of the charts was taken.")
    ] = False,
    json: Json = None,
    save: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Keep the first failures, made smaller.")
    ] = None,
    replay: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Play a saved scenario again.")
    ] = None,
) -> None:
    """Trade with whole engines in virtual time while everything goes wrong; 1 if a law breaks."""
    from engine.cli.simulate import SimulateOptions
    from engine.cli.simulate import simulate as run_simulate

    options = SimulateOptions(
        seeds=seeds,
        hours=hours,
        weeks=weeks,
        mode=None if mode is None else mode.value,
        jobs=jobs,
        rows=rows,
        json=json,
        save=save,
        replay=replay,
    )
    raise typer.Exit(run_simulate(options))


@charts.command()
def export(
    directory: Annotated[Path, typer.Argument(metavar="DIR", help="Where the files go.")],
    form: Annotated[Format, typer.Option("--format", help="What they are.")] = Format.md,
    taken: Annotated[
        list[Path] | None,
        typer.Option(
            metavar="FILE...",
            help="With how often each row was taken: journals, or counts of pytest --rows, "
            "engine verify --rows --json, engine simulate --json.",
        ),
    ] = None,
) -> None:
    """Write every chart: svg a drawing, mermaid its source, md a page with its tables."""
    from engine.cli.charts import export_charts

    export_charts(directory, form.value, taken or ())
