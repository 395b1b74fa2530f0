"""The report: what is counted, once, and what is not."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import attrs
import pytest

from engine.events import (
    AlertEvent,
    BaseEvent,
    FillEvent,
    NewOrderEvent,
    OrderStatusEvent,
    PredictionSignalEvent,
    RefusalEvent,
    TradeEvent,
)
from engine.monitor.summary import ALERTS_MAX, Ending, Record, percentiles, report, sentences
from engine.view import EngineView
from tests.monitor.test_table import resting, symbol

NS = 1_704_292_200_000_000_000  # 2024-01-03 14:30:00 UTC


def order(event_class: type[BaseEvent], order_id: int, status: str, **more: Any) -> Any:
    fields: dict[str, Any] = {
        "time_ns": NS,
        "sequence": 1,
        "order_id": order_id,
        "perm_id": 7,
        "order_ref": f"r{order_id}",
        "symbol": "IBM",
        "side": "BUY",
        "quantity": Decimal(100),
        "filled": Decimal(0),
        "remaining": Decimal(100),
        "price": None,
        "status": status,
        "role": "entry",
    }
    return event_class(**{**fields, **more})


def signal(identity: str) -> PredictionSignalEvent:
    return PredictionSignalEvent(NS, 1, "IBM", "file:S", identity, "BUY", 0.9, NS, None)


def told(*events: BaseEvent) -> Record:
    record = Record()
    for event in events:
        record.add(event)
    return record


def ending(exchange: dict[str, Any] | None = None) -> Ending:
    return Ending(reason="asked to", view=None, exchange=exchange, dropped=3, seconds=1.5)


def test_an_order_keeps_its_last_word_but_not_that_it_was_closed() -> None:
    fill = order(
        FillEvent,
        1,
        "filled",
        filled=Decimal(100),
        execution_id="e1",
        fill_quantity=Decimal(100),
        fill_price=Decimal("10.5"),
        average_price=Decimal("10.5"),
    )
    record = told(
        order(NewOrderEvent, 1, "silent", order_type="MKT"),
        fill,
        order(OrderStatusEvent, 1, "closed", previous="filled"),
    )
    (row,) = report(record, ending())["orders"]
    (execution,) = report(record, ending())["executions"]

    assert (row["status"], row["filled"], row["order_type"], row["sent"]) == (
        *("filled", 100, "MKT"),
        True,
    )
    assert (execution["quantity"], execution["price"], execution["execution_id"]) == (
        *(100, 10.5),
        "e1",
    )
    assert execution["time"] == "2024-01-03T14:30:00.000000+00:00"


def test_an_order_of_an_earlier_run_was_not_sent_by_this_one() -> None:
    record = told(
        order(OrderStatusEvent, 1, "working", previous="unknown"),
        order(OrderStatusEvent, 2, "closed", previous="cancelled"),
    )

    assert [(row["order_id"], row["sent"]) for row in report(record, ending())["orders"]] == [
        (1, False)
    ]


def test_signals_are_counted_once_whether_they_fit_the_schema_or_not() -> None:
    record = told(
        signal("a"),
        RefusalEvent(NS, 2, "low_confidence", "IBM", "BUY", "a"),
        signal("a"),
        RefusalEvent(NS, 3, "duplicate_signal", "IBM", "BUY", "a"),
        RefusalEvent(NS, 4, "bad_confidence", "IBM", "7", "file:S"),
        RefusalEvent(NS, 5, "off_grid", "IBM", "a host's bracket"),
    )
    data = report(record, ending())

    assert data["signals"] == 3
    assert data["refusals"] == {
        "bad_confidence": 1,
        "duplicate_signal": 1,
        "low_confidence": 1,
        "off_grid": 1,
    }


def test_trades_add_up() -> None:
    one = TradeEvent(
        NS, 1, "IBM", "long", Decimal(10), Decimal(5), Decimal(6), "target", Decimal("8.5"),
        Decimal("1.5"), NS, NS + 10**9,
    )  # fmt: skip
    data = report(told(one, one), ending())

    assert (data["realised_pnl"], data["commissions"], len(data["trades"])) == (17.0, 3.0, 2)
    assert data["trades"][0]["closed"] == "2024-01-03T14:30:01.000000+00:00"


def test_alerts_are_counted_all_and_kept_in_part() -> None:
    alerts = [AlertEvent(NS, i, "warning", f"alert {i}") for i in range(ALERTS_MAX + 5)]
    data = report(told(*alerts), ending())["alerts"]

    assert data["warning"] == ALERTS_MAX + 5
    assert [one["text"] for one in data["last"]] == [one.text for one in alerts[5:]]


def test_protection_is_the_simulators_word_or_nobodys() -> None:
    exchange = {"uncovered_share_seconds": 1.5, "uncovered_max_ms": 20.0, "worst_intervals": []}

    assert report(told(), ending())["uncovered_share_seconds"] is None
    assert report(told(), ending(exchange))["uncovered_share_seconds"] == 1.5
    assert ("unprotected", "1.5 share-seconds, longest 20.0 ms, by the simulator's record") in (
        sentences(told(), ending(exchange))
    )


def test_what_is_left_open_is_told_as_finely_as_it_is_quoted() -> None:
    held = attrs.evolve(
        symbol("IBM", 5), average_price=Decimal("0.3512"), stops=(resting("0.3455"),)
    )
    view = EngineView("live", NS, "DU1", "", (held,), (), 10, (), (), ())
    said = dict(sentences(told(), attrs.evolve(ending(), view=view)))

    assert said["open"] == "IBM long 5 at 0.3512 (stop 0.3455)"


def test_percentiles_are_samples_that_were_seen() -> None:
    found = percentiles([float(value) for value in range(1, 102)])

    assert found == {"p50": 51.0, "p90": 91.0, "p99": 100.0, "max": 101.0, "count": 101}
    assert percentiles([]) is None
    assert percentiles([4.0]) == {"p50": 4.0, "p90": 4.0, "p99": 4.0, "max": 4.0, "count": 1}


@pytest.mark.parametrize(
    "event", [signal("x"), order(NewOrderEvent, 1, "silent", order_type="MKT")]
)
def test_what_happened_last_is_kept_as_a_line(event: BaseEvent) -> None:
    (line,) = told(event, order(OrderStatusEvent, 1, "working", previous="silent")).recent(9)

    assert line.startswith("09:30:00.000 IBM   ")
