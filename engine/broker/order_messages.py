"""Messages about orders, fills, positions and the account as inputs of the core.

They come from the compiled decoder as uniform tuples (field order as in ``_fast/orders.pxd``), many
at a time when something fills, and a stop may wait for them. A number that cannot be read is a
DecodeError, never a zero.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from decimal import Decimal
from functools import lru_cache
from typing import Any, Final

from engine.errors import DecodeError
from engine.inputs import (
    ACCOUNT_KEYS,
    AccountReported,
    AccountValue,
    CommissionReported,
    ExecutionReported,
    Input,
    OrderOpened,
    OrderStatusReported,
    PositionReported,
    Side,
)
from engine.money import ZERO, exact

Message = tuple[Any, ...]

ACCOUNT_VALUE: Final = 6
NUMBERS_KEPT: Final = 4096
_SIDES: Final[dict[str, Side]] = {"BOT": "BUY", "SLD": "SELL", "BUY": "BUY", "SELL": "SELL"}

# What TWS writes for "not set" where a quantity stands.
UNSET: Final = frozenset(
    {
        Decimal(2147483647),
        Decimal(9223372036854775807),
        Decimal(-9223372036854775808),
        Decimal("1.7976931348623157E308"),
        Decimal(2**127 - 1),
    }
)


class _UnsetError(ValueError):
    """A quantity that TWS left unset."""


def _amount(value: str | Decimal) -> Decimal:
    number = exact(value)
    if number in UNSET:
        raise _UnsetError
    return number


# The same numbers come again and again, in every report of an order. (Minus zero is zero.)
_amount_of_text: Final = lru_cache(maxsize=NUMBERS_KEPT)(_amount)
_of_double: Final = lru_cache(maxsize=NUMBERS_KEPT)(exact)


def quantity(value: str | Decimal, what: str) -> Decimal:
    """An exact quantity. Raises DecodeError if it is absent, unset or not a finite number."""
    try:
        return _amount_of_text(value) if type(value) is str else _amount(value)
    except _UnsetError:
        raise DecodeError(f"{what} is not set") from None
    except (ValueError, TypeError):
        raise DecodeError(f"{what} {value!r} is not a quantity") from None


def _echoed(value: str) -> Decimal:
    """The total of an order as TWS tells it back, which it may leave out. The order is there all
    the same, and zero is not believed of it."""
    try:
        return _amount_of_text(value) if value else ZERO
    except _UnsetError:
        return ZERO
    except ValueError:
        raise DecodeError(f"totalQuantity {value!r} is not a quantity") from None


def price(value: float, what: str) -> Decimal:
    try:
        return _of_double(value + 0.0)
    except ValueError:
        raise DecodeError(f"{what} {value!r} is not a price") from None


def _status(message: Message) -> OrderStatusReported:
    (_, order_id, status, filled, remaining, average, perm_id, parent_id, *rest) = message
    return OrderStatusReported(
        order_id=order_id,
        perm_id=perm_id,
        client_id=rest[1],
        parent_id=parent_id,
        status=status,
        filled=quantity(filled, "filled"),
        remaining=quantity(remaining, "remaining"),
        average_price=price(average, "avgFillPrice"),
        why_held=rest[2],
    )


def _open_order(message: Message) -> OrderOpened:
    (_, order_id, con_id, symbol, _type, action, total, order_type, limit, aux) = message[:10]
    (tif, oca_group, account, order_ref, client_id, perm_id, oca_type) = message[10:17]
    stop, percent = message[19:21]
    return OrderOpened(
        order_id=order_id,
        perm_id=perm_id,
        client_id=client_id,
        parent_id=message[17],
        order_ref=order_ref,
        account=account,
        con_id=con_id,
        symbol=symbol,
        action=action,
        quantity=_echoed(total),
        order_type=order_type,
        limit_price=None if limit is None else price(limit, "lmtPrice"),
        aux_price=None if aux is None else price(aux, "auxPrice"),
        tif=tif,
        oca_group=oca_group,
        oca_type=oca_type,
        status=message[18],
        trail_stop_price=None if stop is None else price(stop, "trailStopPrice"),
        trail_percent=None if percent is None else price(percent, "trailingPercent"),
    )


def _execution(message: Message) -> ExecutionReported:
    (_, request_id, order_id, con_id, symbol, execution_id, time, account, exchange) = message[:9]
    (side, shares, paid, perm_id, client_id, liquidation, cumulative) = message[9:16]
    if side not in _SIDES:
        raise DecodeError(f"execution {execution_id}: side {side!r} is neither BOT nor SLD")
    return ExecutionReported(
        execution_id=execution_id,
        order_id=order_id,
        perm_id=perm_id,
        client_id=client_id,
        order_ref=message[17],
        account=account,
        con_id=con_id,
        symbol=symbol,
        side=_SIDES[side],
        quantity=quantity(shares, f"execution {execution_id}: shares"),
        price=price(paid, f"execution {execution_id}: price"),
        cumulative_quantity=quantity(cumulative, f"execution {execution_id}: cumQty"),
        exchange=exchange,
        time_text=time,
        liquidation=bool(liquidation),
        request_id=request_id,
    )


@lru_cache(maxsize=NUMBERS_KEPT)  # told again with every answer about executions
def _commission(message: Message) -> CommissionReported:
    _, execution_id, commission, currency, realised = message
    return CommissionReported(
        execution_id,
        None if commission is None else price(commission, "commission"),
        currency,
        None if realised is None else price(realised, "realizedPNL"),
    )


def _position(message: Message) -> PositionReported:
    _, account, con_id, symbol, _type, _currency, position, average = message
    return PositionReported(
        account, con_id, symbol, quantity(position, "position"), price(average, "avgCost")
    )


# Each is one input, and concerns nobody but the core.
PLAIN: Final[dict[Any, Callable[[Message], Input]]] = {
    3: _status,
    5: _open_order,
    11: _execution,
    59: _commission,
    61: _position,
}


def account_reported(messages: Iterable[Message]) -> list[AccountReported]:
    """What came together about each account."""
    told: dict[str, list[AccountValue]] = {}
    for _, key, value, currency, account in messages:
        kept = told.setdefault(account, [])
        if key in ACCOUNT_KEYS:
            kept.append(AccountValue(key, value, currency))
    return [AccountReported(account, tuple(kept)) for account, kept in told.items()]
