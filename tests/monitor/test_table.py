"""The live table, rendered as text."""

from __future__ import annotations

import io
from decimal import Decimal

import attrs
import pytest
from rich.console import Console

from engine.events import AlertEvent
from engine.inputs import MarketView
from engine.monitor.summary import Record
from engine.monitor.table import live_table
from engine.monitor.tick_rate import TickRate
from engine.view import EngineView, OrderView, Resting, SymbolView

NS = 1_704_292_200_000_000_000


def shown(*symbols: SymbolView, orders: tuple[OrderView, ...] = ()) -> str:
    view = EngineView("live", NS, "DU1", "", symbols, orders, 10, (100.0, 300.0), (), ())
    record = Record()
    record.add(AlertEvent(NS, 1, "critical", "look here", "IBM"))
    console = Console(file=io.StringIO(), width=130)
    console.print(live_table(view, record, "title", 1234.0))
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


def resting(price: str, trailing: bool = False) -> Resting:
    return Resting(1, Decimal(price), Decimal(5), trailing)


def cells(text: str) -> list[str]:
    row = next(line for line in text.splitlines() if "IBM" in line and "protected" in line)
    return [cell.strip() for cell in row.strip("│").split("│")]


def symbol(name: str, quantity: int = 0, frozen: str = "") -> SymbolView:
    return SymbolView(
        symbol=name,
        state="protected" if quantity else "flat",
        side="long" if quantity else "",
        quantity=Decimal(quantity),
        average_price=Decimal("10.125"),
        stops=(resting("9.5"),) if quantity else (),
        targets=(),
        adds=(),
        brackets=(),
        rule="",
        unrealised=12.5,
        realised=Decimal("-1"),
        commission=Decimal(1),
        frozen=frozen,
        market=MarketView(name, bid=10.25, ask=0.1234),
        data_refused="",
    )


def test_a_position_is_shown_with_its_protection() -> None:
    order = OrderView(
        1, "IBM", "stop", "SELL", Decimal(5), Decimal(0), "STP", Decimal("9.5"), "held"
    )
    text = shown(symbol("IBM", 5), symbol("SPY"), orders=(order,))
    assert cells(text) == (
        ["IBM", "protected", "long", "5", "10.12", "10.25", "0.1234", "9.50", "-", "+12.50", "1"]
    )


def test_several_levels_are_shown_nearest_first_each_once() -> None:
    one = attrs.evolve(
        symbol("IBM", 5),
        stops=(resting("9.5", trailing=True), resting("9.5", trailing=True)),
        targets=tuple(resting(price) for price in ("11", "12", "12", "13", "14", "15")),
        adds=(resting("9.75"),),
    )
    text = shown(one, symbol("SPY"))

    assert cells(text)[7:10] == ["~9.50", "11.00 12.00 13.00 +2", "9.75"]
    assert "add" in text.splitlines()[2]
    assert "add" not in shown(symbol("IBM", 5)).splitlines()[2]


def test_totals_latency_and_the_last_events_are_shown() -> None:
    text = shown(symbol("IBM"))

    for words in ("session live", "09:30:00", "realised -1.00", "1,234/s", "100 / 300 µs"):
        assert words in text
    assert "critical: look here" in text


def test_a_frozen_symbol_says_why() -> None:
    assert "frozen: the broker disagrees" in shown(symbol("IBM", 5, "the broker disagrees"))


def test_the_tick_rate_forgets_what_is_long_ago() -> None:
    rate = TickRate()

    assert rate.add(0.0, 0) == 0.0
    assert rate.add(1.0, 100) == pytest.approx(100.0)
    assert rate.add(10.0, 100) == 0.0
    assert rate.add(11.0, 150) == pytest.approx(50.0)
