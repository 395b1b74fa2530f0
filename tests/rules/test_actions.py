"""Actions hold what they say and nothing that cannot be done."""

from __future__ import annotations

from decimal import Decimal

import attrs

from engine.config import from_mapping
from engine.plans import Distance, Trade
from engine.rules import (
    ActionSequence,
    AdjustPositionAction,
    CancelOrderAction,
    ClosePositionAction,
    CreateBracketOrderAction,
    CreateOrderAction,
    LinkedCloseAllAction,
    LinkedCreateOrderAction,
    LinkedDoubleDownAction,
    LinkedScaleInAction,
    LogAction,
    opens,
    steps,
)

TEN = Decimal(10)


def test_numbers_become_the_decimals_that_were_meant() -> None:
    """Failure 20: quantities and prices are exact, however they were given."""
    order = CreateOrderAction(side="BUY", quantity=0.1, order_type="LMT", price="99.10")

    assert (order.quantity, str(order.price)) == (Decimal("0.1"), "99.10")
    assert AdjustPositionAction(-5).quantity == Decimal(-5)


def test_a_sequence_within_a_sequence_is_part_of_it() -> None:
    log, close = LogAction("info", "now"), ClosePositionAction()

    nested = ActionSequence([log, ActionSequence([close, log])])

    assert nested == ActionSequence((log, close, log))
    assert steps(nested) == (log, close, log)
    assert steps(close) == (close,)


def test_of_a_strategy_an_action_keeps_what_makes_a_trade() -> None:
    """A strategy is more than a trade, and holds rules: an action must not hold it."""
    strategy = from_mapping(
        {"strategy": {"symbols": ["IBM"], "stop": {"percent": 2}, "on_opposite": "close"}}
    ).strategy

    trade = LinkedCreateOrderAction("BUY", strategy).trade

    assert type(trade) is Trade
    assert trade == Trade(stop=Distance(percent=2), on_opposite="close")
    assert all(
        getattr(trade, one.name) == getattr(strategy, one.name) for one in attrs.fields(Trade)
    )


def test_what_may_add_to_a_position_is_known() -> None:
    adding = (
        LinkedCreateOrderAction("BUY"),
        LinkedScaleInAction(),
        LinkedDoubleDownAction(),
        AdjustPositionAction(5),
        CreateOrderAction(side="BUY", quantity=TEN),
        CreateBracketOrderAction(side="BUY", quantity=TEN, stop=Distance(percent=2)),
    )
    harmless = (
        LinkedCloseAllAction(),
        ClosePositionAction(),
        CancelOrderAction("all"),
        LogAction("info", "now"),
    )

    assert all(opens([one]) for one in adding)
    assert not opens(harmless)
