"""What TWS refuses at the door, with its codes and words. Pure: nothing is changed here."""

from __future__ import annotations

from decimal import Decimal
from typing import Final

import attrs

from engine.inputs import Instrument
from engine.sim.orders import LIMIT_TYPES, ORDER_TYPES, LiveOrder
from engine.sim.policies import Policies
from engine.sim.records import SimOrder

TIFS: Final = frozenset({"DAY", "GTC"})


@attrs.frozen
class Fault:
    """Why a request is refused. 201 concerns an order that exists and becomes Inactive."""

    code: int
    text: str


def rejected(reason: str) -> Fault:
    return Fault(201, f"Order rejected - reason:{reason}")


def invalid(cause: str) -> Fault:
    return Fault(321, f"Error validating request:-'placeOrder' : cause - {cause}")


def same_contract(asked: Instrument, known: Instrument) -> bool:
    """Whether a request means this contract: by con_id where given, else by symbol."""
    if asked.con_id and asked.con_id != known.con_id:
        return False
    return asked.sec_type == known.sec_type and asked.currency == known.currency


def order_fault(
    order: SimOrder, known: Instrument | None, account: str, policies: Policies
) -> Fault | None:
    """What is wrong with the order by itself, None when nothing is."""
    if known is None or not same_contract(order.instrument, known):
        return Fault(200, "No security definition has been found for the request")
    if order.account not in ("", account):
        return invalid(f"Invalid account code '{order.account}'")
    if not order.account and order.oca_group and policies.empty_account == "oca_refused":
        return Fault(
            10224,
            "One-cancels-all group of orders should contain orders with exactly the same account."
            f" OCA group '{order.oca_group}' contains orders for {account}, Undefined.",
        )
    if order.action not in ("BUY", "SELL"):
        return invalid(f"Invalid action '{order.action}'")
    if order.order_type not in ORDER_TYPES:
        return Fault(387, "Unsupported order type for this exchange and security type.")
    if order.tif not in TIFS:
        return Fault(10052, f"Invalid time in force:{order.tif}")
    if not 0 <= order.oca_type <= 3:
        return invalid(f"Invalid OCA type {order.oca_type}")
    return _quantity_fault(order, known) or _price_fault(order, known)


def _quantity_fault(order: SimOrder, known: Instrument) -> Fault | None:
    if not order.quantity.is_finite() or order.quantity <= 0:
        return invalid("The order size must be above zero")
    if order.quantity % known.lot:
        return Fault(10243, "Fractional-sized order cannot be placed via API")
    return None


def _price_fault(order: SimOrder, known: Instrument) -> Fault | None:
    prices: list[tuple[str, Decimal | None]] = []
    if order.order_type in LIMIT_TYPES:
        prices.append(("limit price", order.limit_price))
    if order.order_type in ("STP", "STP LMT"):
        prices.append(("stop price", order.aux_price))
    if order.order_type == "TRAIL":
        if (order.aux_price is None) == (order.trailing_percent is None):
            return invalid("A trailing order takes either an amount or a percentage")
        distance = order.trailing_percent if order.aux_price is None else order.aux_price
        assert distance is not None
        if not distance.is_finite() or distance <= 0:
            return invalid("The trailing amount must be above zero")
        if order.trail_stop_price is not None:
            prices.append(("trail stop price", order.trail_stop_price))
    for name, price in prices:
        if price is None or not price.is_finite() or price <= 0:
            return invalid(f"The {name} must be above zero")
        if not known.grid.on(price):
            return Fault(
                110, "The price does not conform to the minimum price variation for this contract."
            )
    return None


def modification_fault(live: LiveOrder, asked: SimOrder, policies: Policies) -> Fault | None:
    """Why a live order cannot become ``asked``, None when it can."""
    order = live.order
    if live.pending_cancel:
        return Fault(2102, "Unable to modify this order as it is still being processed.")
    if asked.action != order.action or not same_contract(asked.instrument, order.instrument):
        return Fault(105, "Order being modified does not match original order.")
    if asked.order_type != order.order_type:
        return Fault(329, "Order modify failed. Cannot change to the new order type.")
    if asked.parent_id not in (0, order.parent_id):
        return Fault(10341, "Order modify failed. Parent order id cannot be changed.")
    revised = asked.oca_group not in ("", order.oca_group)
    stripped = not asked.oca_group and not asked.parent_id
    refused = (
        live.group is not None
        and policies.oca_modify != "allow"
        and not (stripped and policies.oca_modify_stripped == "allow")
    )
    if revised or refused:
        return Fault(10326, "OCA group revision is not allowed.")
    return size_fault(live, asked)


def size_fault(live: LiveOrder, asked: SimOrder) -> Fault | None:
    """A modification states the total, including what has filled (B9)."""
    if asked.quantity <= live.order.filled:
        return rejected("The total quantity must be above the filled quantity.")
    return None
