"""The indicators that a condition may ask for: their names, parameters, units and warm-up.

An indicator is written ``ema(20)``; what a bar itself says, as ``close``, has no brackets. One with
several lines has a name for each: ``bollinger_upper(20, 2)``. All are computed from the bars of the
instrument (``strategy.bar_s``), and have the value of the newest one that is complete.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from decimal import Decimal
from functools import lru_cache
from typing import Final, Literal

import attrs

from engine.rules.checks import is_number, near, shown

Unit = Literal["price", "distance", "shares", "percent", "change"]

PERIOD_MAX: Final = 1_000  # bars; four times as many warm an exponential mean
WIDTH_MAX: Final = 100.0
RUN_IN: Final = 4  # periods, after which 2 % of the start value of an exponential mean is left
_WRITTEN: Final = re.compile(r"\s*([A-Za-z_]\w{0,63})\s*(?:\(([^()]{0,100})\))?\s*", re.ASCII)

UNITS: Final[dict[Unit, str]] = {
    "price": "a price",
    "distance": "a distance between prices",
    "shares": "a number of shares",
    "percent": "between 0 and 100",
    "change": "a change in per cent",
}


@attrs.frozen
class Parameter:
    """One number that an indicator takes; None: there is no usual one."""

    name: str
    usual: float | None = None
    whole: bool = True

    @property
    def allowed(self) -> str:
        if self.whole:
            return f"a whole number of bars between 1 and {PERIOD_MAX}"
        return f"a number above 0, {WIDTH_MAX:g} at most"

    def fits(self, value: float) -> bool:
        if self.whole:
            return value == int(value) and 1 <= value <= PERIOD_MAX
        return 0 < value <= WIDTH_MAX


@attrs.frozen
class Kind:
    """What one name stands for: a line of a family of the compiled indicators.

    ``needs`` says of the parameters how many bars give the first value; ``run_in``, how many make
    it forget where it began.
    """

    family: str
    line: int
    unit: Unit
    parameters: tuple[Parameter, ...]
    needs: Callable[..., int]
    run_in: Callable[..., int]

    @property
    def of_the_bar(self) -> bool:
        """Whether it is a number of the bar itself, written without brackets."""
        return not self.parameters


def _lines(
    family: str,
    names: dict[str, Unit],
    parameters: tuple[Parameter, ...],
    needs: Callable[..., int],
    run_in: Callable[..., int] | None = None,
) -> dict[str, Kind]:
    return {
        name: Kind(family, line, unit, parameters, needs, run_in or needs)
        for line, (name, unit) in enumerate(names.items())
    }


_PERIOD: Final = (Parameter("period"),)
_FOURTEEN: Final = (Parameter("period", 14),)
_WIDTH: Final = Parameter("width", 2, whole=False)


def _one(*_: float) -> int:
    return 1


def _all(period: int) -> int:
    return period


def _and_one(period: int) -> int:
    return period + 1


def _forgotten(period: int) -> int:
    return RUN_IN * period + 1


KINDS: Final[dict[str, Kind]] = {
    **_lines("open", {"open": "price"}, (), _one),
    **_lines("high", {"high": "price"}, (), _one),
    **_lines("low", {"low": "price"}, (), _one),
    **_lines("close", {"close": "price"}, (), _one),
    **_lines("volume", {"volume": "shares"}, (), _one),
    **_lines("sma", {"sma": "price"}, _PERIOD, _all),
    **_lines("ema", {"ema": "price"}, _PERIOD, _all, _forgotten),
    **_lines("wma", {"wma": "price"}, _PERIOD, _all),
    **_lines("rsi", {"rsi": "percent"}, _FOURTEEN, _and_one, _forgotten),
    **_lines("roc", {"roc": "change"}, _PERIOD, _and_one),
    **_lines("stddev", {"stddev": "distance"}, _PERIOD, _all),
    **_lines("atr", {"atr": "distance"}, _FOURTEEN, _and_one, _forgotten),
    **_lines("volume_average", {"volume_average": "shares"}, _PERIOD, _all),
    **_lines(
        "macd",
        {"macd": "distance", "macd_signal": "distance", "macd_histogram": "distance"},
        (Parameter("fast", 12), Parameter("slow", 26), Parameter("signal", 9)),
        lambda _, slow, signal: slow + signal - 1,
        lambda _, slow, signal: RUN_IN * (slow + signal),
    ),
    **_lines(
        "stochastic",
        {"stochastic_k": "percent", "stochastic_d": "percent"},
        (Parameter("period", 14), Parameter("smooth", 3), Parameter("d", 3)),
        lambda period, smooth, d: period + smooth + d - 2,
    ),
    **_lines(
        "adx",
        {"adx": "percent", "plus_di": "percent", "minus_di": "percent"},
        _FOURTEEN,
        lambda period: 2 * period,
        lambda period: 2 * RUN_IN * period,
    ),
    **_lines(
        "bollinger",
        {"bollinger_upper": "price", "bollinger_middle": "price", "bollinger_lower": "price"},
        (Parameter("period", 20), _WIDTH),
        lambda period, _: period,
    ),
    **_lines(
        "keltner",
        {"keltner_upper": "price", "keltner_middle": "price", "keltner_lower": "price"},
        (Parameter("period", 20), _WIDTH, Parameter("atr_period", 10)),
        lambda period, _, atr_period: max(period, atr_period + 1),
        lambda period, _, atr_period: RUN_IN * max(period, atr_period) + 1,
    ),
    **_lines(
        "donchian",
        {"donchian_upper": "price", "donchian_middle": "price", "donchian_lower": "price"},
        _PERIOD,
        _all,
    ),
}
"""All of them, by name."""

OF_THE_BAR: Final = tuple(name for name, kind in KINDS.items() if kind.of_the_bar)
SEVERAL: Final[dict[str, tuple[str, ...]]] = {
    family: tuple(name for name, kind in KINDS.items() if kind.family == family)
    for family in {kind.family for kind in KINDS.values()} - KINDS.keys()
}
"""Families of which each line has a name of its own."""
NOT_ASKED: Final = {
    "vwap": "it counts from the begin of a session, which the bars do not tell",
    "obv": "it counts from the first bar that was seen, wherever that was",
    "imbalance": "it is gone before a bar is",
    "true_range": "write atr(1)",
}


@attrs.frozen
class Indicator:
    """One indicator with all its parameters."""

    name: str
    parameters: tuple[float, ...]

    @property
    def kind(self) -> Kind:
        return KINDS[self.name]

    @property
    def needs(self) -> int:
        """Bars until it has a value."""
        return self.kind.needs(*self.parameters)

    @property
    def run_in(self) -> int:
        """Bars that should have come before what it says is relied on."""
        return self.kind.run_in(*self.parameters)

    @property
    def study(self) -> tuple[str, tuple[float, ...]]:
        """What is computed for it; all lines of a family are one."""
        return self.kind.family, self.parameters

    def __str__(self) -> str:
        if self.kind.of_the_bar:
            return self.name
        return f"{self.name}({', '.join(map(_digits, self.parameters))})"


def _digits(number: float) -> str:
    """All of them, because what is computed is read from what is written."""
    return f"{Decimal(repr(number)):f}".removesuffix(".0")


def example(name: str) -> str:
    """How a person may write it."""
    kind = KINDS[name]
    if kind.of_the_bar:
        return name
    return f"{name}({', '.join(f'{one.usual or 20:g}' for one in kind.parameters)})"


def indicator(name: str, given: Sequence[float], *, brackets: bool = True) -> Indicator:
    """The indicator of a name, with the parameters that were given and the usual ones for the
    rest.

    Raises:
        ValueError: one line that says what is allowed.
    """
    if name in SEVERAL:
        raise ValueError(f"{name} has several lines, name one: {', '.join(SEVERAL[name])}")
    if name in NOT_ASKED:
        raise ValueError(f"{name} cannot be asked in a condition: {NOT_ASKED[name]}")
    if name not in KINDS:
        raise ValueError(f"there is no indicator {shown(name)}, {near(name, KINDS)}")
    kind = KINDS[name]
    if kind.of_the_bar and brackets:
        raise ValueError(f"{name} is of the newest bar, it takes no brackets")
    named = ", ".join(one.name for one in kind.parameters)
    if not kind.of_the_bar and not brackets:
        raise ValueError(f"{name} takes brackets: {example(name)}")
    if len(given) > len(kind.parameters):
        raise ValueError(f"{name} takes {named} and no more: {example(name)}")
    values: list[float] = []
    for place, one in enumerate(kind.parameters):
        value = given[place] if place < len(given) else one.usual
        if value is None:
            raise ValueError(f"{name} needs its {one.name}: {example(name)}")
        if not one.fits(value):
            raise ValueError(f"{one.name} of {name} is {one.allowed}, not {shown(value)}")
        values.append(int(value) if one.whole else float(value))
    if kind.family == "macd" and values[0] >= values[1]:
        raise ValueError(f"fast of {name} is below slow, not {values[0]} and {values[1]}")
    return Indicator(name, tuple(values))


@lru_cache(maxsize=4096)
def read_indicator(said: str) -> Indicator:
    """An indicator as it is written: ``ema(20)``, ``close``. Raises ValueError."""
    found = _WRITTEN.fullmatch(said)
    if found is None:
        raise ValueError(f"{shown(said)} is no indicator, write it as ema(20) or close")
    inside = found[2]
    given: list[float] = []
    for part in (inside or "").split(",") if (inside or "").strip() else []:
        try:
            value = float(part)
        except ValueError:
            value = float("nan")
        if not abs(value) <= 1e9:
            raise ValueError(f"{shown(part.strip())} is no parameter of {found[1]}, a number is")
        given.append(value)
    return indicator(found[1], given, brackets=inside is not None)


# -- comparisons ---------------------------------------------------------------------------------

CompareOp = Literal[">", ">=", "<", "<=", "crosses above", "crosses below"]
OPS: Final[tuple[CompareOp, ...]] = (">", ">=", "<", "<=", "crosses above", "crosses below")
QUOTED: Final[dict[str, Unit]] = {
    "last": "price",
    "bid": "price",
    "ask": "price",
    "mid": "price",
    "spread": "distance",
}
"""What the market says between bars, and an indicator may be compared with."""
WATCHED: Final = ("last", "bid", "ask")
"""Fields of the market that are watched without the interpreter, and so can trigger."""


def as_operand(said: object) -> object:
    """Converter: the one form of each, so that equal comparisons are written equally."""
    if isinstance(said, str):
        return said if said in QUOTED else str(read_indicator(said))
    return float(said) if isinstance(said, int) and not isinstance(said, bool) else said


def unit_of(operand: str) -> Unit:
    return QUOTED[operand] if operand in QUOTED else read_indicator(operand).kind.unit


def check_sides(left: object, op: str, right: object) -> None:
    """Refuse two sides that cannot be compared. Raises ValueError."""
    if not isinstance(left, str):
        raise ValueError(f"left must be an indicator as ema(20), not {shown(left)}")
    if not isinstance(right, str) and not is_number(right):
        raise ValueError(f"right must be an indicator or a number, not {shown(right)}")
    for one in (left, right):
        if op.startswith("crosses") and one in QUOTED and one not in WATCHED:
            raise ValueError(f"{one} is not watched for crossings, last, bid and ask are")
    unit = unit_of(left)
    if isinstance(right, str):
        if left in QUOTED and right in QUOTED:
            raise ValueError(f"{left} and {right} are both of the market: an indicator is missing")
        if left == right:
            raise ValueError(f"{left} is compared with itself")
        if unit != unit_of(right):
            raise ValueError(
                f"{left} is {UNITS[unit]} and {right} is {UNITS[unit_of(right)]}: "
                "they are not compared"
            )
        return
    assert isinstance(right, float)
    if left in QUOTED:
        raise ValueError(f"{left} is compared with an indicator here, not with {right:g}")
    if unit == "percent" and not 0 <= right <= 100:
        raise ValueError(f"{left} is {UNITS[unit]}, not {right:g}")
    if (unit in ("price", "shares") and right < 0) or (unit == "price" and right == 0):
        raise ValueError(f"{left} is {UNITS[unit]}, and never {right:g}")


def is_one_price(left: str, right: str | float) -> bool:
    """Whether a price is compared with a number."""
    return isinstance(right, float) and unit_of(left) == "price"
