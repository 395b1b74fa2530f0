"""The lowered lifecycles, ready to step: one compiled stepper for each region of each chart."""

from __future__ import annotations

from typing import Final

from _fast.table import Stepper
from statecharts.bracket import BracketChart
from statecharts.context import ContextChart
from statecharts.lower import NO_ROW, Chart, Region, table
from statecharts.oco import OcoChart
from statecharts.order import OrderChart
from statecharts.session import SessionChart

__all__ = ["BRACKET", "CONTEXT", "NO_ROW", "OCO", "ORDER_ASKED", "ORDER_REPORTED", "SESSION"]


def _stepper(region: Region, events: int) -> Stepper:
    return Stepper(region.next, len(region.states), events)


def _flat(chart: Chart) -> Stepper:
    lowered = table(chart)
    (region,) = lowered.regions
    return _stepper(region, len(lowered.events))


def _order() -> tuple[Stepper, Stepper]:
    lowered = table(OrderChart)
    asked, reported = lowered.regions
    events = len(lowered.events)
    return _stepper(asked, events), _stepper(reported, events)


_asked, _reported = _order()
ORDER_ASKED: Final = _asked
ORDER_REPORTED: Final = _reported
CONTEXT: Final[Stepper] = _flat(ContextChart)
BRACKET: Final[Stepper] = _flat(BracketChart)
OCO: Final[Stepper] = _flat(OcoChart)
SESSION: Final[Stepper] = _flat(SessionChart)
