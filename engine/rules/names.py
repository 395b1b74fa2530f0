"""The names that stand in expressions, and what one means that does not."""

from __future__ import annotations

from typing import Final

from engine.events import PredictionSignalEvent
from engine.rules.checks import near, shown
from engine.rules.comparisons import EVENTS, fields_of
from engine.rules.indicators import KINDS, NOT_ASKED, SEVERAL

SIGNAL: Final = PredictionSignalEvent.__name__
MARKET: Final = ("last", "bid", "ask", "spread", "mid", "atr")
SIDES: Final = ("flat", "long", "short", "held")
BOUNDS: Final = {  # of a position: the record's field for >= and the one for <=
    "profit_percent": ("profit_percent_min", "profit_percent_max"),
    "quantity": ("quantity_min", "quantity_max"),
    "adds": ("", "adds_max"),
}
SESSION: Final = "session_ends_in"
# Of a signal, without those whose names say something else here.
SIGNAL_FIELDS: Final = tuple(name for name in fields_of(SIGNAL) if name != "price")
FUNCTIONS: Final = ("time", "position")
INDICATORS: Final = frozenset((*KINDS, *SEVERAL, *NOT_ASKED))
CROSSINGS: Final = ("crosses_above", "crosses_below", "crossover", "crossunder", "cross")
NAMES: Final = (
    *(*SIGNAL_FIELDS, *MARKET, *SIDES, *BOUNDS, SESSION, *FUNCTIONS),
    *(name for name in KINDS if name not in MARKET),
)


def unknown(name: str) -> str:
    """What to write instead of a name that there is not."""
    if name == "price":
        others = f"the signal's is {SIGNAL}(price >= 1)"
        return f"there is no price: the market's are {', '.join(MARKET)}; {others}"
    if name == "symbol":
        return "symbol is not compared: name it in the symbols of the rule"
    return f"there is no {shown(name)}, {near(name, (*NAMES, *EVENTS))}"
