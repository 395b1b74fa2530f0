"""``engine backtest``: a strategy over recorded ticks, and what it made."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import attrs

from engine.backtest.ledger import as_csv
from engine.backtest.plan import planned
from engine.backtest.report import lines, report
from engine.backtest.trial import Backtest, Progress, Show
from engine.cli.handlers import INTERRUPTED
from engine.cli.progress import gauge
from engine.cli.run import Interrupts
from engine.monitor.files import check_outputs, words_beside, write_json, write_whole
from engine.monitor.lines import clock
from engine.report.groups import summary
from engine.report.page import page
from engine.report.reading import Reading
from engine.retrace import Retrace
from engine.settings_file import load
from engine.sim.policies import answers
from engine.sim.profiles import policies
from engine.ticks.files import tape


@attrs.frozen(kw_only=True)
class BacktestOptions:
    strategy: Path
    ticks: tuple[Path, ...]
    signals: Path | None
    symbols: tuple[str, ...]
    seed: int
    latency_ms: float
    profile: str
    policies: tuple[str, ...]
    json: Path | None
    csv: Path | None
    html: Path | None


def backtest(options: BacktestOptions) -> int:
    """0 when all ticks were played, 130 when it was interrupted: then with what was done.

    Raises:
        UserError: one line on what a person must mend.
    """
    outputs = options.json, options.csv, options.html
    check_outputs(outputs, (options.strategy, options.signals, *options.ticks))
    plan = planned(
        load(options.strategy),
        options.ticks,
        options.signals,
        symbols=options.symbols,
        seed=options.seed,
        latency_ms=options.latency_ms,
        policies=policies(options.profile, answers(options.policies), options.seed),
    )
    with _progress() as show:
        reading = None if options.html is None else Reading(Retrace(), ticks=tape(plan.ticks))
        trial = Backtest(plan, show, None if reading is None else reading.take)
        with Interrupts(trial.stop) as interrupts:
            outcome = trial.run()
            took_s = time.monotonic() - interrupts.since
    told = words_beside(*outputs)
    told.write("".join(f"{line}\n" for line in lines(outcome)))
    told.flush()
    sys.stderr.write(f"{took_s:.1f} s, {outcome.ticks / took_s:,.0f} ticks/s\n")
    if options.json is not None:
        write_json(options.json, report(outcome, options.strategy.name))
    if options.csv is not None:
        write_whole(options.csv, as_csv(outcome.trades))
    if options.html is not None and reading is not None:
        reading.end()
        reading.excursions_of(outcome.trades)
        write_whole(options.html, page(summary(options.strategy.stem, reading)))
    return 0 if outcome.whole else INTERRUPTED


@contextmanager
def _progress() -> Iterator[Show]:
    note = "{task.fields[ticks]:,} ticks, {task.fields[trades]} trades"
    with gauge(1.0, note, ticks=0, trades=0) as update:

        def show(now: Progress) -> None:
            update(
                description=f"{now.day} {clock(now.now_ns)[:5]}",
                completed=now.done,
                ticks=now.ticks,
                trades=now.trades,
            )

        yield show
