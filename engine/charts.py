"""The lowered lifecycles, ready to step: one compiled stepper for each region of each chart."""

from __future__ import annotations

from enum import IntEnum
from typing import Final

import attrs

from _fast.table import Stepper
from statecharts.bracket import BracketChart
from statecharts.context import ContextChart
from statecharts.lower import NO_ROW, Chart, Region, lifecycles
from statecharts.oco import OcoChart
from statecharts.order import OrderChart
from statecharts.session import SessionChart

__all__ = [
    "BRACKET",
    "CONTEXT",
    "LIFECYCLES",
    "NO_ROW",
    "OCO",
    "ORDER_ASKED",
    "ORDER_REPORTED",
    "SESSION",
    "Lifecycle",
]


@attrs.frozen
class Lifecycle:
    """A region of a chart and its stepper, for those who go through all rows."""

    name: str
    region: Region
    events: tuple[IntEnum, ...]
    stepper: Stepper

    def rows(self) -> list[tuple[IntEnum, IntEnum, IntEnum]]:
        """(state, event, next state) of every row."""
        states, width = self.region.states, len(self.events)
        return [
            (states[cell // width], self.events[cell % width], states[after])
            for cell, after in enumerate(self.region.next)
            if after != NO_ROW
        ]


def _lifecycles(chart: Chart) -> tuple[Lifecycle, ...]:
    return tuple(
        Lifecycle(name, region, events, Stepper(region.next, len(region.states), len(events)))
        for name, region, events in lifecycles(chart)
    )


LIFECYCLES: Final[tuple[Lifecycle, ...]] = tuple(
    lifecycle
    for chart in (OrderChart, ContextChart, BracketChart, OcoChart, SessionChart)
    for lifecycle in _lifecycles(chart)
)
ORDER_ASKED, ORDER_REPORTED, CONTEXT, BRACKET, OCO, SESSION = (one.stepper for one in LIFECYCLES)
