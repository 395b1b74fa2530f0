"""The core and the broker side by side, and everything that can happen to them next."""

from __future__ import annotations

from decimal import Decimal
from functools import cache
from typing import Any, Final

import orjson

from engine.commands import Command, LookAtMarket
from engine.config import CONVERTER, SECOND_NS, Config, from_mapping
from engine.core import Core
from engine.inputs import (
    AccountsListed,
    BracketRequested,
    CancelRequested,
    CloseRequested,
    CommissionReported,
    ErrorReported,
    ExecutionReported,
    Input,
    Instrument,
    InstrumentDefined,
    MarketSeen,
    MarketView,
    OcoLeg,
    OcoRequested,
    OrderIdGranted,
    OrderOpened,
    OrderStatusReported,
    PositionReported,
    SessionChanged,
    Signal,
    SignalArrived,
    SignalKind,
    SnapshotEnded,
    SnapshotStarted,
    Started,
    TimerElapsed,
)
from engine.inputs import Side as Action
from engine.verify.broker import ACCOUNT, CLIENT, CON_ID, SYMBOL, UNSENT, WORKING, Broker, Message
from engine.verify.copies import FAR_NS, copy_state, fingerprint
from engine.verify.situations import Situation
from statecharts.vocabulary import SessionState

# A step is a verb with its arguments; the words are also those of a saved scenario.
Step = tuple[str | int, ...]
START_NS: Final = 1_700_000_000 * SECOND_NS
VIEW: Final = MarketView(SYMBOL, 100.0, 100.0, 100.0, 0, 1.0)
REFERENCE: Final = "direct"
_EVERYTHING: Final = ("open_orders", "executions", "completed_orders", "positions")


class World:
    """One state of the exploration. ``copy`` it before acting."""

    def __init__(self, situation: Situation) -> None:
        self.situation = situation
        self.config = _config(situation)
        self.core = Core(self.config)
        self.broker = Broker(situation.rules)
        self.now_ns = START_NS
        self.prompted = 0
        self.faults = situation.faults
        self.patience = situation.patience
        self.stops_refused = situation.stops_refused
        self.excused = False  # the broker itself has let both of a group trade, or traded late
        self.sent: list[Command] = []  # by the last action
        self._start()
        self.act(("connect",))
        self.act(("sync",))
        self.act(("deliver",))

    def copy(self) -> World:
        new = World.__new__(World)
        new.__dict__.update(self.__dict__)
        new.core = Core.__new__(Core)
        new.core.state = copy_state(self.core.state)
        new.broker = self.broker.copy()
        new.sent = []
        return new

    def fingerprint(self) -> int:
        """64 bits: two of a million different states share one with a chance of 3 in 10^8."""
        return hash(
            (
                fingerprint(self.core.state, self.now_ns),
                self.broker.fingerprint(),
                self.prompted,
                self.faults,
                self.patience,
                self.stops_refused,
                self.excused,
            )
        )

    # -- what can happen ---------------------------------------------------------------------

    def actions(self) -> list[Step]:
        """All that may happen next, in a fixed order."""
        broker = self.broker
        found: list[Step] = []
        if self.prompted < len(self.situation.prompts) and self.core.state.live:
            found.append(("prompt",))
        if not broker.linked:
            found.append(("connect",))
        elif not broker.synced:
            found.append(("sync",))
        if broker.requests:
            found.append(("take",))
        if broker.messages:
            found.append(("deliver",))
            if len(broker.messages) > 1:
                found.append(("deliver", "all"))
        for ticket in broker.live():
            most = broker.fillable(ticket)
            found += [("fill", ticket.order_id, shares) for shares in sorted({1, most}) if most]
        if self._may_wait():
            found.append(("wait",))
        if self.stops_refused and self._next_is_stop():
            found.append(("refuse", "stop"))
        return found + (self._faults() if self.faults else [])

    def _next_is_stop(self) -> bool:
        request = self.broker.requests[0] if self.broker.requests else ()
        return bool(request) and request[0] == "place" and request[4] == "STP"

    def _may_wait(self) -> bool:
        at_ns = self.core.next_deadline_ns
        if at_ns is None or at_ns - self.now_ns >= FAR_NS:
            return False
        return self.broker.idle or self.patience > 0

    def _faults(self) -> list[Step]:
        broker = self.broker
        found: list[Step] = []
        if broker.requests:
            if broker.requests[0][0] != "ask":
                found.append(("swallow",))
            if broker.requests[0][0] in ("place", "amend"):
                found.append(("refuse",))
        if broker.messages and broker.messages[0][0] != "snapshot":
            found += [("repeat",), ("lose",)]
            if len(broker.messages) > 1:
                found.append(("delay",))
        if broker.linked:
            found += [("cut",), ("restart",)]
        for ticket in broker.tickets.values():
            if ticket.phase == "cancelled" and ticket.remaining > 0 and ticket.ref:
                found.append(("late", ticket.order_id))
            if not ticket.live or ticket.phase == UNSENT:
                continue
            found.append(("drop", ticket.order_id))
            if not ticket.fills:
                found.append(("reject", ticket.order_id))
            if ticket.phase == WORKING and ticket.group and broker.fillable(ticket):
                found.append(("overfill", ticket.order_id))
        return found

    def fair(self) -> Step | None:
        """What happens next when nothing goes wrong any more and nobody asks for anything: all
        arrives, market orders and entries fill, deadlines come. None: nothing is left."""
        broker = self.broker
        if not broker.linked:
            return ("connect",)
        if broker.requests:
            return ("take",)
        if broker.messages:
            return ("deliver",)
        if not broker.synced:
            return ("sync",)
        for ticket in broker.live():
            plain = ticket.kind == "MKT" or (ticket.kind == "LMT" and not ticket.group)
            if plain and (most := broker.fillable(ticket)):
                return ("fill", ticket.order_id, most)
        return ("wait",) if self._may_wait() else None

    # -- making it happen --------------------------------------------------------------------

    def act(self, action: Step) -> None:
        """Let it happen; ``sent`` then holds what the core has sent because of it."""
        self.sent = []
        getattr(self, f"_do_{action[0]}")(*action[1:])

    def _feed(self, *inputs: Input) -> None:
        output = self.core.step(inputs, self.now_ns)
        looks = False
        for command in output.commands:
            if isinstance(command, LookAtMarket):
                looks = True
                continue
            assert self.broker.linked, f"sent without a link: {command}"
            self.sent.append(command)
            self.broker.send(command)
        if looks:
            self._feed(MarketSeen(VIEW))

    def _do_prompt(self) -> None:
        prompt = self.situation.prompts[self.prompted]
        self.prompted += 1
        self._feed(_prompted(self.situation, prompt, self.prompted))

    def _do_take(self) -> None:
        self.broker.take()

    def _do_refuse(self, what: str = "") -> None:
        if what:
            self.stops_refused -= 1
        else:
            self.faults -= 1
        self.broker.take(refuse=True)

    def _do_swallow(self) -> None:
        self.faults -= 1
        self.broker.requests = self.broker.requests[1:]

    def _do_deliver(self, much: str = "") -> None:
        broker = self.broker
        count = len(broker.messages) if much else 1
        arrived, broker.messages = broker.messages[:count], broker.messages[count:]
        self._feed(*(item for message in arrived for item in self._inputs(message)))

    def _do_repeat(self) -> None:
        """It is delivered now, and once more behind everything else."""
        self.faults -= 1
        again = self.broker.messages[0]
        self._do_deliver()
        self.broker.messages += (again,)

    def _do_lose(self) -> None:
        self.faults -= 1
        self.broker.messages = self.broker.messages[1:]

    def _do_delay(self) -> None:
        self.faults -= 1
        first, *others = self.broker.messages
        self.broker.messages = (*others, first)

    def _do_fill(self, order_id: int, shares: int) -> None:
        self.broker.fill(order_id, shares)

    def _do_overfill(self, order_id: int) -> None:
        """Its group does not hear of it in time."""
        self.faults -= 1
        self.excused = True
        self.broker.fill(order_id, self.broker.fillable(self.broker.tickets[order_id]), False)

    def _do_late(self, order_id: int) -> None:
        """A share of a cancelled order, on its way when the cancel won."""
        self.faults -= 1
        self.excused = True
        self.broker.fill(order_id, 1, False)

    def _do_drop(self, order_id: int) -> None:
        self.faults -= 1
        self.broker.end(order_id)

    def _do_reject(self, order_id: int) -> None:
        self.faults -= 1
        self.broker.reject(order_id)

    def _do_cut(self) -> None:
        self.faults -= 1
        self.broker.cut()
        self._feed(SessionChanged("SOCKET_CLOSED", self.core.state.epoch))

    def _do_restart(self) -> None:
        """The process dies. Another one has replayed its journal: the same state, a new run."""
        self.faults -= 1
        self.broker.cut()
        self._start()

    def _start(self) -> None:
        self._feed(Started("v1", "verify", _settings(self.situation), CLIENT, ACCOUNT))

    def _do_connect(self) -> None:
        state = self.core.state
        epoch = state.epoch + 1
        self.broker.linked = True
        first = "START" if state.session == SessionState.IDLE else "RETRY"
        self._feed(SessionChanged(first, epoch))
        self._feed(
            SessionChanged("SOCKET_OPENED", epoch),
            OrderIdGranted(self.broker.highest_id + 1),
            AccountsListed((ACCOUNT,)),
            SessionChanged("HANDSHAKE_DONE", epoch),
        )

    def _do_sync(self) -> None:
        """The answers to the questions of a new connection, one moment's truth."""
        self.broker.synced = True
        answers = tuple(self.broker.answer(kind) for kind in _EVERYTHING)
        self.broker.tell("synced", *answers)

    def _do_wait(self) -> None:
        """Time passes to the next deadline of the core."""
        if not self.broker.idle:
            self.patience -= 1
        at_ns = self.core.next_deadline_ns
        assert at_ns is not None
        self.now_ns = max(at_ns, self.now_ns)
        self._feed(TimerElapsed())

    # -- what a message says -----------------------------------------------------------------

    def _inputs(self, message: Message) -> list[Input]:
        kind = message[0]
        rest: Any = message[1:]
        if kind == "synced":
            inputs: list[Input] = [InstrumentDefined(_instrument(self.situation))]
            for answer in rest:
                inputs += self._inputs(answer)
            return [*inputs, SessionChanged("SYNCED", self.core.state.epoch)]
        if kind == "snapshot":
            return self._snapshot(rest[0], tuple(rest[1:]))
        if kind == "execution":
            return self._execution(rest[0], rest[1])
        if kind == "error":
            return [_error(*rest)]
        return [*([self._opened(*rest)] if kind == "opened" else []), self._status(*rest)]

    def _snapshot(self, kind: Any, rows: tuple[Any, ...]) -> list[Input]:
        epoch = self.core.state.epoch
        inputs: list[Input] = [SnapshotStarted(kind, epoch)]
        for row in rows:
            if kind == "open_orders":
                inputs += [self._opened(*row), self._status(*row)]
            elif kind == "executions":
                inputs += self._execution(row[0], row[1], request_id=99)
            elif row:
                inputs.append(PositionReported(ACCOUNT, CON_ID, SYMBOL, Decimal(row), Decimal(0)))
        return [*inputs, SnapshotEnded(kind, epoch)]

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
        stop = ticket.kind == "STP"
        return OrderOpened(
            order_id, 1000 + order_id, CLIENT, ticket.parent, ticket.ref, ACCOUNT, CON_ID, SYMBOL,
            _action(ticket.sign), Decimal(quantity), ticket.kind, None if stop else price,
            price if stop else None, "DAY", ticket.group, ticket.group_type, status,
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
            order_id, 1000 + order_id, CLIENT, parent, status, Decimal(filled), Decimal(remaining),
            Decimal(0), why,
        )  # fmt: skip

    def _execution(self, order_id: int, number: int, request_id: int = -1) -> list[Input]:
        ticket = self.broker.tickets[order_id]
        identity = f"x{order_id}.{number}.01"
        price = self.situation.rules.fill_price if ticket.price is None else ticket.price
        fill = ExecutionReported(
            identity, order_id, 1000 + order_id, CLIENT, ticket.ref, ACCOUNT, CON_ID, SYMBOL,
            _action(ticket.sign), Decimal(ticket.fills[number]), price,
            Decimal(sum(ticket.fills[: number + 1])), "X", "", False, request_id,
        )  # fmt: skip
        return [fill, CommissionReported(identity, Decimal(1), "USD", None)]


def _error(order_id: Any, code: Any) -> Input:
    return ErrorReported(order_id, code, "")


def _action(sign: int) -> Action:
    return "BUY" if sign > 0 else "SELL"


@cache
def _config(situation: Situation) -> Config:
    return from_mapping(
        {
            "strategy": {
                "symbols": [SYMBOL],
                "sizing": {"shares": situation.shares},
                "stop": {"percent": 5},
                "target": {"percent": 10} if situation.target else None,
                "cooldown_s": 0,
                "sell_means": "short",
            }
        }
    )


@cache
def _settings(situation: Situation) -> str:
    return orjson.dumps(CONVERTER.unstructure(_config(situation))).decode()


@cache
def _instrument(situation: Situation) -> Instrument:
    length = situation.ends_after_s
    ends_ns = START_NS + (1_000_000 * SECOND_NS if length is None else int(length * SECOND_NS))
    return Instrument(SYMBOL, CON_ID, sessions=((START_NS - SECOND_NS, ends_ns),))


def _prompted(situation: Situation, prompt: str, number: int) -> Input:
    sign = situation.sign
    entry, other = _action(sign), _action(-sign)
    shares = Decimal(situation.shares)
    if prompt in ("signal", "opposite"):
        side = sign if prompt == "signal" else -sign
        kind: SignalKind = "BUY" if side > 0 else "SHORT"
        return SignalArrived(Signal(f"v{number}", "verify", SYMBOL, kind, 1.0, START_NS), VIEW)
    if prompt == "close":
        return CloseRequested(SYMBOL, "operator")
    if prompt == "bracket":
        return BracketRequested(
            REFERENCE, SYMBOL, entry, shares, Decimal(100 - 5 * sign), Decimal(100 + 10 * sign),
            Decimal(100 - sign), VIEW,
        )  # fmt: skip
    if prompt == "oco":
        legs = OcoLeg(entry, "STP", Decimal(100 + sign)), OcoLeg(other, "STP", Decimal(100 - sign))
        return OcoRequested(REFERENCE, SYMBOL, shares, legs, VIEW)
    return CancelRequested(REFERENCE)
