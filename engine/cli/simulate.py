"""``engine simulate``: whole engines at a simulated TWS in virtual time, a scenario a seed."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, redirect_stdout
from pathlib import Path
from typing import Final

import attrs

from engine.campaign import jobs, tally
from engine.campaign.draw import drawn
from engine.campaign.jobs import Plan, Show
from engine.campaign.scenario import (
    DAY,
    DAY_HOURS,
    WEEKS_MAX,
    Mode,
    Scenario,
    hours_of,
    parse,
    render,
)
from engine.campaign.shrink import ATTEMPTS_MAX, Shrunk, shrink
from engine.campaign.tally import Failure, Tally
from engine.campaign.trial import play
from engine.cli.handlers import INTERRUPTED
from engine.cli.progress import gauge
from engine.cli.words import seeds
from engine.errors import UserError
from engine.monitor.files import check_outputs, words_beside, write_json, write_whole
from engine.sim import instruments
from engine.verify import rows
from engine.verify.jobs import processors

FOUND: Final = 1  # exit code when something failed
SHRUNK_MAX: Final = 5  # failures that are made smaller; the others can be, one by one


@attrs.frozen(kw_only=True)
class SimulateOptions:
    seeds: str
    hours: float
    weeks: int | None
    mode: Mode | None
    jobs: int | None
    rows: bool
    json: Path | None
    save: Path | None
    replay: Path | None


def simulate(options: SimulateOptions) -> int:
    """Play scenarios, or a saved one; 0 when everything held, 1 when something failed, 130 when
    it was interrupted before that.

    Raises:
        UserError: an option out of range, or a file that cannot be read or written.
    """
    if options.replay is not None:
        return _replay(options.replay)
    check_outputs([options.json], [])
    if options.save is not None and not options.save.is_dir():
        raise UserError(f"{options.save}: is no directory; make it first")
    plan = _plan(options)
    began = time.monotonic()
    with _progress(len(plan.seeds)) as show:
        found, interrupted = jobs.run(plan, show)
    took_s = time.monotonic() - began
    with redirect_stdout(words_beside(options.json)):
        _print(found, took_s, interrupted, options.rows)
        saved = {} if interrupted else _shrink(found.failures, options.save)
    if options.json is not None:
        report = {"seconds": round(took_s, 3), "jobs": plan.jobs, "interrupted": interrupted}
        write_json(options.json, {**found.data(), **report, "saved": list(saved.values())})
    if found.failures:
        return FOUND
    return INTERRUPTED if interrupted else 0


def _plan(options: SimulateOptions) -> Plan:
    chosen = seeds("--seeds", options.seeds)
    hours = options.hours
    if not 0.05 <= hours <= DAY_HOURS:
        raise UserError(
            f"--hours {hours:g}: 0.05 to {DAY_HOURS}, which is a trading day; more is --weeks"
        )
    if options.weeks is not None:
        if not 1 <= options.weeks <= WEEKS_MAX:
            raise UserError(f"--weeks {options.weeks}: 1 to {WEEKS_MAX}")
        hours = hours_of(options.weeks)
    if options.jobs is not None and options.jobs < 1:
        raise UserError(f"--jobs {options.jobs}: at least 1")
    many = min(options.jobs or processors(), len(chosen))
    return Plan(chosen, hours, options.mode, many)


@contextmanager
def _progress(seeds: int) -> Iterator[Show]:
    with gauge(seeds, "seeds, {task.fields[orders]:,} orders", orders=0) as update:

        def show(found: Tally, part: float) -> None:
            failed = f"{len(found.failures)} failed" if found.failures else "all hold"
            update(description=failed, completed=found.seeds + part, orders=found.orders)

        yield show


def _print(found: Tally, took_s: float, interrupted: bool, each_row: bool) -> None:
    out = [*tally.lines(found)]
    if each_row:
        out += ["", *rows.lines(found.rows)]
    hours = found.seconds / 3600
    out.append(
        f"{'interrupted: ' if interrupted else ''}seeds {found.seeds:,}, {hours:,.1f} h at the "
        f"exchange, orders {found.orders:,}, executions {found.executions:,}, {took_s:.1f} s, "
        f"failed {len(found.failures)}"
    )
    for one in found.failures:
        out += ["", f"seed {one.seed}, {one.mode}, {_clock(one.violation.at_s)}: law "
                f"{one.violation.law}: {one.violation.text}", f"  again: {one.again}"]  # fmt: skip
    sys.stdout.write("\n".join(out) + "\n")
    sys.stdout.flush()


def _clock(at_s: float) -> str:
    """The exchange's time of day, and the day if it is not the first."""
    opens_ns, _ = instruments.session(DAY)
    moment = instruments.local_time(opens_ns + round(at_s * 1e9))
    return f"{moment:%H:%M:%S}" if moment.date() == DAY else f"{moment:%a %d %b %H:%M:%S}"


def _shrink(failures: list[Failure], directory: Path | None) -> dict[int, str]:
    """Make the first failures smaller, and keep them; the file of each seed."""
    saved: dict[int, str] = {}
    for one in failures[:SHRUNK_MAX]:
        scenario = drawn(one.seed, one.mode, one.hours)
        with _shrinking(one.seed) as show:
            small = shrink(scenario, one.violation, show)
        text = render(small.scenario, f"{small.violation.law}: {small.violation.text}")
        sys.stdout.write(f"\nseed {one.seed} {_became(scenario, small)}\n")
        if directory is None:
            sys.stdout.write(text)
            continue
        path = directory / f"seed-{one.seed}-law-{small.violation.law}.txt"
        write_whole(path, text.encode())
        saved[one.seed] = str(path)
        sys.stdout.write(f"saved {path}; engine simulate --replay {path}\n")
    return saved


@contextmanager
def _shrinking(seed: int) -> Iterator[Callable[[int, Scenario], None]]:
    with gauge(ATTEMPTS_MAX, "attempts") as update:

        def show(attempts: int, smallest: Scenario) -> None:
            update(description=f"seed {seed}: {_size(smallest)}", completed=attempts)

        yield show


def _size(one: Scenario) -> str:
    return f"{len(one.faults)} faults, {len(one.prompts)} prompts, {one.hours * 60:.0f} min"


def _became(scenario: Scenario, small: Shrunk) -> str:
    return f"from {_size(scenario)} to {_size(small.scenario)} in {small.attempts} attempts"


def _replay(path: Path) -> int:
    try:
        text = path.read_text("utf-8")
    except (OSError, UnicodeDecodeError) as problem:
        raise UserError(f"{path}: cannot be read: {problem}") from None
    scenario = parse(text, str(path))
    outcome = play(scenario)
    for line, times in sorted(outcome.fault_lines.items()):
        sys.stdout.write(f"{times:6} x {line}\n")
    sys.stdout.write(
        f"{outcome.seconds / 60:.1f} min, orders {outcome.orders}, executions "
        f"{outcome.executions}\n"
    )
    if outcome.violation is not None:
        found = outcome.violation
        sys.stdout.write(f"{_clock(found.at_s)} violates {found.law}: {found.text}\n")
        return FOUND
    sys.stdout.write("everything holds\n")
    return 0
