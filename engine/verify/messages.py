"""What a message of the small broker says to the core, and what a prompt asks of it."""

from __future__ import annotations

from decimal import Decimal
from typing import Any, Final

import attrs

from engine.halts import FLATTEN, NO_ENTRIES, TAKE_BACK
from engine.inputs import (
    BracketRequested,
    CancelRequested,
    CloseRequested,
    CommissionReported,
    ErrorReported,
    ExecutionReported,
    HaltRequested,
    Input,
    Instrument,
    InstrumentDefined,
    MarketView,
    OcoLeg,
    OcoRequested,
    OrderOpened,
    OrderStatusReported,
    PositionReported,
    ResumeRequested,
    SessionChanged,
    Side,
    Signal,
    SignalArrived,
    SignalKind,
    SnapshotEnded,
    SnapshotStarted,
)
from engine.verify.broker import Broker
from engine.verify.situation import Prompt, Situation
from engine.verify.tickets import ACCOUNT, CLIENT, CON_ID, STOPS, SYMBOL, Message

VIEW: Final = MarketView(SYMBOL, 100.0, 100.0, 100.0, 0, 1.0)
_REFERENCE: Final = "direct"
_HALTS: Final = {"halt": NO_ENTRIES, "take_back": TAKE_BACK, "flatten": FLATTEN}
_SOURCES: Final = {
    "signal": "verify",
    "opposite": "verify",
    "reduce": "reduce",
    "grow": "grow",
}
_SNAPSHOT_REQUEST: Final = 99
_LIVE: Final = -1  # an execution that nobody asked for
_PERM_ID: Final = 1000  # and the order id: one order keeps one permanent id
_STRANGER: Final = 0, 5000, ""  # client, permanent id of the one order, reference


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
            return self._execution(rest)
        if kind == "strange order":
            return [self._strange_order(*rest)]
        if kind == "strange fill":
            return [self._strange_fill(*rest)]
        if kind == "position":
            return [self._position(*rest)]
        if kind == "error":
            return [ErrorReported(rest[0], rest[1], "")]
        return [*([self._opened(*rest)] if kind == "opened" else []), self._status(*rest)]

    def _snapshot(self, kind: Any, rows: tuple[Any, ...]) -> list[Input]:
        inputs: list[Input] = [SnapshotStarted(kind, self.epoch)]
        for row in rows:
            if kind == "positions":
                inputs += [self._position(row)] if row else []  # only what is held is listed
            elif row[0] == "strange order":
                inputs.append(self._strange_order(*row[1:]))
            elif row[0] == "strange fill":
                inputs.append(self._strange_fill(row[1], row[2], _SNAPSHOT_REQUEST))
            elif kind == "executions":
                inputs += self._execution(row[1:], _SNAPSHOT_REQUEST)
            else:
                inputs += [self._opened(*row), self._status(*row)]
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
        trailed = Decimal(100 + 5 * ticket.sign) if ticket.kind == "TRAIL" else None
        return OrderOpened(
            order_id, _PERM_ID + order_id, CLIENT, ticket.parent, ticket.ref, ACCOUNT, CON_ID,
            SYMBOL, _action(ticket.sign), Decimal(quantity), ticket.kind,
            price if ticket.kind == "LMT" else None, price if stop else None, "GTC",
            ticket.group, ticket.group_type, status,
            trail_stop_price=trailed,
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

    def _execution(self, said: tuple[Any, ...], request_id: int = _LIVE) -> list[Input]:
        order_id, number, shares, price, revision, filled = said
        ticket = self.broker.tickets[order_id]
        identity = f"x{order_id}.{number}.{revision:02}"
        fill = ExecutionReported(
            identity, order_id, _PERM_ID + order_id, CLIENT, ticket.ref, ACCOUNT, CON_ID, SYMBOL,
            _action(ticket.sign), Decimal(shares), price, Decimal(filled), "X",
            "", False, request_id,
        )  # fmt: skip
        return [fill, CommissionReported(identity, Decimal(1), "USD", None)]

    def _position(self, shares: int) -> Input:
        return PositionReported(ACCOUNT, CON_ID, SYMBOL, Decimal(shares), Decimal(0))

    def _strange_order(self, opens: bool) -> Input:
        client, perm_id, ref = _STRANGER
        return OrderOpened(
            0, perm_id, client, 0, ref, ACCOUNT, CON_ID, SYMBOL, "BUY", Decimal(1), "LMT",
            Decimal(50), None, "DAY", "", 0, "Submitted" if opens else "Cancelled",
        )  # fmt: skip

    def _strange_fill(self, number: int, shares: int, request_id: int = _LIVE) -> Input:
        client, perm_id, ref = _STRANGER
        return ExecutionReported(
            f"s{number}.01", 0, perm_id + 1 + number, client, ref, ACCOUNT, CON_ID, SYMBOL,
            _action(shares), Decimal(abs(shares)), Decimal(100), Decimal(abs(shares)), "X",
            "", False, request_id,
        )  # fmt: skip


def _action(sign: int) -> Side:
    return "BUY" if sign > 0 else "SELL"


def prompted(situation: Situation, prompt: Prompt, number: int, now_ns: int) -> Input:
    """What the ``number``-th prompt of a situation asks of the core."""
    sign = situation.sign
    entry, other = _action(sign), _action(-sign)
    shares = Decimal(situation.shares)
    if prompt in _SOURCES:
        side = -sign if prompt == "opposite" else sign
        kind: SignalKind = "BUY" if side > 0 else "SHORT"
        source = _SOURCES[prompt]
        return SignalArrived(Signal(f"v{number}", source, SYMBOL, kind, 1.0, now_ns), VIEW)
    if prompt == "close":
        return CloseRequested(SYMBOL, "operator")
    if prompt in _HALTS:
        return HaltRequested(_HALTS[prompt], "verify", "asked")
    if prompt == "resume":
        return ResumeRequested("verify", "asked")
    if prompt == "bracket":
        return BracketRequested(
            _REFERENCE, SYMBOL, entry, shares, Decimal(100 - 5 * sign), Decimal(100 + 10 * sign),
            Decimal(100 - sign), VIEW,
        )  # fmt: skip
    if prompt == "oco":
        legs = OcoLeg(entry, "STP", Decimal(100 + sign)), OcoLeg(other, "STP", Decimal(100 - sign))
        return OcoRequested(_REFERENCE, SYMBOL, shares, legs, VIEW)
    return CancelRequested(_REFERENCE)
