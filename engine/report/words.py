"""A report as text: the same cells on a terminal and on its page."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import Final

import attrs

from engine.monitor import words
from engine.monitor.lines import money, price
from engine.monitor.words import maybe, number, share
from engine.report.groups import Group, Summary
from engine.report.reading import Reading
from engine.report.trade import ReportTrade
from engine.sim.instruments import local_time

LEDGER_MAX: Final = 200  # trades on a terminal; --csv has all


@attrs.frozen
class Column:
    """``signed``: whether its sign is good or bad news, for colours."""

    name: str
    cell: Callable[[Group], str]
    why: str
    signed: Callable[[Group], Decimal | None] | None = None


COLUMNS: Final = (
    Column("trades", lambda one: str(one.figures.trades), "finished, from flat to flat"),
    Column("won", lambda one: share(one.figures.win_rate), "with a profit after commissions"),
    Column(
        "realised",
        lambda one: money(one.figures.realised),
        "after commissions",
        lambda one: one.figures.realised,
    ),
    Column("commission", lambda one: f"{one.figures.commission:,.2f}", "paid"),
    Column("slippage", lambda one: f"{one.slippage:,.2f}", "what it cost, where it is known"),
    Column("expectancy", lambda one: maybe(one.figures.expectancy, money), "mean of a trade"),
    Column("factor", lambda one: number(one.figures.profit_factor), "profits over losses"),
    Column(
        "drawdown",
        lambda one: f"{one.figures.drawdown_max:,.2f}",
        "largest fall of the sum of results",
    ),
    Column("sharpe", lambda one: number(one.figures.sharpe), "mean over deviation, of trades"),
    Column(
        "sortino",
        lambda one: number(one.figures.sortino),
        "mean over downside deviation, of trades",
    ),
    Column("in market", lambda one: f"{one.held_share:.1%}", "of the time the engine ran"),
)
LEDGER: Final[dict[str, Callable[[ReportTrade], str]]] = {
    "symbol": lambda one: one.symbol,
    "side": lambda one: one.side,
    "shares": lambda one: f"{one.quantity:f}",
    "decided": lambda one: moment(one.opened_ns),
    "entry": lambda one: price(one.entry),
    "exit": lambda one: price(one.exit),
    "held": lambda one: duration(one.held_s),
    "reason": lambda one: one.reason,
    "rule": lambda one: one.rule,
    "realised": lambda one: money(one.realised),
    "fees": lambda one: f"{one.commission:.2f}",
    "slip in": lambda one: slip(one.entry_slippage),
    "slip out": lambda one: slip(one.exit_slippage),
    "mae": lambda one: f"{one.mae:.3f}",
    "mfe": lambda one: f"{one.mfe:.3f}",
}
TITLES: Final = {
    "symbol": "By symbol",
    "rule": "By rule",
    "side": "By side",
    "day": "By day, on which they ended",
    "hour": "By hour, in which they were decided (New York)",
}


def lines(summary: Summary) -> list[str]:
    """For a terminal."""
    found = list(facts(summary))
    if summary.reading.told:
        rows = [tuple(LEDGER), *(_row(one) for one in summary.trades[-LEDGER_MAX:])]
        found += ["", *words.rows(rows)]
        if (more := len(summary.trades) - LEDGER_MAX) > 0:
            found.append(f"… and {more} before; --csv FILE has all")
    else:
        found.append("no trades")
    for kind, table in summary.tables.items():
        if table:
            groups = (*table, summary.total) if len(table) > 1 else table
            found += ["", *words.rows([_head(kind), *(_cells(one) for one in groups)])]
    return found


def _excursions(reading: Reading) -> str:
    known = "as far as the journal knows prices: fills, and the market when something was decided"
    if not reading.ticks:
        return f"mae and mfe are {known}; --ticks looks at every tick"
    blind = [one.trade.symbol for one in reading.told if not one.path.looked]
    there = f"mae and mfe are looked at with every one of {reading.ticks:,} ticks"
    if not blind:
        return there
    names = ", ".join(sorted(set(blind)))
    return f"{there}, but of {len(blind)} trades ({names}) there are none: those are {known}"


def facts(summary: Summary) -> list[str]:
    """What was read, and what follows from that for the figures."""
    reading = summary.reading
    last = reading.first + reading.records - 1
    runs = f"{reading.runs} run" + ("" if reading.runs == 1 else "s")
    found = []
    if reading.records:
        times = f"{moment(reading.began_ns)} to {moment(reading.last_ns)} (New York)"
        found.append(f"{summary.name}: records {reading.first:,} to {last:,}, {runs}, {times}")
    else:
        found.append(f"{summary.name}: no records")
    if reading.first > 1:
        found.append(
            "it begins with a snapshot: trades that ended before are not in it; of one that was "
            "open then, mae, mfe and the time held are those since"
        )
    found.append(_excursions(reading))
    for one in reading.open:
        held = f"{one.symbol} {one.side} {one.quantity:f} at {price(one.average_price)}"
        found.append(
            f"open: {held}, by {one.rule} since {moment(one.opened_ns)}; not in the ledger"
        )
    if reading.refusals:
        told = ", ".join(f"{name} {count}" for name, count in sorted(reading.refusals.items()))
        found.append(f"refused: {told}")
    return found


def _head(kind: str) -> tuple[str, ...]:
    return (kind, *(one.name for one in COLUMNS))


def _cells(group: Group) -> tuple[str, ...]:
    return (group.name, *(one.cell(group) for one in COLUMNS))


def _row(trade: ReportTrade) -> tuple[str, ...]:
    return tuple(cell(trade) for cell in LEDGER.values())


# -- cells -------------------------------------------------------------------------------------


def slip(value: Decimal | None) -> str:
    return maybe(value, lambda one: f"{one:+.4f}" if round(one, 4) else "0")


def moment(time_ns: int) -> str:
    return f"{local_time(time_ns):%m-%d %H:%M:%S}"


def duration(seconds: float) -> str:
    whole = round(seconds)
    minutes, rest = divmod(whole, 60)
    hours, minutes = divmod(minutes, 60)
    if hours:
        return f"{hours}h{minutes:02}m"
    return f"{minutes}m{rest:02}s" if minutes else f"{seconds:.1f}s"
