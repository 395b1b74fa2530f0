"""One trade as a picture: prices, fills, and the way of its stop and target."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

from engine.monitor.lines import money, price
from engine.report.markup import Markup, el
from engine.report.plot import Frame, Point, Scale, below, grid, polyline, stepped
from engine.report.trade import Fill, Level, Told
from engine.sim.instruments import local_time

FRAME: Final = Frame(460, 220)
ARROW: Final = 5.5
FEW: Final = 40  # prices
LEAST_NS: Final = 2_000_000_000
BEFORE: Final = 0.04  # of the trade's time, shown before and after it


def trade_chart(told: Told) -> Markup:
    trade, path = told.trade, told.path
    began_ns, ended_ns = trade.opened_ns, max(path.filled_ns[1], trade.opened_ns)
    room_ns = max((ended_ns - began_ns) * BEFORE, LEAST_NS / 2)
    across = FRAME.across(began_ns - room_ns, ended_ns + room_ns)
    fills = [one for one in path.fills.values() if one.quantity]
    prices = [one for one in path.prices.points if across.low <= one[0] <= across.high]
    stops, targets = _until(path.stops, ended_ns), _until(path.targets, ended_ns)
    up = FRAME.up(
        [
            float(trade.decision),
            *(float(one.price) for one in fills),
            *(one for _, one in prices),
            *(one for _, one in (*stops, *targets) if one is not None),
        ]
    )
    decided = up(float(trade.decision))
    return FRAME.drawing(
        f"{trade.symbol} {trade.side} {trade.quantity:f}: in at {price(trade.entry)}, out at "
        f"{price(trade.exit)} ({trade.reason}), {money(trade.realised)}",
        *grid(FRAME, up, 4),
        el("line", class_="decision", x1=across(began_ns), x2=across(ended_ns), y1=decided,
           y2=decided),
        *(polyline(one, "stop") for one in _levels(stops, ended_ns, across, up)),
        *(polyline(one, "target") for one in _levels(targets, ended_ns, across, up)),
        *_price([(across(at), up(one)) for at, one in prices]),
        *(_arrow(one, across, up) for one in fills),
        *_times(across),
        class_="trade",
    )  # fmt: skip


def _price(points: Sequence[Point]) -> list[Markup]:
    """Each price until the next one. A few are all that is known: they are marked, too."""
    if len(points) > FEW:
        return [polyline(stepped(points), "price")]
    dots = [el("circle", class_="seen", cx=x, cy=y, r=1.8) for x, y in points]
    return [polyline(points, "price"), *dots]


def _until(levels: Sequence[Level], ended_ns: int) -> list[Level]:
    """Orders that are put away after the last fill are no part of the picture."""
    return [one for one in levels if one[0] <= ended_ns]


def _levels(
    levels: Sequence[Level], ended_ns: int, across: Scale, up: Scale
) -> Iterator[list[Point]]:
    """A line for each time without a gap in which there was a level."""
    line: list[Point] = []
    for number, (since_ns, level) in enumerate(levels):
        until_ns = levels[number + 1][0] if number + 1 < len(levels) else ended_ns
        if level is not None:
            line += [(across(since_ns), up(level)), (across(until_ns), up(level))]
        elif line:
            yield line
            line = []
    if line:
        yield line


def _arrow(fill: Fill, across: Scale, up: Scale) -> Markup:
    """Its tip is at the price: upwards for what was bought, downwards for what was sold."""
    x, y = across(fill.time_ns), up(float(fill.price))
    foot = y + (ARROW if fill.side == "BUY" else -ARROW) * 1.7
    points = f"{x:.1f},{y:.1f} {x - ARROW:.1f},{foot:.1f} {x + ARROW:.1f},{foot:.1f}"
    told = f"{fill.role}: {fill.side} {fill.quantity:f} at {price(fill.price)}"
    kind = "buy" if fill.side == "BUY" else "sell"
    return el("polygon", el("title", told), class_=f"fill {kind}", points=points)


def _times(across: Scale) -> list[Markup]:
    spread_ns = across.high - across.low
    form = "%H:%M:%S" if spread_ns < 600_000_000_000 else "%H:%M"
    marks = []
    for number in range(4):
        at_ns = across.low + spread_ns * (number + 0.5) / 4
        marks.append((across(at_ns), local_time(int(at_ns)).strftime(form)))
    return below(FRAME, marks)
