"""The sum of results from trade to trade, and how far it was below its highest."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from typing import Final

from engine.backtest.figures import curve
from engine.monitor.lines import money
from engine.report.markup import Markup, el
from engine.report.plot import Frame, Point, area, below, grid, polyline, stepped, thinned
from engine.report.trade import ReportTrade
from engine.sim.instruments import local_time

EQUITY: Final = Frame(960, 260)
DRAWDOWN: Final = Frame(960, 120)
POINTS_MAX: Final = 2_000
DOTS_MAX: Final = 150
LABELS: Final = 10


def equity(trades: Sequence[ReportTrade]) -> Markup:
    """From 0, a step at each trade in the order in which they ended."""
    sums = [0.0, *(float(total) for total, _ in curve(_results(trades)))]
    up, across = EQUITY.up(sums), EQUITY.across(0, len(trades))
    points = [(across(n), up(value)) for n, value in thinned(sums, POINTS_MAX)]
    dots = [
        el("circle", class_="dot good" if one.realised > 0 else "dot bad", cx=across(n),
           cy=up(sums[n]), r=2.6)
        for n, one in enumerate(trades, start=1)
    ] if len(trades) <= DOTS_MAX else []  # fmt: skip
    return EQUITY.drawing(
        f"Sum of results after commissions: {money(sums[-1])} after {len(trades)} trades",
        *grid(EQUITY, up),
        el("line", class_="zero", x1=EQUITY.left, x2=across(len(trades)), y1=up(0.0), y2=up(0.0)),
        area(stepped(points), up(0.0), "under"),
        polyline(stepped(points), "equity"),
        *dots,
        *_times(trades, EQUITY),
        class_="curve",
    )


def drawdown(trades: Sequence[ReportTrade]) -> Markup:
    """How far the sum of results is below its highest, downwards."""
    falls = [0.0, *(-float(fall) for _, fall in curve(_results(trades)))]
    up, across = DRAWDOWN.up(falls), DRAWDOWN.across(0, len(trades))
    points: list[Point] = [(across(n), up(value)) for n, value in thinned(falls, POINTS_MAX)]
    return DRAWDOWN.drawing(
        f"Below its highest: at most {-min(falls):,.2f}",
        *grid(DRAWDOWN, up, 2),
        area(stepped(points), up(0.0), "fall"),
        polyline(stepped(points), "falling"),
        *_times(trades, DRAWDOWN),
        class_="curve",
    )


def _results(trades: Sequence[ReportTrade]) -> list[Decimal]:
    return [one.realised for one in trades]


def _times(trades: Sequence[ReportTrade], frame: Frame) -> list[Markup]:
    """When trades ended; with several days the days, where they begin."""
    across = frame.across(0, len(trades))
    ended = [local_time(one.closed_ns) for one in trades]
    if len({one.date() for one in ended}) == 1:
        each = max(len(trades) // LABELS, 1)
        marks = [(across(n + 1), f"{one:%H:%M}") for n, one in enumerate(ended) if n % each == 0]
        return below(frame, marks)
    marks = [
        (across(n), f"{one:%Y-%m-%d}")
        for n, one in enumerate(ended)
        if n == 0 or one.date() != ended[n - 1].date()
    ]
    return below(frame, marks)
