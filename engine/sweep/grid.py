"""The grid of a sweep: a TOML file that says over what, and every mistake in it with its line."""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator, Mapping
from datetime import date
from pathlib import Path
from typing import Any, Final

import attrs
import cattrs
from attrs import field

from engine import toml_lines
from engine.backtest.plan import LATENCY_MS, LATENCY_MS_MAX
from engine.config import CONVERTER
from engine.errors import ConfigError
from engine.rules.checks import Validator, is_number, near, shown, whole, word
from engine.rules.mistakes import TOLD_MAX, Mistake, MistakesError, mistakes
from engine.settings_file import parsed
from engine.sim.instruments import day_of
from engine.sweep.play import FIGURES

VALUES_MAX: Final = 10_000  # of one list
SEED_MAX: Final = (1 << 31) - 1
CANCEL_MS_MAX: Final = 60_000.0
EACH: Final = "each"
TOGETHER: Final = "together"
OTHERS: Final = ("symbols", "days", "seed", "latency_ms")  # parameters that are no settings
_STEP: Final = re.compile(r"([A-Za-z0-9_-]+)((?:\[\d{1,4}\])*)")

Steps = tuple[str | int, ...]


# -- what the tables hold ------------------------------------------------------------------------


def _values(value: Any, what: str, name: str) -> list[Any]:
    if not isinstance(value, list | tuple) or not value:
        raise ValueError(f"{name} must be a list of {what}, not {_given(value)}")
    if len(value) > VALUES_MAX:
        raise ValueError(f"{name} has {len(value):,} values, at most {VALUES_MAX:,} are taken")
    return list(value)


def _given(value: Any) -> str:
    return "an empty one" if value == [] else shown(value)


def _seeds(value: Any) -> tuple[int, ...]:
    """A list of them, or how many."""
    if type(value) is int and 1 <= value <= VALUES_MAX:
        return tuple(range(1, value + 1))
    what = f"whole numbers from 0 to {SEED_MAX}, or how many (1 to {VALUES_MAX:,})"
    found = _values(value, what, "seeds")
    for one in found:
        if type(one) is not int or not 0 <= one <= SEED_MAX:
            raise ValueError(f"seeds must be a list of {what}; {shown(one)} is none")
    return tuple(found)


def _latencies(value: Any) -> tuple[float, ...] | None:
    if value is None:
        return None
    what = f"milliseconds from 0 to {LATENCY_MS_MAX:g}"
    found = _values(value, what, "latencies_ms")
    for one in found:
        if not is_number(one) or not 0 <= one <= LATENCY_MS_MAX:
            raise ValueError(f"latencies_ms must be a list of {what}; {shown(one)} is none")
    return tuple(map(float, found))


def _symbols(value: Any) -> tuple[tuple[str, ...], ...]:
    """Each of them alone, or several together."""
    what = 'symbols or of lists of them: ["IBM", ["IBM", "SPY"]]'
    groups = [one if isinstance(one, list | tuple) else [one] for one in _groups(value, what)]
    for one in groups:
        if not one or not all(isinstance(symbol, str) and symbol for symbol in one):
            raise ValueError(f"symbols must be a list of {what}")
        if len(set(one)) != len(one):
            raise ValueError(f"symbols names one of {', '.join(one)} twice in the same list")
    return tuple(map(tuple, groups))


def _groups(value: Any, what: str) -> list[Any]:
    return [] if value == () else _values(value, what, "symbols")


def _days(value: Any) -> str | tuple[tuple[date, ...], ...]:
    if value in (EACH, TOGETHER):
        return str(value)
    what = f'"{EACH}", "{TOGETHER}", or a list of days or of lists of them: ["20240103"]'
    if isinstance(value, str):
        raise ValueError(f"days must be {what}, not {shown(value)}")
    groups = []
    for one in _values(value, "days", "days"):
        several = one if isinstance(one, list | tuple) else [one]
        days = tuple(sorted({_day(day, what) for day in several}))
        if not days:
            raise ValueError(f"days must be {what}; an empty list is no day")
        groups.append(days)
    return tuple(groups)


def _day(value: Any, what: str) -> date:
    if type(value) is date:
        return value
    try:
        return day_of(str(value))
    except ValueError:
        raise ValueError(f"days must be {what}; {shown(value)} is none") from None


def _span(low: float, high: float) -> Validator:
    """A range to draw from, or none."""

    def check(_: Any, attribute: attrs.Attribute[Any], value: Any) -> None:
        if value is None:
            return
        fits = isinstance(value, list | tuple) and len(value) == 2 and all(map(is_number, value))
        if not fits or not low <= value[0] <= value[1] <= high:
            allowed = f"[least, most], between {low:g} and {high:g}"
            raise ValueError(f"{attribute.name} must be {allowed}")

    return check


@attrs.frozen(kw_only=True)
class Draw:
    """What each seed draws, evenly, between two bounds: how the exchange is that day."""

    latency_ms: Any = field(default=None, validator=_span(0, LATENCY_MS_MAX))
    size_share: Any = field(default=None, validator=_span(0.001, 1))
    cancel_ms: Any = field(default=None, validator=_span(0, CANCEL_MS_MAX))
    modify_ms: Any = field(default=None, validator=_span(0, CANCEL_MS_MAX))


@attrs.frozen(kw_only=True)
class WalkForward:
    """Windows over the days of the ticks; each begins where the test before it ended."""

    train_days: int = field(validator=whole(1, VALUES_MAX))
    test_days: int = field(default=1, validator=whole(1, VALUES_MAX))


@attrs.frozen(kw_only=True)
class HeatMap:
    """The parameters along its sides; without them the first two that have several values."""

    x: str = ""
    y: str = ""


@attrs.frozen(kw_only=True)
class _File:
    settings: Any = field(factory=dict)
    symbols: Any = field(default=(), converter=_symbols)
    days: Any = field(default=TOGETHER, converter=_days)
    seeds: Any = field(default=(1,), converter=_seeds)
    latencies_ms: Any = field(default=None, converter=_latencies)
    figure: str = field(default="realised", validator=word(*FIGURES))
    draw: Draw = Draw()
    heat_map: HeatMap = HeatMap()
    walk_forward: WalkForward | None = None

    def __attrs_post_init__(self) -> None:
        found = []
        if self.walk_forward and self.days != TOGETHER:
            said = "days and walk_forward: one of them; walk_forward takes the days in their order"
            found.append(Mistake((), said, "days"))
        if self.draw.latency_ms and self.latencies_ms:
            said = "latencies_ms and draw.latency_ms: one of them"
            found.append(Mistake((), said, "latencies_ms"))
        if found:
            raise MistakesError(found)


@attrs.frozen
class Axis:
    """A setting and its values. ``place`` is where the list stands in the grid."""

    name: str
    steps: Steps
    values: tuple[Any, ...]
    place: toml_lines.Path


@attrs.frozen(kw_only=True)
class Grid:
    """``symbols`` empty: those of the strategy, together. ``days`` a word, or sets of them."""

    path: Path
    axes: tuple[Axis, ...]
    symbols: tuple[tuple[str, ...], ...]
    days: str | tuple[tuple[date, ...], ...]
    seeds: tuple[int, ...]
    latencies_ms: tuple[float, ...]
    figure: str
    draw: Draw
    heat_map: HeatMap
    walk_forward: WalkForward | None
    lines: dict[toml_lines.Path, int]

    @property
    def combinations(self) -> int:
        """Of settings."""
        count = 1
        for axis in self.axes:
            count *= len(axis.values)
        return count

    def mistake(self, where: toml_lines.Path, said: str) -> ConfigError:
        """One line with the file, and the line of ``where``."""
        line = toml_lines.line_of(self.lines, where)
        return ConfigError(f"{self.path}{'' if line is None else f' line {line}'}: {said}")


def read(path: Path) -> Grid:
    """Raises ConfigError: one line with the file, the lines and keys at fault."""
    data, lines = parsed(path)
    try:
        found = CONVERTER.structure(data, _File)
    except (cattrs.BaseValidationError, ValueError, TypeError) as problem:
        told = []
        for one in list(mistakes(problem))[:TOLD_MAX]:
            line = toml_lines.line_of(lines, one.where)
            told.append(f"{one}" if line is None else f"line {line}: {one}")
        raise ConfigError(f"{path} {'; '.join(told)}") from None
    values = {one.name: getattr(found, one.name) for one in attrs.fields(_File)}
    settings = values.pop("settings")
    values["latencies_ms"] = found.latencies_ms or (LATENCY_MS,)
    grid = Grid(path=path, axes=(), lines=lines, **values)
    grid = attrs.evolve(grid, axes=tuple(_axes(grid, settings, ("settings",))))
    _check_axes(grid)
    _check_heat_map(grid)
    return grid


def _axes(grid: Grid, table: Any, path: toml_lines.Path) -> Iterator[Axis]:
    """The lists in the table of settings, with the dotted path to each."""
    name = ".".join(map(str, path[1:]))
    whole_table = len(path) == 1
    if isinstance(table, Mapping):
        for key, inner in table.items():
            yield from _axes(grid, inner, (*path, key))
    elif whole_table or not isinstance(table, list) or not table:
        what = "settings" if whole_table else f'settings."{name}"'
        allowed = "a table" if whole_table else "a list of the values to try"
        raise grid.mistake(path, f"{what} must be {allowed}, not {_given(table)}")
    elif len(table) > VALUES_MAX:
        raise grid.mistake(path, f'settings."{name}" has more than {VALUES_MAX:,} values')
    else:
        found: list[str | int] = []
        for part in name.split("."):
            match = _STEP.fullmatch(part)
            if match is None:
                said = f'settings."{name}": write the path of a setting, as strategy.stop.percent'
                raise grid.mistake(path, said)
            found.append(match[1])
            found += [int(one) for one in re.findall(r"\d+", match[2])]
        yield Axis(name, tuple(found), tuple(table), path)


def _check_axes(grid: Grid) -> None:
    """None may set what another one sets."""
    for one, other in itertools.permutations(grid.axes, 2):
        if other.steps[: len(one.steps)] == one.steps:
            said = f'settings."{other.name}" is a part of settings."{one.name}": one of them'
            raise grid.mistake(other.place, said)


def _check_heat_map(grid: Grid) -> None:
    known = [*(axis.name for axis in grid.axes), *OTHERS]
    for key in ("x", "y"):
        name = getattr(grid.heat_map, key)
        if name and name not in known:
            said = f"heat_map.{key}: no parameter {shown(name)}, {near(name, known)}"
            raise grid.mistake(("heat_map", key), said)
    if grid.heat_map.y and grid.heat_map.x == grid.heat_map.y:
        raise grid.mistake(("heat_map", "y"), "heat_map: x and y are the same parameter")
