"""What placeOrder says: the terms of an order, from text and from protobuf.

Attributes that the exchange does not simulate are named in ``unserved``: an order must be refused
when one of them is set, because to ignore it would be to fill a different order than was asked.
"""

from __future__ import annotations

from decimal import Decimal
from functools import lru_cache
from itertools import accumulate
from typing import Any, Final

from engine.errors import DecodeError
from engine.money import ZERO, exact
from engine.records import frozen
from engine.sim import wire_conditions
from engine.sim.conditions import LAST_TRADE, Condition
from engine.sim.order_types import TYPES
from engine.sim.wire_forms import Asked, read
from engine.sim.wire_text_reader import ContractQuery, TextReader, price_of

_SCALE_FIELDS: Final = 7
_SIZES_KEPT: Final = 64


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


# Limit, aux price, trailing percentage, stop of a trailing order, and offset of its limit.
_Prices = tuple[Decimal | None, Decimal | None, Decimal | None, Decimal | None, Decimal | None]


def _used(order_type: str, prices: _Prices) -> _Prices:
    """Drop prices that do not belong to the type: clients fill them with 0 or leave them unset."""
    kind = TYPES.get(order_type)
    if kind is None:
        return None, None, None, None, None
    limit, aux, percent, stop, offset = prices
    trails, pegged = kind.trigger == "trail", kind.pricing == "pegged"
    if not (kind.limited or pegged):
        limit = None
    if not ("aux_price" in kind.needs or trails or pegged):
        aux = None
    if not trails:
        return limit, aux, None, None, None
    if percent is not None:
        aux = None
    if not kind.limited:
        offset = None
    elif offset is not None:
        limit = limit or None  # 0 beside an offset says nothing
    return limit, aux, percent, stop, offset


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
    offset = None if reader.ended else reader.decimal()
    stated = limit_price, aux_price, trailing_percent, trail_stop_price, offset
    limit_price, aux_price, trailing_percent, trail_stop_price, offset = _used(order_type, stated)
    return OrderTerms(
        order_id=order_id,
        contract=contract,
        action=action,
        quantity=quantity or ZERO,
        order_type=order_type,
        limit_price=limit_price,
        aux_price=aux_price,
        trailing_percent=trailing_percent,
        trail_stop_price=trail_stop_price,
        limit_offset=offset,
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
    """From hedgeType up to the offset of a limit; nothing behind that is simulated, and a message
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
    }


# What must not be set, and what each is when it is not.
_ODD: Final[Asked] = (
    *(("order.allOrNone", False), ("order.hedgeType", ""), ("order.algoStrategy", "")),
    *(("order.discretionaryAmt", 0.0), ("order.triggerMethod", 0), ("order.minQty", 0)),
    *(("order.percentOffset", 0.0), ("order.scalePriceIncrement", 0.0)),
    ("order.adjustedOrderType", ""),
)
_HARMLESS: Final = {"triggerMethod": LAST_TRADE, "adjustedOrderType": ("", "None")}
_USUAL: Final = tuple([absent for _, absent in _ODD])
_CONTRACT: Final[Asked] = (
    *(("contract.conId", 0), ("contract.symbol", ""), ("contract.secType", "")),
    *(("contract.exchange", ""), ("contract.primaryExch", ""), ("contract.currency", "")),
    ("contract.localSymbol", ""),
)
_PRICES: Final[Asked] = (
    *(("order.lmtPrice", None), ("order.auxPrice", None), ("order.trailingPercent", None)),
    *(("order.trailStopPrice", None), ("order.lmtPriceOffset", None)),
)
_HEAD: Final[Asked] = (
    *(("orderId", 0), ("order.action", ""), ("order.totalQuantity", ""), ("order.orderType", "")),
)
# Without what stands between them, the rest as the attributes of ``OrderTerms`` follow each other.
_TIMES: Final[Asked] = (
    *(("order.tif", ""), ("order.goodTillDate", ""), ("order.goodAfterTime", "")),
    ("order.outsideRth", False),
)
_REST: Final[Asked] = (
    *(("order.conditionsCancelOrder", False), ("order.conditionsIgnoreRth", False)),
    *(("order.whatIf", False), ("order.ocaGroup", ""), ("order.ocaType", 0)),
    *(("order.account", ""), ("order.orderRef", ""), ("order.parentId", 0)),
    ("order.transmit", False),
)
_PARTS: Final = (_ODD, _CONTRACT, _HEAD, _PRICES, _TIMES, _REST)
_ASKED: Final[Asked] = tuple([one for part in _PARTS for one in part])
_ENDS: Final = tuple(accumulate(map(len, _PARTS)))


def terms_from_protobuf(body: bytes) -> OrderTerms:
    """The protobuf form. The order's own clientId and permId are 0 there and mean nothing.

    Raises:
        DecodeError: it is none, or a number in it is not one.
    """
    row, proto = read("PlaceOrderRequest", _ASKED, body)
    odd, contract, head, prices, times, _ = _ENDS
    unserved = () if row[:odd] == _USUAL else _unserved(row)
    order_id, action, size, order_type = row[contract:head]
    quantity = _quantity(size)
    stated = _prices(*row[head:prices])
    conditions: tuple[Condition, ...] = ()
    if proto is not None:
        conditions = wire_conditions.from_protobuf(proto.order.conditions)
        if proto.attachedOrders.ListFields():
            unserved += ("attachedOrders",)
    used = _used(order_type, stated)
    rest: tuple[Any, ...] = (*used, *row[prices:times], conditions, *row[times:], unserved)
    described = ContractQuery(*row[odd:contract])
    return OrderTerms(order_id, described, action, quantity, order_type, *rest)


@lru_cache(maxsize=_SIZES_KEPT)
def _quantity(size: str) -> Decimal:
    """The same number for the same size: orders are kept, and most are of few sizes."""
    try:
        return exact(size or "0")
    except ValueError as problem:
        raise DecodeError(f"totalQuantity: {problem}") from None


def _unserved(row: tuple[Any, ...]) -> tuple[str, ...]:
    unserved = _Unserved()
    for (path, absent), value in zip(_ODD, row, strict=False):
        name = path.removeprefix("order.")
        if name == "scalePriceIncrement":
            unserved.note(name, 0 < value < 1e300)
        else:
            unserved.note(name, value not in _HARMLESS.get(name, (absent,)))
    return unserved.names


def _prices(*stated: float | None) -> _Prices:
    limit, aux, percent, stop, offset = stated
    return (
        None if limit is None else price_of(limit),
        None if aux is None else price_of(aux),
        None if percent is None else price_of(percent),
        None if stop is None else price_of(stop),
        None if offset is None else price_of(offset),
    )
