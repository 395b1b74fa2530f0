"""Messages of TWS as inputs of the core: the one place where their numbers become exact.

Order messages come from the compiled decoder as uniform tuples. The rare rest ("cold") goes
through ibapi's decoder into a wrapper that only collects. Whatever cannot be read is a
DecodeError with its reason: never a zero, and never the end of the loop.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from decimal import Decimal
from typing import Any, Final, cast

import attrs

from engine.broker import library
from engine.broker.definitions import ContractFacts
from engine.broker.historical_data import END_VERSION, Bar, protobuf_bars, text_bars
from engine.errors import DecodeError
from engine.inputs import (
    AccountsListed,
    AccountValueReported,
    CommissionReported,
    ErrorReported,
    ExecutionReported,
    Input,
    OrderIdGranted,
    OrderOpened,
    OrderStatusReported,
    PositionReported,
    Side,
    SnapshotEnded,
)
from engine.money import exact

Message = tuple[Any, ...]

ACCOUNT_VALUE: Final = 6
CONTRACT: Final = 10
HISTORY: Final = 17
CONTRACT_END: Final = 52
ACCOUNT_END: Final = 54
MARKET_RULE: Final = 93
COMPLETED_ORDER: Final = 101
HISTORY_END: Final = 108
_READ: Final = frozenset(
    {
        *(ACCOUNT_VALUE, CONTRACT, HISTORY, CONTRACT_END, ACCOUNT_END, MARKET_RULE),
        *(COMPLETED_ORDER, HISTORY_END),
    }
)
_ENDS: Final = {53: "open_orders", 62: "positions", 102: "completed_orders"}
_SIDES: Final[dict[str, Side]] = {"BOT": "BUY", "SLD": "SELL", "BUY": "BUY", "SELL": "SELL"}

# What TWS writes for "not set" where a quantity stands.
_UNSET: Final = frozenset(
    {
        Decimal(2147483647),
        Decimal(9223372036854775807),
        Decimal(-9223372036854775808),
        Decimal("1.7976931348623157E308"),
        Decimal(2**127 - 1),
    }
)


@attrs.frozen
class Notice:
    """What only the session needs to know."""


@attrs.frozen
class ContractDefined(Notice):
    facts: ContractFacts


@attrs.frozen
class ContractsEnded(Notice):
    request_id: int


@attrs.frozen
class ExecutionsEnded(Notice):
    request_id: int


@attrs.frozen
class RuleDefined(Notice):
    rule_id: int
    increments: tuple[tuple[Decimal, Decimal], ...]  # (low edge, increment)


@attrs.frozen
class BarsReceived(Notice):
    request_id: int
    bars: list[Bar]


@attrs.frozen
class BarsEnded(Notice):
    request_id: int


@attrs.frozen
class TimeTold(Notice):
    """The exchange's clock: true somewhere in [time_ns, time_ns + resolution_ns)."""

    time_ns: int
    resolution_ns: int


def quantity(value: str | Decimal, what: str) -> Decimal:
    """An exact quantity. Raises DecodeError if it is absent, unset or not a finite number."""
    try:
        number = exact(value)
    except (ValueError, TypeError):
        raise DecodeError(f"{what} {value!r} is not a quantity") from None
    if number in _UNSET:
        raise DecodeError(f"{what} is not set")
    return number


def price(value: float, what: str) -> Decimal:
    try:
        return exact(value)
    except ValueError:
        raise DecodeError(f"{what} {value!r} is not a price") from None


class Inbound:
    """Reads the messages of one connection; ``server_version`` decides the cold layouts."""

    def __init__(self, server_version: int) -> None:
        self.ignored: Counter[int] = Counter()  # message id -> messages nobody here needs
        self._ibapi = library.load()
        self._version = server_version
        self._collector = _collector(self._ibapi)
        self._decoder = library.decoder(self._collector, server_version)
        self._hot: dict[int, Callable[[Message], list[Input | Notice]]] = {
            3: _status,
            4: _error,
            5: _open_order,
            9: _order_id,
            11: _execution,
            15: _accounts,
            49: _seconds,
            55: _executions_end,
            59: _commission,
            61: _position,
            109: _milliseconds,
        }

    def inputs(self, message: Message, epoch: int) -> list[Input | Notice]:
        """What ``message`` (a tuple of ``_fast.reader``) means; ``epoch`` marks snapshot ends.

        Raises:
            DecodeError: it cannot be read, or a quantity or price in it is unset.
        """
        kind = message[0]
        if kind == "cold":
            return self._cold(message)
        if kind == "bad":
            raise DecodeError(f"{message[1]}: {bytes(message[2])!r}")
        if kind in _ENDS:
            return [SnapshotEnded(cast("Any", _ENDS[kind]), epoch)]
        return self._hot[kind](message)

    def _cold(self, message: Message) -> list[Input | Notice]:
        _, kind, is_protobuf, body = message
        if kind not in _READ:
            self.ignored[kind] += 1
            return []
        collector = self._collector
        collector.found.clear()
        try:
            if kind == HISTORY and (bars := self._bars(is_protobuf, bytes(body))) is not None:
                return bars
            self._interpret(kind, is_protobuf, bytes(body))
            found = list(collector.found)
        except Exception as problem:
            # ibapi's decoder raises whatever its conversions raise, and has no base class of
            # its own; in its own client this ends the receiving thread.
            raise DecodeError(
                f"message {kind} cannot be read: {type(problem).__name__}: {problem}"
            ) from problem
        if not found and kind not in (HISTORY, ACCOUNT_END):
            raise DecodeError(f"message {kind} has fields missing")
        return found

    def _bars(self, is_protobuf: bool, body: bytes) -> list[Input | Notice] | None:
        """Historical bars, if they are plain."""
        if is_protobuf:
            message = self._ibapi.decoder.HistoricalDataProto()
            message.ParseFromString(body)
            found = protobuf_bars(message)
        else:
            found = text_bars(body, self._version)
        if found is None:
            return None
        ended = not is_protobuf and self._version < END_VERSION
        return [BarsReceived(*found), *([BarsEnded(found[0])] if ended else [])]

    def _interpret(self, kind: int, is_protobuf: bool, body: bytes) -> None:
        if is_protobuf:
            self._decoder.processProtoBuf(body, kind)
            return
        fields = self._ibapi.comm.read_fields(body)
        if self._ibapi.speaks_protobuf:
            self._decoder.interpret(fields, kind)
        else:  # up to 10.30 the message id is the first of the fields
            self._decoder.interpret((str(kind).encode(), *fields))


def _collector(ibapi: library.Library) -> Any:
    """A wrapper whose callbacks append what was read to ``found``."""

    class Collector(ibapi.wrapper.EWrapper):  # type: ignore[misc,name-defined]
        def __init__(self) -> None:
            super().__init__()
            self.found: list[Input | Notice] = []

        def error(self, *fields: object) -> None:
            raise DecodeError(" ".join(str(field) for field in fields[1:]))

        def contractDetails(self, reqId: int, contractDetails: Any) -> None:  # noqa: N802,N803
            self.found.append(ContractDefined(_facts(reqId, contractDetails)))

        def contractDetailsEnd(self, reqId: int) -> None:  # noqa: N802,N803
            self.found.append(ContractsEnded(reqId))

        def marketRule(self, marketRuleId: int, priceIncrements: Any) -> None:  # noqa: N802,N803
            bands = tuple(
                (price(step.lowEdge, "low edge"), price(step.increment, "increment"))
                for step in priceIncrements
            )
            self.found.append(RuleDefined(marketRuleId, bands))

        def historicalData(self, reqId: int, bar: Any) -> None:  # noqa: N802,N803
            prices = bar.open, bar.high, bar.low, bar.close
            read = (str(bar.date), *prices, float(bar.volume), int(bar.barCount))
            self.found.append(BarsReceived(reqId, [read]))

        def historicalDataEnd(self, reqId: int, start: str, end: str) -> None:  # noqa: N802,N803
            self.found.append(BarsEnded(reqId))

        def updateAccountValue(  # noqa: N802
            self,
            key: str,
            val: str,
            currency: str,
            accountName: str,  # noqa: N803
        ) -> None:
            self.found.append(AccountValueReported(accountName, key, val, currency))

        def completedOrder(self, contract: Any, order: Any, orderState: Any) -> None:  # noqa: N802,N803
            self.found.append(_completed(contract, order, orderState))

    return Collector()


# -- order messages, field order as in _fast/orders.pxd ----------------------------------------


def _status(message: Message) -> list[Input | Notice]:
    (_, order_id, status, filled, remaining, average, perm_id, parent_id) = message[:8]
    return [
        OrderStatusReported(
            order_id=order_id,
            perm_id=perm_id,
            client_id=message[9],
            parent_id=parent_id,
            status=status,
            filled=quantity(filled, "filled"),
            remaining=quantity(remaining, "remaining"),
            average_price=price(average, "avgFillPrice"),
            why_held=message[10],
        )
    ]


def _error(message: Message) -> list[Input | Notice]:
    return [ErrorReported(message[1], message[2], message[3])]


def _open_order(message: Message) -> list[Input | Notice]:
    (_, order_id, con_id, symbol, _type, action, total, order_type, limit, aux) = message[:10]
    (tif, oca_group, account, order_ref, client_id, perm_id, oca_type) = message[10:17]
    stop, percent = message[19:21]
    return [
        OrderOpened(
            order_id=order_id,
            perm_id=perm_id,
            client_id=client_id,
            parent_id=message[17],
            order_ref=order_ref,
            account=account,
            con_id=con_id,
            symbol=symbol,
            action=action,
            quantity=quantity(total, "totalQuantity"),
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
    ]


def _order_id(message: Message) -> list[Input | Notice]:
    return [OrderIdGranted(message[1])]


def _execution(message: Message) -> list[Input | Notice]:
    (_, request_id, order_id, con_id, symbol, execution_id, time, account, exchange) = message[:9]
    (side, shares, paid, perm_id, client_id, liquidation, cumulative) = message[9:16]
    if side not in _SIDES:
        raise DecodeError(f"execution {execution_id}: side {side!r} is neither BOT nor SLD")
    return [
        ExecutionReported(
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
    ]


def _commission(message: Message) -> list[Input | Notice]:
    _, execution_id, commission, currency, realised = message
    return [
        CommissionReported(
            execution_id,
            None if commission is None else price(commission, "commission"),
            currency,
            None if realised is None else price(realised, "realizedPNL"),
        )
    ]


def _position(message: Message) -> list[Input | Notice]:
    _, account, con_id, symbol, _type, _currency, position, average = message
    return [
        PositionReported(
            account, con_id, symbol, quantity(position, "position"), price(average, "avgCost")
        )
    ]


def _accounts(message: Message) -> list[Input | Notice]:
    return [AccountsListed(tuple(name for name in message[1].split(",") if name))]


def _executions_end(message: Message) -> list[Input | Notice]:
    return [ExecutionsEnded(message[1])]


def _seconds(message: Message) -> list[Input | Notice]:
    return [TimeTold(message[1] * 1_000_000_000, 1_000_000_000)]


def _milliseconds(message: Message) -> list[Input | Notice]:
    return [TimeTold(message[1] * 1_000_000, 1_000_000)]


# -- cold messages -----------------------------------------------------------------------------


def _facts(request_id: int, details: Any) -> ContractFacts:
    contract = details.contract
    increment = getattr(details, "sizeIncrement", None)
    if increment is not None and (not Decimal(increment).is_finite() or increment in _UNSET):
        increment = None
    return ContractFacts(
        request_id=request_id,
        symbol=contract.symbol,
        con_id=contract.conId,
        sec_type=contract.secType,
        exchange=contract.exchange,
        primary_exchange=contract.primaryExchange,
        currency=contract.currency,
        local_symbol=contract.localSymbol,
        trading_class=contract.tradingClass,
        time_zone=details.timeZoneId,
        liquid_hours=details.liquidHours,
        min_tick=price(details.minTick, "minTick"),
        size_increment=None if increment is None else Decimal(increment),
        valid_exchanges=details.validExchanges,
        market_rule_ids=details.marketRuleIds,
    )


def _completed(contract: Any, order: Any, state: Any) -> OrderOpened:
    """A completed order has no order id and no client id (0): permId or orderRef find it.

    TWS zeroes its total; what has filled stands in a field of its own.
    """
    total = order.totalQuantity
    if total in _UNSET or not Decimal(total).is_finite() or total == 0:
        filled = getattr(order, "filledQuantity", total)
        total = total if filled in _UNSET else filled
    limit, aux = _optional(order.lmtPrice), _optional(order.auxPrice)
    words = getattr(state, "completedStatus", "").split()
    return OrderOpened(
        order_id=0,
        perm_id=order.permId,
        client_id=0,
        parent_id=0,
        order_ref=order.orderRef,
        account=order.account,
        con_id=contract.conId,
        symbol=contract.symbol,
        action=order.action,
        quantity=quantity(total, "totalQuantity"),
        order_type=order.orderType,
        limit_price=limit,
        aux_price=aux,
        tif=order.tif,
        oca_group=order.ocaGroup,
        oca_type=order.ocaType,
        status=state.status or (words[0] if words else ""),
        trail_stop_price=_optional(order.trailStopPrice),
        trail_percent=_optional(order.trailingPercent),
    )


def _optional(value: float) -> Decimal | None:
    return None if value is None or abs(value) >= 1.7976931348623157e308 else price(value, "price")
