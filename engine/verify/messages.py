"""What a message of the small broker says to the core, and what a prompt asks of it."""

from __future__ import annotations

from decimal import Decimal
from typing import Any, Final

import attrs

from engine.inputs import (
    BracketRequested,
    CancelRequested,
    CloseRequested,
    CommissionReported,
    ErrorReported,
    ExecutionReported,
    Input,
    Instrument,
    InstrumentDefined,
    MarketView,
    OcoLeg,
    OcoRequested,
    OrderOpened,
    OrderStatusReported,
    PositionReported,
    SessionChanged,
    Side,
    Signal,
    SignalArrived,
    SignalKind,
    SnapshotEnded,
    SnapshotStarted,
)
from engine.verify.broker import ACCOUNT, CLIENT, CON_ID, STOPS, SYMBOL, Broker, Message
from engine.verify.situations import Prompt, Situation

VIEW: Final = MarketView(SYMBOL, 100.0, 100.0, 100.0, 0, 1.0)
_REFERENCE: Final = "direct"
_SNAPSHOT_REQUEST: Final = 99
_PERM_ID: Final = 1000  # and the order id: one order keeps one permanent id


@attrs.frozen
class Reader:
    """Turns messages into inputs. Like a socket, ``broker`` is asked only for what never
    changes of an order; what does is in the message."""

    broker: Broker
    instrument: Instrument
    epoch: int

    def inputs(self, message: Message) -> list[Input]:
        kind = message[0]
        rest: Any = message[1:]
        if kind == "synced":
            inputs: list[Input] = [InstrumentDefined(self.instrument)]
            for answer in rest:
                inputs += self.inputs(answer)
            return [*inputs, SessionChanged("SYNCED", self.epoch)]
        if kind == "snapshot":
            return self._snapshot(rest[0], rest[1:])
        if kind == "execution":
            return self._execution(rest[0], rest[1])
        if kind == "error":
            return [ErrorReported(rest[0], rest[1], "")]
        return [*([self._opened(*rest)] if kind == "opened" else []), self._status(*rest)]

    def _snapshot(self, kind: Any, rows: tuple[Any, ...]) -> list[Input]:
        inputs: list[Input] = [SnapshotStarted(kind, self.epoch)]
        for row in rows:
            if kind == "open_orders":
                inputs += [self._opened(*row), self._status(*row)]
            elif kind == "executions":
                inputs += self._execution(row[0], row[1], _SNAPSHOT_REQUEST)
            elif row:
                inputs.append(PositionReported(ACCOUNT, CON_ID, SYMBOL, Decimal(row), Decimal(0)))
        return [*inputs, SnapshotEnded(kind, self.epoch)]

    def _opened(
        self,
        order_id: int,
        quantity: int,
        price: Decimal | None,
        status: str,
        _why: str,
        _filled: int,
        _remaining: int,
    ) -> Input:
        ticket = self.broker.tickets[order_id]
        stop = ticket.kind in STOPS and not ticket.percent
        return OrderOpened(
            order_id, _PERM_ID + order_id, CLIENT, ticket.parent, ticket.ref, ACCOUNT, CON_ID,
            SYMBOL, _action(ticket.sign), Decimal(quantity), ticket.kind,
            price if ticket.kind == "LMT" else None, price if stop else None, "GTC",
            ticket.group, ticket.group_type, status,
            trail_percent=price if ticket.percent else None,
        )  # fmt: skip

    def _status(
        self,
        order_id: int,
        _quantity: int,
        _price: Decimal | None,
        status: str,
        why: str,
        filled: int,
        remaining: int,
    ) -> Input:
        parent = self.broker.tickets[order_id].parent
        return OrderStatusReported(
            order_id, _PERM_ID + order_id, CLIENT, parent, status, Decimal(filled),
            Decimal(remaining), Decimal(0), why,
        )  # fmt: skip

    def _execution(self, order_id: int, number: int, request_id: int = -1) -> list[Input]:
        ticket = self.broker.tickets[order_id]
        identity = f"x{order_id}.{number}.01"
        shares, price = ticket.fills[number]
        filled = sum(each for each, _ in ticket.fills[: number + 1])
        fill = ExecutionReported(
            identity, order_id, _PERM_ID + order_id, CLIENT, ticket.ref, ACCOUNT, CON_ID, SYMBOL,
            _action(ticket.sign), Decimal(shares), price, Decimal(filled), "X",
            "", False, request_id,
        )  # fmt: skip
        return [fill, CommissionReported(identity, Decimal(1), "USD", None)]


def _action(sign: int) -> Side:
    return "BUY" if sign > 0 else "SELL"


def prompted(situation: Situation, prompt: Prompt, number: int, now_ns: int) -> Input:
    """What the ``number``-th prompt of a situation asks of the core."""
    sign = situation.sign
    entry, other = _action(sign), _action(-sign)
    shares = Decimal(situation.shares)
    if prompt in ("signal", "opposite"):
        side = sign if prompt == "signal" else -sign
        kind: SignalKind = "BUY" if side > 0 else "SHORT"
        return SignalArrived(Signal(f"v{number}", "verify", SYMBOL, kind, 1.0, now_ns), VIEW)
    if prompt == "close":
        return CloseRequested(SYMBOL, "operator")
    if prompt == "bracket":
        return BracketRequested(
            _REFERENCE, SYMBOL, entry, shares, Decimal(100 - 5 * sign), Decimal(100 + 10 * sign),
            Decimal(100 - sign), VIEW,
        )  # fmt: skip
    if prompt == "oco":
        legs = OcoLeg(entry, "STP", Decimal(100 + sign)), OcoLeg(other, "STP", Decimal(100 - sign))
        return OcoRequested(_REFERENCE, SYMBOL, shares, legs, VIEW)
    return CancelRequested(_REFERENCE)
