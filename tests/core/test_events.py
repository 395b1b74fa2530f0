"""Events are immutable values with a time, a number and a JSON form."""

import json
import math
from decimal import Decimal

import attrs
import pytest

from engine import events
from engine.events import (
    AlertEvent,
    BaseEvent,
    FillEvent,
    MarketEvent,
    OptionsFlowEvent,
    OrderEvent,
    OrderGroupEvent,
    PositionEvent,
    PriceEvent,
    TradeBound,
)

FILL = FillEvent(
    1_700_000_000_123_456_789, 42, 7, 900, "c1-e", "SPY", "BUY", Decimal(100), Decimal(60),
    Decimal(40), Decimal("450.10"), "part_filled", "entry", "0001.01", Decimal(10),
    Decimal("450.05"), Decimal("450.02"),
)  # fmt: skip
FAMILIES = {
    MarketEvent: "PriceEvent VolumeEvent IndicatorEvent",
    OrderEvent: (
        "NewOrderEvent OrderStatusEvent FillEvent CancelEvent RejectEvent OrderGroupEvent"
    ),
    PositionEvent: "PositionOpenEvent PositionUpdateEvent PositionCloseEvent",
    OptionsFlowEvent: "PredictionSignalEvent FlowThresholdEvent",
    TradeBound: "OrderEvent PositionEvent ContextChangedEvent AlertEvent TradeEvent",
    BaseEvent: "RefusalEvent SessionChangedEvent ReconciledEvent TradeBound",
}
ALL = [cls for cls in vars(events).values() if isinstance(cls, type) and attrs.has(cls)]


def test_the_families_are_as_documented() -> None:
    for base, names in FAMILIES.items():
        for name in names.split():
            assert getattr(events, name).__bases__ == (base,), name


@pytest.mark.parametrize("cls", ALL, ids=lambda cls: cls.__name__)
def test_time_and_number_come_first_and_there_is_no_dictionary(cls: type) -> None:
    assert [a.name for a in attrs.fields(cls)][:2] == ["time_ns", "sequence"]
    assert not hasattr(object.__new__(cls), "__dict__")


def test_an_event_cannot_be_changed() -> None:
    with pytest.raises(attrs.exceptions.FrozenInstanceError):
        FILL.filled = Decimal(0)  # type: ignore[misc]


def test_the_json_form_keeps_every_digit() -> None:
    assert json.loads(FILL.to_json()) == {
        "type": "FillEvent",
        "time_ns": 1_700_000_000_123_456_789,
        "sequence": 42,
        "trade": "",
        "identity": "",
        "rule": "",
        "order_id": 7,
        "perm_id": 900,
        "order_ref": "c1-e",
        "symbol": "SPY",
        "side": "BUY",
        "quantity": "100",
        "filled": "60",
        "remaining": "40",
        "price": "450.10",
        "status": "part_filled",
        "role": "entry",
        "execution_id": "0001.01",
        "fill_quantity": "10",
        "fill_price": "450.05",
        "average_price": "450.02",
    }


def test_arrays_nulls_and_doubles_have_a_json_form() -> None:
    order = {a.name: getattr(FILL, a.name) for a in attrs.fields(OrderEvent)}
    group = OrderGroupEvent(**{**order, "price": None}, group="c1", kind="bracket", state="open",
                            order_ids=(7, 8, 9))  # fmt: skip

    assert json.loads(group.to_json())["order_ids"] == [7, 8, 9]
    assert json.loads(group.to_json())["price"] is None
    assert json.loads(PriceEvent(1, 2, "SPY", "bid", 450.1).to_json())["price"] == 450.1
    assert json.loads(PriceEvent(1, 2, "SPY", "bid", math.nan).to_json())["price"] is None


def test_what_has_no_json_form_is_an_error() -> None:
    with pytest.raises(TypeError, match="not JSON serializable: object"):
        AlertEvent(1, 2, "info", object()).to_json()  # type: ignore[arg-type]
