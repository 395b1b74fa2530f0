"""What placeOrder says: the terms of an order, from text and from protobuf.

Attributes that the exchange does not simulate are named in ``unserved``: an order must be refused
when one of them is set, because to ignore it would be to fill a different order than was asked.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Any, Final

from engine.errors import DecodeError
from engine.money import ZERO, exact
from engine.records import frozen
from engine.sim import wire_conditions
from engine.sim.conditions import LAST_TRADE, Condition
from engine.sim.order_types import TYPES
from engine.sim.wire_text_reader import ContractQuery, TextReader, price_of

_SCALE_FIELDS: Final = 7


@frozen
class OrderTerms:
    """One placeOrder; prices that the order type does not use are None."""

    order_id: int
    contract: ContractQuery
    action: str
    quantity: Decimal
    order_type: str
    limit_price: Decimal | None = None
    aux_price: Decimal | None = None
    trailing_percent: Decimal | None = None
    trail_stop_price: Decimal | None = None
    limit_offset: Decimal | None = None
    tif: str = ""
    good_till: str = ""  # times as the client wrote them
    good_after: str = ""
    outside_rth: bool = False
    conditions: tuple[Condition, ...] = ()
    conditions_cancel: bool = False
    conditions_ignore_rth: bool = False
    what_if: bool = False
    oca_group: str = ""
    oca_type: int = 0
    account: str = ""
    order_ref: str = ""
    parent_id: int = 0
    transmit: bool = True
    unserved: tuple[str, ...] = ()


def _terms(order_id: int, contract: ContractQuery, order_type: str, **rest: Any) -> OrderTerms:
    """Drop prices that do not belong to the type: clients fill them with 0 or leave them unset."""
    kind = TYPES.get(order_type)
    trails = kind is not None and kind.trigger == "trail"
    pegged = kind is not None and kind.pricing == "pegged"
    if kind is None or not (kind.limited or pegged):
        rest["limit_price"] = None
    if kind is None or not ("aux_price" in kind.needs or trails or pegged):
        rest["aux_price"] = None
    if not trails:
        rest["trailing_percent"] = rest["trail_stop_price"] = None
    elif rest["trailing_percent"] is not None:
        rest["aux_price"] = None
    if kind is None or not (trails and kind.limited):
        rest["limit_offset"] = None
    elif rest["limit_offset"] is not None:
        rest["limit_price"] = rest["limit_price"] or None  # 0 beside an offset says nothing
    return OrderTerms(order_id=order_id, contract=contract, order_type=order_type, **rest)


def terms_from_text(reader: TextReader, version: int) -> OrderTerms:
    """The text form of versions 176 to 200, read as far as something of it is simulated."""
    order_id, contract = reader.integer(), reader.contract()
    reader.skip(2)  # secIdType, secId
    action, quantity, order_type = reader.text(), reader.decimal(), reader.text()
    limit_price, aux_price = reader.decimal(), reader.decimal()
    tif, oca_group, account = reader.text(), reader.text(), reader.text()
    reader.skip(2)  # openClose, origin
    order_ref, transmit, parent_id = reader.text(), reader.flag(), reader.integer()
    reader.skip(3)  # blockOrder, sweepToFill, displaySize
    unserved = _Unserved()
    unserved.note("triggerMethod", reader.integer() not in LAST_TRADE)
    outside_rth = reader.flag()
    reader.skip(1)  # hidden
    _combination(reader, contract)
    reader.skip(1)  # sharesAllocation
    unserved.note("discretionaryAmt", reader.decimal())
    good_after, good_till = reader.text(), reader.text()
    reader.skip(3 if version >= 177 else 4)  # faGroup, faMethod, faPercentage, faProfile
    reader.skip(4)  # modelCode, shortSaleSlot, designatedLocation, exemptCode
    oca_type = reader.integer()
    reader.skip(2)  # rule80A, settlingFirm
    unserved.note("allOrNone", reader.flag())
    unserved.note("minQty", reader.decimal())
    unserved.note("percentOffset", reader.decimal())
    reader.skip(10)  # eTradeOnly .. overridePercentageConstraints
    reader.skip(2)  # volatility, volatilityType
    neutral = reader.text()
    reader.skip(9 if neutral else 1)  # deltaNeutralAuxPrice and what the type announces
    reader.skip(2)  # continuousUpdate, referencePriceType
    trail_stop_price, trailing_percent = reader.decimal(), reader.decimal()
    reader.skip(2)  # scaleInitLevelSize, scaleSubsLevelSize
    scale = reader.decimal()
    if scale is not None and scale > 0:
        unserved.note("scalePriceIncrement", True)
        reader.skip(_SCALE_FIELDS)
    reader.skip(3)  # scaleTable, activeStartTime, activeStopTime
    tail = _tail(reader, order_type, unserved)
    return _terms(
        order_id,
        contract,
        order_type,
        action=action,
        quantity=quantity or ZERO,
        limit_price=limit_price,
        aux_price=aux_price,
        trailing_percent=trailing_percent,
        trail_stop_price=trail_stop_price,
        tif=tif,
        good_till=good_till,
        good_after=good_after,
        outside_rth=outside_rth,
        oca_group=oca_group,
        oca_type=oca_type,
        account=account,
        order_ref=order_ref,
        parent_id=parent_id,
        transmit=transmit,
        unserved=unserved.names,
        **tail,
    )


class _Unserved:
    def __init__(self) -> None:
        self.names: tuple[str, ...] = ()

    def note(self, name: str, value: object) -> None:
        if value:
            self.names += (name,)


def _combination(reader: TextReader, contract: ContractQuery) -> None:
    """Legs, prices of legs and routing parameters are written for combinations only."""
    if contract.sec_type == "BAG":
        for width in (8, 1, 2):
            reader.skip(reader.count() * width)


def _tail(reader: TextReader, order_type: str, unserved: _Unserved) -> dict[str, Any]:
    """From hedgeType to the offset of a limit; nothing behind it is simulated, and a message
    that ends behind the conditions is whole enough."""
    hedge = reader.text()
    if hedge:
        unserved.note("hedgeType", hedge)
        reader.skip(1)
    reader.skip(4)  # optOutSmartRouting, clearingAccount, clearingIntent, notHeld
    reader.skip_announced(3)
    algorithm = reader.text()
    if algorithm:
        unserved.note("algoStrategy", algorithm)
        reader.skip(reader.count() * 2)
    reader.skip(1)  # algoId
    what_if = reader.flag()
    reader.skip(4)  # orderMiscOptions, solicited, randomizeSize, randomizePrice
    if order_type in ("PEG BENCH", "PEGBENCH"):
        reader.skip(5)
    count = reader.count(wire_conditions.CONDITIONS_MAX)
    conditions = wire_conditions.from_text(reader, count)
    ignore_rth, cancels = (reader.flag(), reader.flag()) if conditions else (False, False)
    unserved.note("adjustedOrderType", reader.optional() not in ("", "None"))
    reader.optional()  # triggerPrice
    return {
        "what_if": what_if,
        "conditions": conditions,
        "conditions_ignore_rth": ignore_rth,
        "conditions_cancel": cancels,
        "limit_offset": None if reader.ended else reader.decimal(),
    }


def terms_from_protobuf(proto: Any) -> OrderTerms:
    """The protobuf form. The order's own clientId and permId are 0 there and mean nothing."""
    order = proto.order
    unserved = _Unserved()
    for name in ("allOrNone", "hedgeType", "algoStrategy", "discretionaryAmt"):
        unserved.note(name, getattr(order, name))
    unserved.note("triggerMethod", order.triggerMethod not in LAST_TRADE)
    for name in ("minQty", "percentOffset"):
        unserved.note(name, order.HasField(name) and getattr(order, name))
    unserved.note("scalePriceIncrement", 0 < order.scalePriceIncrement < 1e300)
    unserved.note("adjustedOrderType", order.adjustedOrderType not in ("", "None"))
    unserved.note("attachedOrders", proto.attachedOrders.ListFields())
    try:
        quantity = exact(order.totalQuantity or "0")
    except ValueError as problem:
        raise DecodeError(f"totalQuantity: {problem}") from None
    return _terms(
        proto.orderId,
        ContractQuery.from_protobuf(proto.contract),
        order.orderType,
        action=order.action,
        quantity=quantity,
        limit_price=_optional(order, "lmtPrice"),
        aux_price=_optional(order, "auxPrice"),
        trailing_percent=_optional(order, "trailingPercent"),
        trail_stop_price=_optional(order, "trailStopPrice"),
        limit_offset=_optional(order, "lmtPriceOffset"),
        tif=order.tif,
        good_till=order.goodTillDate,
        good_after=order.goodAfterTime,
        outside_rth=order.outsideRth,
        conditions=wire_conditions.from_protobuf(order.conditions),
        conditions_cancel=order.conditionsCancelOrder,
        conditions_ignore_rth=order.conditionsIgnoreRth,
        what_if=order.whatIf,
        oca_group=order.ocaGroup,
        oca_type=order.ocaType,
        account=order.account,
        order_ref=order.orderRef,
        parent_id=order.parentId,
        transmit=order.transmit,
        unserved=unserved.names,
    )


def _optional(order: Any, name: str) -> Decimal | None:
    return price_of(getattr(order, name)) if order.HasField(name) else None
