"""The cells of a grid: what each is, whether it can be played, and the key of its record."""

from __future__ import annotations

import copy
import itertools
import random
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import date
from hashlib import sha256
from pathlib import Path
from typing import Any, Final

import attrs
import cattrs
import orjson

from engine.backtest.plan import Plan, planned
from engine.config import CONVERTER, Config
from engine.errors import UserError
from engine.rules.checks import near, shown
from engine.rules.mistakes import Mistake, mistakes
from engine.sim.profiles import policies
from engine.sweep.crew import Task
from engine.sweep.grid import EACH, TOGETHER, Axis, Grid, Steps
from engine.ticks import files
from engine.ticks.part import Part, check_distinct

CELLS_MAX: Final = 20_000
MS_NS: Final = 1_000_000
Symbols = tuple[str, ...]
Days = tuple[date, ...]
Look = Callable[[int, int], None]  # done, of so many


@attrs.frozen(kw_only=True)
class Given:
    """What a sweep is made of. ``ticks`` and ``signals`` have the digests of their contents,
    ``code`` is that of the engine."""

    settings: Mapping[str, Any]
    ticks: dict[Path, str]
    signals: tuple[Path, str] | None
    profile: str
    answers: Mapping[str, Any]
    code: str


@attrs.frozen(kw_only=True)
class Cell:
    """``choice`` is the number of its combination of settings; ``window`` that of its walk-forward
    window, and ``part`` what it is there: train or test."""

    choice: int
    symbols: Symbols
    days: Days
    seed: int
    latency_ms: float
    window: int | None = None
    part: str = ""


@attrs.frozen(kw_only=True)
class Space:
    """All there is to play, checked."""

    grid: Grid
    given: Given
    parts: tuple[Part, ...]  # of the ticks
    groups: tuple[Symbols, ...]
    choices: tuple[tuple[Any, ...], ...]  # the values of the axes
    records: dict[tuple[int, Symbols], str]  # settings of a choice, for these symbols

    def task(self, cell: Cell) -> Task:
        grid, given = self.grid, self.given
        luck = drawn(grid, cell.seed)
        answers = dict(given.answers)
        for name in ("cancel", "modify"):
            if (delay_ms := luck.get(f"{name}_ms")) is not None:
                answers[f"{name}_delay_ns"] = round(delay_ms * MS_NS)
        ticks = [one for one in self.parts if one.symbol in cell.symbols and one.day in cell.days]
        said: dict[str, Any] = {
            "settings": self.records[cell.choice, cell.symbols],
            "seed": cell.seed,
            "latency_ms": luck.get("latency_ms", cell.latency_ms),
            "size_share": luck.get("size_share", 1.0),
            "policies": CONVERTER.unstructure(policies(given.profile, answers, cell.seed)),
        }
        meaning = {
            **said,
            "code": given.code,
            "ticks": [[one.symbol, str(one.day), given.ticks[one.path]] for one in ticks],
            "signals": None if given.signals is None else _signals(given.signals),
        }
        # Whoever plays it may be in another folder.
        absolute = (attrs.evolve(one, path=one.path.absolute()) for one in ticks)
        said["ticks"] = [one.record() for one in absolute]
        said["signals"] = None if given.signals is None else str(given.signals[0].absolute())
        body = orjson.dumps(meaning, option=orjson.OPT_SORT_KEYS)
        return Task(sha256(body).hexdigest()[:32], said)

    def over(self, symbols: Symbols, days: Days, choice: int, **window: Any) -> Iterator[Cell]:
        """One choice for each seed and latency."""
        for seed, given_ms in itertools.product(self.grid.seeds, self.grid.latencies_ms):
            latency_ms = drawn(self.grid, seed).get("latency_ms", given_ms)
            yield Cell(
                choice=choice,
                symbols=symbols,
                days=days,
                seed=seed,
                latency_ms=latency_ms,
                **window,
            )

    def days(self, symbols: Symbols) -> Days:
        """Those of which there are ticks."""
        return tuple(sorted({one.day for one in self.parts if one.symbol in symbols}))


def _signals(given: tuple[Path, str]) -> list[str]:
    """The name, too: it is a part of the source of its signals."""
    path, digest = given
    return [path.stem, digest]


def drawn(grid: Grid, seed: int) -> dict[str, float]:
    """What a seed draws; each of a stream of its own, so that one more changes no other."""
    found = {}
    for name, bounds in attrs.asdict(grid.draw).items():
        if bounds is not None:
            value = random.Random(f"sweep/{name}/{seed}").uniform(*bounds)
            found[name] = round(value, 4)
    return found


def day_sets(space: Space, symbols: Symbols) -> tuple[Days, ...]:
    """What the days of a cell may be, without walk-forward."""
    there, wanted = space.days(symbols), space.grid.days
    if wanted == TOGETHER:
        return (there,)
    if wanted == EACH:
        return tuple((day,) for day in there)
    assert not isinstance(wanted, str)
    return wanted


# -- checks ----------------------------------------------------------------------------------


def space(grid: Grid, given: Given, look: Look) -> Space:
    """Everything is checked here, before anything runs.

    Raises:
        UserError: one line with the grid's file, the key, and what is allowed.
    """
    parts = tuple(files.parts(given.ticks))
    check_distinct(parts)
    groups = grid.symbols or (_known(given),)
    count = grid.combinations * len(groups)
    if count > CELLS_MAX:
        said = f"settings: {count:,} combinations, at most {CELLS_MAX:,} are played"
        raise grid.mistake(("settings",), said)
    for axis in grid.axes:
        if axis.steps[:2] == ("strategy", "symbols"):
            raise grid.mistake(axis.place, f"{axis.name}: say it with symbols, beside [settings]")
    choices = tuple(itertools.product(*(axis.values for axis in grid.axes)))
    records = {}
    for number, values in enumerate(choices):
        config = _config(grid, given.settings, values)
        for symbols in groups:
            plan = _plan(grid, given, parts, config, symbols)
            text = orjson.dumps(CONVERTER.unstructure(plan.config), option=orjson.OPT_SORT_KEYS)
            records[number, symbols] = text.decode()
        look(number + 1, len(choices))
    found = Space(
        grid=grid, given=given, parts=parts, groups=groups, choices=choices, records=records
    )
    for symbols in groups:
        _check_days(found, symbols)
    return found


def _known(given: Given) -> Symbols:
    return tuple(given.settings["strategy"]["symbols"])


def _config(grid: Grid, settings: Mapping[str, Any], values: Sequence[Any]) -> Config:
    data: Any = copy.deepcopy(dict(settings))
    for axis, value in zip(grid.axes, values, strict=True):
        _put(grid, data, axis, value)
    try:
        return CONVERTER.structure(data, Config)
    except (cattrs.BaseValidationError, ValueError, TypeError) as problem:
        raise _wrong(grid, values, next(mistakes(problem))) from None


def _put(grid: Grid, data: Any, axis: Axis, value: Any) -> None:
    """Set what the path of an axis leads to; tables that are missing are made."""
    at = data
    for step, following in zip(axis.steps, (*axis.steps[1:], None), strict=True):
        fits = isinstance(at, list) if isinstance(step, int) else isinstance(at, dict)
        if not fits or (isinstance(step, int) and step >= len(at)):
            said = f'settings."{axis.name}": the strategy has no such place, at {shown(step)}'
            raise grid.mistake(axis.place, said)
        if following is None:
            at[step] = value
        elif isinstance(step, int):
            at = at[step]
        else:
            at = at.setdefault(step, {})


def _wrong(grid: Grid, values: Sequence[Any], one: Mistake) -> UserError:
    """A mistake in settings, as one of the value in the grid that makes it."""
    for axis, value in zip(grid.axes, values, strict=True):
        if _beside(axis.steps, one.where) or _beside(one.where, axis.steps):
            place = (*axis.place, axis.values.index(value))
            return grid.mistake(place, f"{axis.name} = {shown(value)}: {one}")
    pairs = zip(grid.axes, values, strict=True)
    told = ", ".join(f"{axis.name} = {shown(value)}" for axis, value in pairs)
    return grid.mistake(("settings",), f"with {told}: {one}")


def _beside(short: Steps, long: Steps) -> bool:
    return long[: len(short)] == short


def _plan(
    grid: Grid, given: Given, parts: Sequence[Part], config: Config, symbols: Symbols
) -> Plan:
    known = config.strategy.symbols
    if not grid.symbols:
        symbols = known
    for one in symbols:
        if one not in known:
            said = f"symbols: {one} is not among the strategy's, {near(one, known)}"
            raise grid.mistake(("symbols",), said)
    try:
        signals = None if given.signals is None else given.signals[0]
        return planned(config, parts, signals, symbols=symbols)
    except ValueError as problem:
        raise grid.mistake(("symbols",), f"symbols {', '.join(symbols)}: {problem}") from None


def _check_days(space: Space, symbols: Symbols) -> None:
    """Every symbol of a cell has ticks on its days."""
    named = {(one.symbol, one.day) for one in space.parts}
    grid = space.grid
    if grid.days == TOGETHER and grid.walk_forward is None:
        return
    days = space.days(symbols) if isinstance(grid.days, str) else sum(grid.days, ())
    for day, symbol in itertools.product(days, symbols):
        if (symbol, day) not in named:
            said = f"there are no ticks of {symbol} on {day:%Y%m%d}: give them with --ticks"
            where = "walk_forward" if grid.walk_forward else "days"
            raise grid.mistake((where,), f"{where}: {said}")
    if grid.walk_forward and len(days) < _window(grid):
        said = (
            f"walk_forward: {len(days)} days of ticks, of {', '.join(symbols)}, are fewer than "
            f"train_days and test_days together ({_window(grid)})"
        )
        raise grid.mistake(("walk_forward",), said)


def _window(grid: Grid) -> int:
    assert grid.walk_forward is not None
    return grid.walk_forward.train_days + grid.walk_forward.test_days


# -- which there are ---------------------------------------------------------------------------


def windows(space: Space, symbols: Symbols) -> Iterator[tuple[Days, Days]]:
    """The days to choose on and the days to try on, of walk-forward."""
    walk, days = space.grid.walk_forward, space.days(symbols)
    assert walk is not None
    for begin in range(0, len(days) - _window(space.grid) + 1, walk.test_days):
        middle = begin + walk.train_days
        yield days[begin:middle], days[middle : middle + walk.test_days]


def cells(space: Space) -> list[Cell]:
    """All but the tests of walk-forward, which depend on what these make.

    Raises:
        UserError: there are too many.
    """
    sets = [(symbols, *one) for symbols in space.groups for one in _sets(space, symbols)]
    grid = space.grid
    runs = len(grid.seeds) * len(grid.latencies_ms)
    count = len(sets) * runs * (len(space.choices) + (grid.walk_forward is not None))
    if count > CELLS_MAX:
        raise grid.mistake((), f"{count:,} cells, at most {CELLS_MAX:,} are played")
    return [
        cell
        for symbols, days, window in sets
        for choice in range(len(space.choices))
        for cell in space.over(symbols, days, choice, **window)
    ]


def _sets(space: Space, symbols: Symbols) -> Iterator[tuple[Days, dict[str, Any]]]:
    if space.grid.walk_forward is None:
        for days in day_sets(space, symbols):
            yield days, {}
        return
    for number, (days, _) in enumerate(windows(space, symbols), start=1):
        yield days, {"window": number, "part": "train"}
