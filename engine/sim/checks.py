"""What TWS refuses at the door, with its codes and words. Pure: nothing is changed here."""

from __future__ import annotations

from collections.abc import Collection
from typing import Final

import attrs

from engine.inputs import Instrument
from engine.sim.conditions import EXECUTION, LAST_TRADE, OF_A_MARKET, PRICE, SERVED
from engine.sim.order_types import TIMES, TYPES, OrderType, allowed
from engine.sim.orders import LiveOrder
from engine.sim.policies import Policies
from engine.sim.records import SimOrder

# What is far beyond any market. Below them every sum of an account has its eight decimals within
# the 28 digits that are computed with.
SIZE_MAX: Final = 1 << 31
PRICE_MAX: Final = 10**9
_NUMBERS: Final = (
    *("limit_price", "aux_price", "trailing_percent"),
    *("trail_stop_price", "limit_offset"),
)
MINIMUM_VARIATION: Final = (
    "The price does not conform to the minimum price variation for this contract."
)


@attrs.frozen
class Refusal:
    """Why a request is refused. 201 concerns an order that exists and becomes Inactive.
    ``cancels``: the refused modification takes the order with it."""

    code: int
    text: str
    cancels: bool = False


def rejected(reason: str) -> Refusal:
    return Refusal(201, f"Order rejected - reason:{reason}")


def invalid(cause: str) -> Refusal:
    return Refusal(321, f"Error validating request:-'placeOrder' : cause - {cause}")


def same_contract(asked: Instrument, known: Instrument) -> bool:
    """Whether a request means this contract: by con_id where given, else by symbol."""
    if asked.con_id and asked.con_id != known.con_id:
        return False
    return asked.sec_type == known.sec_type and asked.currency == known.currency


def order_refusal(
    order: SimOrder, known: Instrument | None, account: str, policies: Policies
) -> Refusal | None:
    """What is wrong with the order by itself, None when nothing is."""
    if known is None or not same_contract(order.instrument, known):
        return Refusal(200, "No security definition has been found for the request")
    if order.account not in ("", account):
        return invalid(f"Invalid account code '{order.account}'")
    if not order.account and order.oca_group and policies.empty_account == "oca_refused":
        return Refusal(
            10224,
            "One-cancels-all group of orders should contain orders with exactly the same account."
            f" OCA group '{order.oca_group}' contains orders for {account}, Undefined.",
        )
    if order.action not in ("BUY", "SELL"):
        return invalid(f"Invalid action '{order.action}'")
    kind = TYPES.get(order.order_type)
    if kind is None:
        return Refusal(387, "Unsupported order type for this exchange and security type.")
    refusal = _time_refusal(order, kind)
    if refusal is not None:
        return refusal
    if not 0 <= order.oca_type <= 3:
        return invalid(f"Invalid OCA type {order.oca_type}")
    return _quantity_refusal(order, known) or _price_refusal(order, kind, known)


def _time_refusal(order: SimOrder, kind: OrderType) -> Refusal | None:
    if order.tif not in TIMES:
        return Refusal(10052, f"Invalid time in force:{order.tif}")
    if kind.trigger == "close" and order.tif != "DAY":
        return Refusal(113, "The Tif option should be set to DAY for MOC and LOC orders.")
    if not allowed(kind, order.tif):
        return Refusal(111, "The TIF (Tif type) and the order type are incompatible.")
    if order.tif == "GTD" and order.good_till_ns is None:
        return invalid("A GTD order states the date until which it is good")
    return None


def condition_refusal(
    order: SimOrder, con_ids: Collection[int], symbols: Collection[str]
) -> Refusal | None:
    """Why the conditions of an order cannot be watched, None when they can."""
    for one in order.conditions:
        if one.kind not in SERVED:
            return invalid(f"The simulator does not serve conditions of type {one.kind}")
        if one.kind in OF_A_MARKET and one.con_id not in con_ids:
            return invalid(f"Invalid contract id {one.con_id} in a condition")
        if one.kind == EXECUTION and one.symbol not in symbols:
            return invalid(f"Invalid symbol '{one.symbol}' in a condition")
        if one.kind == PRICE and one.trigger_method not in LAST_TRADE:
            return invalid(f"The simulator does not serve trigger method {one.trigger_method}")
    return None


def _quantity_refusal(order: SimOrder, known: Instrument) -> Refusal | None:
    if not order.quantity.is_finite() or order.quantity <= 0:
        return invalid("The order size must be above zero")
    if order.quantity >= SIZE_MAX:
        return invalid(f"The order size must be below {SIZE_MAX}")
    if order.quantity % known.lot:
        return Refusal(10243, "Fractional-sized order cannot be placed via API")
    return None


def _price_refusal(order: SimOrder, kind: OrderType, known: Instrument) -> Refusal | None:
    for name in _NUMBERS:
        number = getattr(order, name)
        if number is not None and number.is_finite() and number >= PRICE_MAX:
            return invalid(f"The {name.replace('_', ' ')} must be below {PRICE_MAX}")
    prices = {name: getattr(order, name) for name in kind.needs}
    if kind.trigger == "trail":
        refusal = _trail_refusal(order, kind)
        if refusal is not None:
            return refusal
        prices["trail_stop_price"] = order.trail_stop_price or None
        if order.limit_offset is None and kind.limited:
            prices["limit_price"] = order.limit_price
    if kind.pricing == "pegged":
        if order.aux_price is not None and order.aux_price < 0:
            return invalid("The offset of a relative order must not be below zero")
        prices["limit_price"] = order.limit_price or None
    for name, price in prices.items():
        optional = name not in kind.needs
        if price is None and optional:
            continue
        if price is None or not price.is_finite() or price <= 0:
            return invalid(f"The {name.replace('_', ' ')} must be above zero")
        if not known.grid.on(price):
            return Refusal(110, MINIMUM_VARIATION)
    return None


def _trail_refusal(order: SimOrder, kind: OrderType) -> Refusal | None:
    """A trailing order states one distance, and with a limit one way to find it."""
    if (order.aux_price is None) == (order.trailing_percent is None):
        return invalid("A trailing order takes either an amount or a percentage")
    distance = order.trailing_percent if order.aux_price is None else order.aux_price
    assert distance is not None
    if not distance.is_finite() or distance <= 0:
        return invalid("The trailing amount must be above zero")
    if kind.limited:
        if (order.limit_price is None) == (order.limit_offset is None):
            return invalid("A trailing limit takes either a limit price or an offset")
        if order.limit_offset is not None and order.limit_offset < 0:
            return invalid("The offset of the limit must not be below zero")
        if order.limit_price is not None and order.trail_stop_price is None:
            return invalid("A trailing limit with a price states its stop as well")
    return None


def modification_refusal(live: LiveOrder, asked: SimOrder, policies: Policies) -> Refusal | None:
    """Why a live order cannot become ``asked``, None when it can."""
    order = live.order
    if live.pending_cancel:
        return Refusal(2102, "Unable to modify this order as it is still being processed.")
    if asked.action != order.action or not same_contract(asked.instrument, order.instrument):
        return Refusal(105, "Order being modified does not match original order.")
    if asked.order_type != order.order_type:
        return Refusal(329, "Order modify failed. Cannot change to the new order type.")
    if asked.parent_id not in (0, order.parent_id):
        return Refusal(10341, "Order modify failed. Parent order id cannot be changed.")
    gone = asked.parent_id and live.parent is not None and live.parent.ended
    if gone and policies.child_modify == "refuse":
        return Refusal(135, f"Can't find order with id ={asked.parent_id}")
    revised = asked.oca_group not in ("", order.oca_group)
    stripped = not asked.oca_group and not asked.parent_id
    refused = (
        live.group is not None
        and policies.oca_modify != "allow"
        and not (stripped and policies.oca_modify_stripped == "allow")
    )
    if revised or refused:
        cancels = policies.oca_modify == "refuse_cancel"
        return Refusal(10326, "OCA group revision is not allowed.", cancels)
    return size_refusal(live, asked)


def late_refusal(live: LiveOrder, now_ns: int, policies: Policies) -> Refusal | None:
    """Why an order comes too late for its auction, or for its own date."""
    hours, until_ns = live.book.hours, live.order.good_till_ns
    if live.order.tif == "GTD" and until_ns is not None and until_ns <= now_ns:
        return rejected("The date until which the order is good has passed.")
    if live.order.tif == "OPG" and hours.next_open(now_ns) is None:
        return rejected("There is no opening auction to come.")
    if live.kind.trigger == "close":
        closes_ns = hours.expiry(now_ns, False)
        if closes_ns is None or closes_ns - now_ns < policies.closing_cutoff_ns:
            return rejected("It is too late for the closing auction.")
    return None


def cancel_refusal(order_id: int, live: LiveOrder | None, policies: Policies) -> Refusal:
    """Why there is nothing to cancel: never heard of it, on its way already, or over."""
    text = f"OrderId {order_id} that needs to be cancelled"
    code = 10147 if live is None else 10148 if not live.ended else int(policies.late_cancel)
    if code == 10147:
        return Refusal(code, f"{text} is not found.")
    assert live is not None
    if code == 161:
        cause = "Cancel attempted when order is not in a cancellable state."
        return Refusal(code, f"{cause}  Order permId ={live.order.perm_id}")
    if code == 135:
        return Refusal(code, f"Can't find order with ID ={order_id}")
    if code == 136:
        return Refusal(code, "This order cannot be cancelled.")
    return Refusal(code, f"{text} can not be cancelled, state: {live.order.status}.")


def size_refusal(live: LiveOrder, asked: SimOrder) -> Refusal | None:
    """A modification states the total, including what has filled (B9)."""
    if asked.quantity <= live.order.filled:
        return rejected("The total quantity must be above the filled quantity.")
    return None
