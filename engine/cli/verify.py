"""``engine verify``: every order of events that a small broker allows, against the real core."""

from __future__ import annotations

import difflib
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stdout
from pathlib import Path
from typing import Final

import attrs

from engine.cli.handlers import INTERRUPTED
from engine.cli.progress import gauge
from engine.cli.taken import taken
from engine.cli.words import seeds
from engine.errors import UserError
from engine.monitor.files import check_outputs, words_beside, write_json, write_whole
from engine.verify import rows
from engine.verify.drawn import drawn
from engine.verify.explore import Tally
from engine.verify.jobs import BEHIND, Bounds, Outcome, Show, explore_all, processors
from engine.verify.rows import Counts
from engine.verify.scenario import parse, render, replay
from engine.verify.situation import Situation
from engine.verify.situations import SITUATIONS, find

FOUND: Final = 1  # exit code when a law is broken


@attrs.frozen(kw_only=True)
class VerifyOptions:
    max_states: int
    situation: str
    drawn: str
    walks: bool
    faults: int | None
    seconds: float | None
    jobs: int | None
    rows: bool
    counted: tuple[Path, ...]
    json: Path | None
    save: Path | None
    replay: Path | None


def verify(options: VerifyOptions) -> int:
    """Explore, or play a saved scenario; 0 when every law held, 1 when one was broken, 130 when
    it was interrupted before that.

    Raises:
        UserError: an unknown situation, or a file that cannot be read or written.
    """
    if options.replay is not None:
        return _replay(options.replay)
    check_outputs([options.json], [])
    if options.save is not None and not options.save.is_dir():
        raise UserError(f"{options.save}: is no directory; make it first")
    counts = taken(options.counted)
    chosen, bounds = _chosen(options), _bounds(options)
    began = time.monotonic()
    with _progress(options.max_states) as show:
        outcome = explore_all(chosen, bounds, show, options.rows)
    took_s = time.monotonic() - began
    with redirect_stdout(words_beside(options.json)):
        _print(outcome, took_s)
        if options.rows:
            rows.add(counts, outcome.counts)
            sys.stdout.writelines(f"{line}\n" for line in ["", *rows.lines(counts)])
        files = _save(outcome.tallies, options.save)
    if options.json is not None:
        write_json(options.json, _report(outcome, bounds.jobs, took_s, files, counts))
    if any(tally.violations for tally in outcome.tallies):
        return FOUND
    return INTERRUPTED if outcome.interrupted else 0


def _bounds(options: VerifyOptions) -> Bounds:
    if options.max_states < 1:
        raise UserError(f"--max-states {options.max_states}: at least 1")
    if options.jobs is not None and options.jobs < 1:
        raise UserError(f"--jobs {options.jobs}: at least 1")
    jobs = processors() if options.jobs is None else options.jobs
    return Bounds(options.max_states, options.seconds, min(jobs, BEHIND), options.walks)


def _chosen(options: VerifyOptions) -> tuple[Situation, ...]:
    if options.drawn and options.situation:
        raise UserError("--drawn and --situation: only one of them")
    if options.drawn:
        chosen: tuple[Situation, ...] = tuple(map(drawn, seeds("--drawn", options.drawn)))
    else:
        chosen = find(options.situation) if options.situation else SITUATIONS
    if not chosen:
        known = sorted({one.name for one in SITUATIONS} | {one.full_name for one in SITUATIONS})
        near = difflib.get_close_matches(options.situation, known, 1)
        mend = f"is it {near[0]}?" if near else f"known: {', '.join(known)}"
        raise UserError(f"--situation {options.situation}: there is none of this name; {mend}")
    if options.faults is not None:
        if options.faults < 0:
            raise UserError(f"--faults {options.faults}: 0 or more")
        chosen = tuple(attrs.evolve(one, faults=options.faults) for one in chosen)
    return chosen


@contextmanager
def _progress(max_states: int) -> Iterator[Show]:
    """For all that is under way."""
    with gauge(max_states, "states, {task.fields[followed]:,} followed", followed=0) as update:

        def show(tallies: dict[str, Tally]) -> None:
            *_, latest = tallies
            states = sum(tally.states for tally in tallies.values())
            followed = sum(tally.followed for tally in tallies.values())
            update(description=f"{latest:24}", completed=states, followed=followed)

        yield show


def _print(outcome: Outcome, took_s: float) -> None:
    tallies = outcome.tallies
    width = max((len(tally.situation.full_name) for tally in tallies), default=9)
    lines = [
        f"{'situation':{width}} {'states':>9} {'transitions':>12} {'depth':>6} {'followed':>9}  "
        "reached"
    ]
    for tally in tallies:
        reached = "every state" if tally.complete else "the bound"
        if tally.open:
            reached += f", {tally.open:,} not followed"
        lines.append(
            f"{tally.situation.full_name:{width}} {tally.states:9,} {tally.transitions:12,} "
            f"{tally.depth:6} {tally.followed:9,}  {reached}"
        )
    states = sum(tally.states for tally in tallies)
    violations = [one for tally in tallies for one in tally.violations]
    lines.append(
        f"{'interrupted: ' if outcome.interrupted else ''}"
        f"states {states:,}, transitions {sum(t.transitions for t in tallies):,}, depth "
        f"{max((t.depth for t in tallies), default=0)}, {took_s:.1f} s, "
        f"{states / max(took_s, 1e-9):,.0f} states/s, violations {len(violations)}"
    )
    for violation in violations:
        lines += ["", render(violation).rstrip()]
    sys.stdout.write("\n".join(lines) + "\n")


def _save(tallies: list[Tally], directory: Path | None) -> list[str]:
    if directory is None:
        return []
    files = []
    for tally in tallies:
        for violation in tally.violations:
            path = directory / f"{tally.situation.full_name}-law-{violation.law}.txt"
            write_whole(path, render(violation).encode())
            files.append(str(path))
    sys.stdout.writelines(f"saved {path}\n" for path in files)
    return files


def _report(
    outcome: Outcome, jobs: int, took_s: float, files: list[str], counts: Counts
) -> dict[str, object]:
    tallies = outcome.tallies
    states = sum(tally.states for tally in tallies)
    return {
        "states": states,
        "transitions": sum(tally.transitions for tally in tallies),
        "depth": max((tally.depth for tally in tallies), default=0),
        "followed": sum(tally.followed for tally in tallies),
        "jobs": jobs,
        "interrupted": outcome.interrupted,
        "seconds": round(took_s, 3),
        "states_per_s": round(states / max(took_s, 1e-9)),
        "violations": [
            {
                "situation": one.situation.full_name,
                "law": one.law,
                "text": one.text,
                "steps": [" ".join(map(str, step)) for step in one.steps],
            }
            for tally in tallies
            for one in tally.violations
        ],
        "saved": files,
        **({"rows": rows.tree(counts)} if counts else {}),
        "situations": [
            {
                "name": tally.situation.full_name,
                "about": tally.situation.about,
                "states": tally.states,
                "transitions": tally.transitions,
                "depth": tally.depth,
                "followed": tally.followed,
                "open": tally.open,
                "complete": tally.complete,
            }
            for tally in tallies
        ],
    }


def _replay(path: Path) -> int:
    try:
        text = path.read_text("utf-8")
    except (OSError, UnicodeDecodeError) as problem:
        raise UserError(f"{path}: cannot be read: {problem}") from None
    scenario = parse(text, str(path))
    for played in replay(scenario, str(path)):
        line = " ".join(map(str, played.step))
        sent = "; ".join(played.sent)
        held = f"{played.state} {played.held}"
        sys.stdout.write(f"{line:16} {held:16} {sent}".rstrip() + "\n")
        if played.problem is not None:
            sys.stdout.write(f"violates {played.problem}\n")
            return FOUND
    sys.stdout.write("no law is broken\n")
    return 0
