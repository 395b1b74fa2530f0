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
from engine.broker.order_messages import (
    ACCOUNT_VALUE,
    PLAIN,
    UNSET,
    Message,
    account_reported,
    price,
    quantity,
)
from engine.errors import DecodeError
from engine.inputs import (
    AccountsListed,
    AccountValue,
    ErrorReported,
    Input,
    OrderIdGranted,
    OrderOpened,
    SnapshotEnded,
)
from engine.money import ZERO

CONTRACT: Final = 10
HISTORY: Final = 17
CONTRACT_END: Final = 52
ACCOUNT_END: Final = 54
ACCOUNT_SUMMARY: Final = 63
ACCOUNT_SUMMARY_END: Final = 64
MARKET_RULE: Final = 93
COMPLETED_ORDER: Final = 101
HISTORY_END: Final = 108
# Every sync brings the orders of the day again, and they do not change any more.
_COMPLETED: Final[dict[tuple[int, bool, bytes], tuple[Input | Notice, ...]]] = {}
COMPLETED_MAX: Final = 4096
_READ: Final = frozenset(
    {
        *(CONTRACT, HISTORY, CONTRACT_END, ACCOUNT_END, MARKET_RULE, COMPLETED_ORDER),
        *(ACCOUNT_SUMMARY, ACCOUNT_SUMMARY_END, HISTORY_END),
    }
)
TIME_MAX_NS: Final = 9_000_000_000 * 1_000_000_000  # year 2255: nanoseconds still fit in 64 bits
_ENDS: Final = {53: "open_orders", 62: "positions", 102: "completed_orders"}


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
class AccountNotice(Notice):
    """Belongs to the answer to one question about the account."""

    request_id: int


@attrs.frozen
class AccountTold(AccountNotice):
    account: str
    value: AccountValue


@attrs.frozen
class AccountEnded(AccountNotice):
    pass


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


class Inbound:
    """Reads the messages of one connection; ``server_version`` decides the cold layouts."""

    def __init__(self, server_version: int) -> None:
        self.ignored: Counter[int] = Counter()  # message id -> messages nobody here needs
        self._ibapi = library.load()
        self._version = server_version
        self._collector = _collector(self._ibapi)
        self._decoder = library.decoder(self._collector, server_version)

    def inputs(self, message: Message, epoch: int) -> list[Input | Notice]:
        """What ``message`` (a tuple of ``_fast.reader``) means; ``epoch`` marks snapshot ends.

        Raises:
            DecodeError: it cannot be read, or a quantity or price in it is unset.
        """
        kind = message[0]
        if (read := PLAIN.get(kind) or _SPECIAL.get(kind)) is not None:
            return [read(message)]
        if kind == ACCOUNT_VALUE:
            return [*account_reported([message])]
        if kind == "cold":
            return self._cold(message)
        if kind == "bad":
            raise DecodeError(f"{message[1]}: {bytes(message[2])!r}")
        return [SnapshotEnded(cast("Any", _ENDS[kind]), epoch)]

    def _cold(self, message: Message) -> list[Input | Notice]:
        _, kind, is_protobuf, body = message
        if kind not in _READ:
            self.ignored[kind] += 1
            return []
        try:
            if kind == HISTORY and (bars := self._bars(is_protobuf, bytes(body))) is not None:
                return bars
            if kind == COMPLETED_ORDER:
                found = self._completed_order(is_protobuf, bytes(body))
            else:
                found = self._interpret(kind, is_protobuf, bytes(body))
        except Exception as problem:
            # ibapi's decoder raises whatever its conversions raise, and has no base class of
            # its own; in its own client this ends the receiving thread.
            raise DecodeError(
                f"message {kind} cannot be read: {type(problem).__name__}: {problem}"
            ) from problem
        if not found and kind not in (HISTORY, ACCOUNT_END):
            raise DecodeError(f"message {kind} has fields missing")
        return found

    def _completed_order(self, is_protobuf: bool, body: bytes) -> list[Input | Notice]:
        key = self._version, is_protobuf, body
        known = _COMPLETED.get(key)
        if known is None:
            known = tuple(self._interpret(COMPLETED_ORDER, is_protobuf, body))
            if len(_COMPLETED) >= COMPLETED_MAX:
                _COMPLETED.clear()
            _COMPLETED[key] = known
        return list(known)

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

    def _interpret(self, kind: int, is_protobuf: bool, body: bytes) -> list[Input | Notice]:
        found: list[Input | Notice] = self._collector.found
        found.clear()
        if is_protobuf:
            self._decoder.processProtoBuf(body, kind)
        elif self._ibapi.speaks_protobuf:
            self._decoder.interpret(self._ibapi.comm.read_fields(body), kind)
        else:  # up to 10.30 the message id is the first of the fields
            fields = self._ibapi.comm.read_fields(body)
            self._decoder.interpret((str(kind).encode(), *fields))
        return list(found)


def _collector(ibapi: library.Library) -> Any:
    """A wrapper whose callbacks append what was read to ``found``."""

    class Collector(ibapi.wrapper.EWrapper):  # type: ignore[misc,name-defined]
        def __init__(self) -> None:
            super().__init__()
            self.found: list[Input | Notice] = []

        def error(self, *fields: object) -> None:
            # Id, code and text; from 10.33 on the time stands before the code, and would make
            # each of the same problems another one.
            text_at = next(at for at, field in enumerate(fields) if isinstance(field, str))
            raise DecodeError(" ".join(str(field) for field in fields[text_at - 1 :]))

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

        def accountSummary(  # noqa: N802
            self,
            reqId: int,  # noqa: N803
            account: str,
            tag: str,
            value: str,
            currency: str,
        ) -> None:
            self.found.append(AccountTold(reqId, account, AccountValue(tag, value, currency)))

        def accountSummaryEnd(self, reqId: int) -> None:  # noqa: N802,N803
            self.found.append(AccountEnded(reqId))

        def historicalData(self, reqId: int, bar: Any) -> None:  # noqa: N802,N803
            prices = bar.open, bar.high, bar.low, bar.close
            read = (str(bar.date), *prices, float(bar.volume), int(bar.barCount))
            self.found.append(BarsReceived(reqId, [read]))

        def historicalDataEnd(self, reqId: int, start: str, end: str) -> None:  # noqa: N802,N803
            self.found.append(BarsEnded(reqId))

        def completedOrder(self, contract: Any, order: Any, orderState: Any) -> None:  # noqa: N802,N803
            self.found.append(_completed(contract, order, orderState))

    return Collector()


# -- other messages of the compiled decoder -----------------------------------------------------


def _error(message: Message) -> ErrorReported:
    return ErrorReported(message[1], message[2], message[3])


def _order_id(message: Message) -> OrderIdGranted:
    return OrderIdGranted(message[1])


def _accounts(message: Message) -> AccountsListed:
    return AccountsListed(tuple(name for name in message[1].split(",") if name))


def _executions_end(message: Message) -> ExecutionsEnded:
    return ExecutionsEnded(message[1])


def _time_told(number: int, resolution_ns: int) -> TimeTold:
    told_ns = number * resolution_ns
    if not 0 < told_ns <= TIME_MAX_NS:
        raise DecodeError(f"the time cannot be {number}")
    return TimeTold(told_ns, resolution_ns)


def _seconds(message: Message) -> TimeTold:
    return _time_told(message[1], 1_000_000_000)


def _milliseconds(message: Message) -> TimeTold:
    return _time_told(message[1], 1_000_000)


_SPECIAL: Final[dict[Any, Callable[[Message], Input | Notice]]] = {
    4: _error,
    9: _order_id,
    15: _accounts,
    49: _seconds,
    55: _executions_end,
    109: _milliseconds,
}


# -- cold messages -----------------------------------------------------------------------------


def _facts(request_id: int, details: Any) -> ContractFacts:
    contract = details.contract
    increment = getattr(details, "sizeIncrement", None)
    if increment is not None and (not Decimal(increment).is_finite() or increment in UNSET):
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
    if total in UNSET or not Decimal(total).is_finite() or total == 0:
        filled = getattr(order, "filledQuantity", total)
        total = filled if filled not in UNSET else ZERO if total in UNSET else total
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
