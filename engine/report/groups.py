"""Figures of a journal's trades: of all, and by symbol, rule, side, day and hour."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import Any, Final

import attrs

from engine.backtest.exposure import Exposure
from engine.backtest.figures import Figures, figures
from engine.backtest.ledger import as_data
from engine.money import ZERO
from engine.report.exposures import ALL, Exposures
from engine.report.reading import Reading
from engine.report.trade import ReportTrade
from engine.sim.instruments import local_time
from engine.version import VERSION

BY: Final[dict[str, Callable[[ReportTrade], str]]] = {
    "symbol": lambda one: one.symbol,
    "rule": lambda one: one.rule,
    "side": lambda one: one.side,
    "day": lambda one: f"{local_time(one.closed_ns):%Y-%m-%d}",  # on which it ended
    "hour": lambda one: f"{local_time(one.opened_ns):%H}",  # in which it was decided
}


@attrs.frozen
class Group:
    """``slippage`` is in money, above zero where it cost; ``held_share`` of the time in which an
    engine ran, of the hour or day alone where it is one."""

    name: str
    figures: Figures
    slippage: Decimal
    held_s: float
    held_share: float
    notional_mean: float
    notional_max: float

    def data(self) -> dict[str, Any]:
        """For JSON."""
        rest = attrs.asdict(self, filter=lambda field, _: field.name not in ("name", "figures"))
        return {**self.figures.data(), **rest, "slippage": float(self.slippage)}


@attrs.frozen
class Summary:
    """``tables`` are groups in order of their names, by what they are groups of."""

    name: str
    reading: Reading
    total: Group
    tables: dict[str, tuple[Group, ...]]

    @property
    def trades(self) -> list[ReportTrade]:
        return [one.trade for one in self.reading.told]

    def data(self) -> dict[str, Any]:
        """For JSON."""
        reading = self.reading
        return {
            "engine": VERSION,
            "journal": self.name,
            "records": {"first": reading.first, "count": reading.records},
            "runs": reading.runs,
            "began_ns": reading.began_ns,
            "ended_ns": reading.last_ns,
            "ticks": reading.ticks,
            "refusals": dict(sorted(reading.refusals.items())),
            "open": [
                {
                    **attrs.asdict(one),
                    "quantity": float(one.quantity),
                    "average_price": float(one.average_price),
                }
                for one in reading.open
            ],
            "trades": [{**as_data(one.trade), **one.data()} for one in reading.told],
            "total": self.total.data(),
            **{
                f"by_{kind}": {one.name: one.data() for one in table}
                for kind, table in self.tables.items()
            },
        }


def summary(name: str, reading: Reading) -> Summary:
    trades = [one.trade for one in reading.told]
    exposures = reading.exposures
    tables = {}
    for kind, key in BY.items():
        grouped: dict[str, list[ReportTrade]] = {}
        for one in trades:
            grouped.setdefault(key(one), []).append(one)
        tables[kind] = tuple(
            _group(found, grouped[found], exposures, (kind, found)) for found in sorted(grouped)
        )
    return Summary(name, reading, _group("all", trades, exposures, ALL), tables)


def _group(
    name: str, trades: list[ReportTrade], exposures: Exposures, group: tuple[str, str]
) -> Group:
    exposed = exposures.groups.get(group, Exposure()).data()
    del exposed["symbols"]
    slippage = sum((one.slippage for one in trades), ZERO)
    return Group(name, figures(trades), slippage, **exposed)
