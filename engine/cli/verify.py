"""``engine verify``: every order of events that a small broker allows, against the real core."""

from __future__ import annotations

import difflib
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import attrs

from engine.errors import UserError
from engine.monitor.files import check_writable, write_json, write_whole
from engine.verify.explore import GoOn, Tally, explore
from engine.verify.scenario import parse, render, replay
from engine.verify.situations import SITUATIONS, Situation, find

FOUND: Final = 1  # exit code when a law is broken


@attrs.frozen(kw_only=True)
class VerifyOptions:
    max_states: int
    situation: str
    faults: int | None
    seconds: float | None
    json: Path | None
    save: Path | None
    replay: Path | None


def verify(options: VerifyOptions) -> int:
    """Explore, or play a saved scenario; 0 when every law held, else 1.

    Raises:
        UserError: an unknown situation, or a file that cannot be read or written.
    """
    if options.replay is not None:
        return _replay(options.replay)
    if options.json is not None:
        check_writable(options.json)
    if options.save is not None and not options.save.is_dir():
        raise UserError(f"{options.save}: is no directory; make it first")
    chosen = _chosen(options)
    began = time.monotonic()
    with _progress(options.max_states) as show:
        tallies = _explore(chosen, options, began, show)
    took_s = time.monotonic() - began
    _print(tallies, took_s)
    files = _save(tallies, options.save)
    if options.json is not None:
        write_json(options.json, _report(tallies, took_s, files))
    return FOUND if any(tally.violations for tally in tallies) else 0


def _chosen(options: VerifyOptions) -> tuple[Situation, ...]:
    if options.max_states < 1:
        raise UserError(f"--max-states {options.max_states}: at least 1")
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


def _explore(
    chosen: tuple[Situation, ...], options: VerifyOptions, began: float, show: GoOn
) -> list[Tally]:
    """Each situation gets an equal share of what is left of states and of time: what a small
    one does not need goes to the next."""
    tallies: list[Tally] = []
    left = options.max_states
    ends = None if options.seconds is None else began + options.seconds
    for number, situation in enumerate(chosen):
        share = max(left // (len(chosen) - number), 1)
        now = time.monotonic()
        until = None if ends is None else now + (ends - now) / (len(chosen) - number)

        def go_on(tally: Tally, until: float | None = until) -> bool:
            return show(tally) and (until is None or time.monotonic() < until)

        tallies.append(explore(situation, share, go_on))
        left -= tallies[-1].states
    return tallies


@contextmanager
def _progress(max_states: int) -> Iterator[GoOn]:
    """A bar on a terminal, nothing elsewhere."""
    if not sys.stderr.isatty():
        yield lambda _: True
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

    columns = (
        TextColumn("{task.description:16}"), BarColumn(), MofNCompleteColumn(),
        TextColumn("states, depth {task.fields[depth]}"), TimeElapsedColumn(),
    )  # fmt: skip
    finished: dict[str, int] = {}
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task("", total=max_states, depth=0)

        def show(tally: Tally) -> bool:
            name = tally.situation.full_name
            finished[name] = tally.states
            bar.update(task, description=name, completed=sum(finished.values()), depth=tally.depth)
            return True

        yield show


def _print(tallies: list[Tally], took_s: float) -> None:
    lines = [f"{'situation':16} {'states':>9} {'transitions':>12} {'depth':>6}  reached"]
    for tally in tallies:
        reached = "every state" if tally.complete else "the bound"
        lines.append(
            f"{tally.situation.full_name:16} {tally.states:9,} {tally.transitions:12,} "
            f"{tally.depth:6}  {reached}"
        )
    states = sum(tally.states for tally in tallies)
    violations = [one for tally in tallies for one in tally.violations]
    lines.append(
        f"states {states:,}, transitions {sum(t.transitions for t in tallies):,}, depth "
        f"{max(t.depth for t in tallies)}, {took_s:.1f} s, {states / max(took_s, 1e-9):,.0f} "
        f"states/s, violations {len(violations)}"
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


def _report(tallies: list[Tally], took_s: float, files: list[str]) -> dict[str, object]:
    states = sum(tally.states for tally in tallies)
    return {
        "states": states,
        "transitions": sum(tally.transitions for tally in tallies),
        "depth": max(tally.depth for tally in tallies),
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
        "situations": [
            {
                "name": tally.situation.full_name,
                "about": tally.situation.about,
                "states": tally.states,
                "transitions": tally.transitions,
                "depth": tally.depth,
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
