"""The live table: what the engine looks like now, drawn from a view and the latest events."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from decimal import Decimal

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from engine.monitor.lines import clock, money, price
from engine.monitor.summary import Record, percentiles
from engine.view import EngineView, Resting, SymbolView

RECENT_SHOWN = 12
LEVELS_SHOWN = 3  # of stops, targets or adds of one symbol
_STYLES = {
    "flat": "dim",
    "entering": "yellow",
    "protected": "green",
    "reversing": "magenta",
    "closing": "cyan",
    "concluding": "cyan",
    "frozen": "bold red",
}


def live_table(view: EngineView, record: Record, title: str, ticks_per_s: float) -> RenderableType:
    """Positions with their protection, orders and context; totals; what happened last."""
    return Group(
        _symbols(view, title),
        _totals(view, record, ticks_per_s),
        *_recent(record),
    )


def _symbols(view: EngineView, title: str) -> Table:
    table = Table(title=title, title_justify="left", expand=True)
    for heading in ("symbol", "context", "side"):
        table.add_column(heading, no_wrap=True)
    adding = any(one.adds for one in view.symbols)
    numbers = ["shares", "average", "bid", "ask", "stop", "target", "open P&L", "orders"]
    if adding:
        numbers.insert(numbers.index("open P&L"), "add")
    for heading in numbers:
        table.add_column(heading, justify="right", no_wrap=True)
    for one in view.symbols:
        orders = sum(1 for order in view.orders if order.symbol == one.symbol)
        table.add_row(*_row(one, orders, adding))
    return table


def _row(one: SymbolView, orders: int, adding: bool) -> Iterable[Text | str]:
    yield one.symbol
    state = (one.frozen and f"frozen: {one.frozen}") or one.state
    yield Text(state, style=_STYLES.get(one.state if not one.frozen else "frozen", ""))
    yield one.side or "-"
    yield str(one.quantity) if one.quantity else "-"
    yield price(one.average_price) if one.quantity else "-"
    yield price(one.market.bid)
    yield price(one.market.ask)
    yield _levels(one.stops)
    yield _levels(one.targets)
    if adding:
        yield _levels(one.adds)
    yield _coloured(one.unrealised) if one.quantity else "-"
    yield str(orders) if orders else "-"


def _levels(orders: Sequence[Resting]) -> str:
    """Each price once, nearest first; ``~`` marks a trailing stop, ``MKT`` an order without."""
    told = dict.fromkeys(
        "MKT" if one.price is None else ("~" if one.trailing else "") + price(one.price)
        for one in orders
    )
    shown = list(told)[:LEVELS_SHOWN]
    more = [f"+{len(told) - LEVELS_SHOWN}"] if len(told) > LEVELS_SHOWN else []
    return " ".join([*shown, *more]) or "-"


def _totals(view: EngineView, record: Record, ticks_per_s: float) -> Table:
    realised = record.realised + sum((one.realised for one in view.symbols), Decimal(0))
    unrealised = sum(one.unrealised for one in view.symbols)
    latency = percentiles(view.order_us)
    told = f"{latency['p50']:,.0f} / {latency['p99']:,.0f} µs" if latency else "-"
    table = Table.grid(padding=(0, 3))
    table.add_row(
        Text.assemble("session ", (view.session, "green" if view.session == "live" else "red")),
        f"exchange {clock(view.now_ns)[:8]}",
        Text.assemble("realised ", _coloured(realised)),
        Text.assemble("open ", _coloured(unrealised)),
        f"trades {len(record.trades)}",
    )
    table.add_row(
        f"account {view.account or '-'}",
        f"ticks {ticks_per_s:,.0f}/s",
        f"order p50/p99 {told}",
        f"signals {record.signals}",
        f"refused {sum(record.refusals.values())}",
    )
    return table


def _recent(record: Record) -> Iterable[Text]:
    yield Text()
    shown = record.recent(RECENT_SHOWN)
    for text in shown:
        yield Text(text, style=_tone(text), no_wrap=True, overflow="ellipsis")
    for _ in range(RECENT_SHOWN - len(shown)):
        yield Text()


def _tone(text: str) -> str:
    for mark, style in ((" critical:", "bold red"), (" trade ", "bold"), (" refused:", "dim")):
        if mark in text:
            return style
    return ""


def _coloured(amount: Decimal | float) -> Text:
    return Text(money(amount), style="green" if amount > 0 else "red" if amount < 0 else "")
