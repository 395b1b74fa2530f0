"""Break the core in every way of ``tests.campaign.faults``, one at a time; who finds it?

    python -m tests.campaign.mutants [--only NAME …] [--jobs N] [--table docs/mutants.md]

Each fault is made in a copy of the tree and shown to the finders, from cheap to dear: the
scenarios, the other tests of the core, exploration by ``engine verify``. What one finds counts
only if it is not there without the fault. Exit code 1 if a fault survives all of them; 2 if one
cannot be made any more, or a finder complains about the sound core.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from queue import SimpleQueue
from typing import Final

import attrs

from tests.campaign.fault import Fault
from tests.campaign.faults import FAULTS

ROOT: Final = Path(__file__).parents[2]
PARTS: Final = ("engine", "statecharts", "_fast", "tests", "pyproject.toml")
SCENARIOS: Final = "tests/core/test_scenarios.py"
# The way out and what is kept on disk: nothing of a decision is in there.
_ELSEWHERE: Final = (
    *("bus", "codec", "event_streams", "events", "image", "journal", "journal_damage"),
    *("journal_faults", "sampler", "scenarios", "settings_file", "settings_schema"),
    *("settings_text", "toml_lines"),
)
_SLOW: Final = ("desk_machine",)  # asked last
TIMEOUT_S: Final = 900.0  # of one finder; the machine may be busy
MAX_STATES: Final = 20_000
FAILED, BROKEN_LAW = 1, 1  # exit codes of pytest and of engine verify


class UnfitError(Exception):
    """The campaign itself cannot go on: one line that says what to mend."""


@attrs.frozen
class Found:
    """``by`` is the test, or the law and where it broke. ``sound`` runs the same on the sound
    core, in a tree: it has to be content there."""

    finder: str
    by: str
    sound: Callable[[Tree], bool]


@attrs.frozen
class Outcome:
    """``found`` is None if the fault has survived, or if a ``problem`` has come between;
    ``seconds`` are of all finders asked."""

    fault: Fault
    found: Found | None
    seconds: float
    problem: str = ""


# -- a tree to break ---------------------------------------------------------------------------


class Tree:
    """A copy of the sources and of the compiled modules, for one fault after the other."""

    def __init__(self, root: Path) -> None:
        self.root = root
        for part in PARTS:
            if (ROOT / part).is_dir():
                shutil.copytree(ROOT / part, root / part)
            else:
                shutil.copy2(ROOT / part, root / part)

    @contextlib.contextmanager
    def broken(self, fault: Fault) -> Iterator[None]:
        """With the fault in it, and sound again after that.

        Raises:
            UnfitError: the fault cannot be made any more.
        """
        path = self.root / fault.file
        sound = path.read_text("utf-8")
        self._write(path, mutated(fault, sound))
        # Examples that hypothesis has kept would make one fault depend on the one before it.
        shutil.rmtree(self.root / ".hypothesis", ignore_errors=True)
        try:
            yield
        finally:
            self._write(path, sound)

    def _write(self, path: Path, text: str) -> None:
        """Python believes its cache if time (in seconds) and size of the source are the same."""
        path.write_text(text, "utf-8")
        for cached in path.parent.glob(f"__pycache__/{path.stem}.*.pyc"):
            cached.unlink()

    def run(self, *words: str) -> subprocess.CompletedProcess[str]:
        """``python -m`` these words, in this tree.

        Raises:
            UnfitError: it did not end.
        """
        try:
            return subprocess.run(
                [sys.executable, "-m", *words],
                cwd=self.root,
                text=True,
                capture_output=True,
                stdin=subprocess.DEVNULL,
                timeout=TIMEOUT_S,
                check=False,
            )
        except subprocess.TimeoutExpired:
            raise UnfitError(f"{' '.join(words)} did not end in {TIMEOUT_S:.0f} s") from None


def mutated(fault: Fault, sound: str) -> str:
    """The source with the fault in it.

    Raises:
        UnfitError: its text is not there exactly once.
    """
    times = sound.count(fault.old)
    if times != 1:
        raise UnfitError(
            f"{fault.name}: does not apply any more: its text is {times} times in {fault.file}; "
            "mend it where tests/campaign/faults.py has it from"
        )
    return sound.replace(fault.old, fault.new)


# -- finders -----------------------------------------------------------------------------------

Finder = Callable[[Tree, Fault], Found | None]


def scenarios(tree: Tree, _: Fault) -> Found | None:
    """The scenarios of the behaviours, as text."""
    return by_tests(tree, "scenarios", SCENARIOS)


def tests(tree: Tree, _: Fault) -> Found | None:
    """The other tests that run the core."""
    names = {path.stem.removeprefix("test_") for path in tree.root.glob("tests/core/test_*.py")}
    chosen = sorted(names - {*_ELSEWHERE, *_SLOW})
    files = [f"tests/core/test_{name}.py" for name in (*chosen, *_SLOW)]
    return by_tests(
        tree, "tests", "tests/verify/test_scenario.py", "tests/rules", *files, "tests/verify"
    )


def by_tests(tree: Tree, finder: str, *chosen: str) -> Found | None:
    """The first test that fails."""
    done = _pytest(tree, *chosen)
    if done.returncode == 0:
        return None
    failed = [line for line in done.stdout.splitlines() if line.startswith(("FAILED ", "ERROR "))]
    if done.returncode != FAILED or not failed:
        raise UnfitError(
            f"pytest ended with {done.returncode}: {done.stdout[-500:]}{done.stderr[-500:]}"
        )
    test = failed[0].split(" ", 1)[1].split(" - ")[0]
    return Found(finder, test, lambda sound: _pytest(sound, test).returncode == 0)


def _pytest(tree: Tree, *chosen: str) -> subprocess.CompletedProcess[str]:
    """Stops at the first failure; draws the same examples every time."""
    return tree.run(
        "pytest", "-q", "-x", "--tb=no", "-p", "no:cacheprovider", "--hypothesis-seed=0",
        "-m", "not slow and not data", *chosen,
    )  # fmt: skip


def exploration(max_states: int) -> Finder:
    """``engine verify``, in the situation of the fault if it has one, else in all."""

    def verify(tree: Tree, fault: Fault) -> Found | None:
        report, kept = tree.root / "verify.json", tree.root / "violations"
        shutil.rmtree(kept, ignore_errors=True)
        report.unlink(missing_ok=True)
        kept.mkdir()
        where = ("--situation", fault.situation) if fault.situation else ()
        words = ("--max-states", str(max_states), *where)
        done = _engine_verify(tree, *words, "--json", str(report), "--save", str(kept))
        if done.returncode == 0:
            return None
        if done.returncode != BROKEN_LAW or not report.exists():
            raise UnfitError(f"engine verify ended with {done.returncode}: {done.stderr[-500:]}")
        told = json.loads(report.read_text("utf-8"))
        first, path = told["violations"][0], Path(told["saved"][0])
        if _engine_verify(tree, "--replay", str(path)).returncode != BROKEN_LAW:
            raise UnfitError(f"{path}: the path that broke a law does not break it again")
        return Found(
            "verify",
            f"law {first['law']} in {first['situation']}",
            lambda sound: _engine_verify(sound, "--replay", str(path)).returncode != BROKEN_LAW,
        )

    return verify


def _engine_verify(tree: Tree, *words: str) -> subprocess.CompletedProcess[str]:
    return tree.run("engine.cli", "verify", *words)


# -- the hunt ----------------------------------------------------------------------------------


def hunt(tree: Tree, fault: Fault, finders: Sequence[Finder]) -> Outcome:
    """Who finds the fault first."""
    began = time.monotonic()
    found, took_s = None, 0.0
    try:
        with tree.broken(fault):
            for finder in finders:
                if (found := finder(tree, fault)) is not None:
                    break
        took_s = time.monotonic() - began
        if found is not None and not found.sound(tree):
            raise UnfitError(f"{found.by} fails without any fault; mend that first")
    except UnfitError as problem:
        return Outcome(fault, None, time.monotonic() - began, str(problem))
    return Outcome(fault, found, took_s)


def hunt_all(
    faults: Sequence[Fault],
    finders: Sequence[Finder],
    jobs: int,
    show: Callable[[str], None],
) -> list[Outcome]:
    """One outcome for each fault, in their order; ``show`` is told as they come."""
    trees: SimpleQueue[Tree] = SimpleQueue()
    finished: list[str] = []
    with tempfile.TemporaryDirectory(prefix="mutants-") as base:
        for number in range(jobs):
            trees.put(Tree(Path(base, str(number))))

        def one(fault: Fault) -> Outcome:
            tree = trees.get()
            try:
                outcome = hunt(tree, fault, finders)
            finally:
                trees.put(tree)
            finished.append(fault.name)
            show(f"[{len(finished)}/{len(faults)}] {line(outcome)}")
            return outcome

        pool = ThreadPoolExecutor(jobs)
        try:
            return list(pool.map(one, faults))
        finally:
            pool.shutdown(cancel_futures=True)


def line(outcome: Outcome) -> str:
    found = outcome.found
    if found is not None:
        told = f"found by {found.finder}: {short(found.by)}"
    else:
        told = outcome.problem or "SURVIVES"
    return f"{outcome.fault.name}: {told} ({outcome.seconds:.0f} s)"


def short(by: str) -> str:
    """A test without its folder: every one is in a file of its own name."""
    return by.rpartition("/")[2].replace("test_scenarios.py::test_scenario", "")


def table(outcomes: Sequence[Outcome]) -> list[str]:
    """As Markdown, which reads as well on a terminal."""
    rows = [("fault", "what is wrong then", "where", "found by", "which", "s")]
    for outcome in outcomes:
        fault, found = outcome.fault, outcome.found
        rows.append(
            (
                f"`{fault.name}`",
                fault.what,
                fault.file.removeprefix("engine/"),
                "nobody" if found is None else found.finder,
                "" if found is None else f"`{short(found.by)}`",
                f"{outcome.seconds:.0f}",
            )
        )
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    rows.insert(1, tuple("-" * width for width in widths))  # type: ignore[arg-type]
    return [
        "| " + " | ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)) + " |"
        for row in rows
    ]


_DOCUMENT: Final = """# Faults that are found

Tests that pass prove little if they also pass with a broken core. So the core is broken on
purpose: each fault below is one small change that somebody could really make, and each is made in
a copy of the tree and shown to the finders, one after the other, until one of them finds it.

- `scenarios`: the behaviours as text, `tests/scenarios`
- `tests`: the other tests that run the core, `tests/core`, `tests/rules` and `tests/verify`
- `verify`: exploration, `engine verify`; the law is that of `engine/verify/laws.py`

`make mutants ARGS="--table docs/mutants.md"` runs it again and writes this page. The seconds are
those of all finders that were asked, on the machine of the day. The faults themselves are in
`tests/campaign/faults.py`.

{count} faults: {summary}.

{table}
"""


def document(outcomes: Sequence[Outcome]) -> str:
    finders = [one.found.finder if one.found is not None else "nobody" for one in outcomes]
    summary = ", ".join(f"{finders.count(name)} found by {name}" for name in dict.fromkeys(finders))
    return _DOCUMENT.format(count=len(outcomes), summary=summary, table="\n".join(table(outcomes)))


def report(outcomes: Sequence[Outcome]) -> list[dict[str, object]]:
    return [
        {
            "name": one.fault.name,
            "what": one.fault.what,
            "file": one.fault.file,
            "finder": None if one.found is None else one.found.finder,
            "by": None if one.found is None else one.found.by,
            "seconds": round(one.seconds, 1),
            "problem": one.problem,
        }
        for one in outcomes
    ]


def main(words: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--only", metavar="NAME", action="append", default=[], help="repeatable")
    parser.add_argument("--finder", choices=("scenarios", "tests", "verify"), help="only this one")
    parser.add_argument("--jobs", type=int, default=1, help="at the same time (default 1)")
    parser.add_argument("--max-states", type=int, default=MAX_STATES, help="of engine verify")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write what was found")
    parser.add_argument("--table", type=Path, metavar="FILE", help="write the page of the docs")
    asked = parser.parse_args(words)
    known = {fault.name for fault in FAULTS}
    if unknown := sorted(set(asked.only) - known):
        parser.error(f"--only {unknown[0]}: there is no fault of this name")
    if asked.table is not None and (asked.only or asked.finder):
        parser.error("--table takes the whole run, without --only and --finder")
    if asked.jobs < 1:
        parser.error(f"--jobs {asked.jobs}: at least 1")
    faults = [fault for fault in FAULTS if not asked.only or fault.name in asked.only]
    try:
        for fault in faults:  # told at once, not after an hour
            mutated(fault, (ROOT / fault.file).read_text("utf-8"))
    except UnfitError as problem:
        parser.error(str(problem))
    ladder = {"scenarios": scenarios, "tests": tests, "verify": exploration(asked.max_states)}
    finders = [one for name, one in ladder.items() if asked.finder in (None, name)]
    outcomes = hunt_all(faults, finders, asked.jobs, lambda text: print(text, flush=True))
    print("", *table(outcomes), sep="\n")
    if asked.json is not None:
        asked.json.write_text(json.dumps(report(outcomes), indent=2) + "\n", "utf-8")
    if asked.table is not None:
        asked.table.write_text(document(outcomes), "utf-8")
    problems = sum(bool(one.problem) for one in outcomes)
    survivors = sum(one.found is None for one in outcomes) - problems
    print(f"{len(outcomes)} faults, {survivors} survive, {problems} could not be tried")
    return 2 if problems else 1 if survivors else 0


if __name__ == "__main__":
    sys.exit(main())
