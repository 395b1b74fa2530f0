"""The core and the broker side by side, and everything that can happen to them next."""

from __future__ import annotations

from functools import cache
from typing import Final

import attrs
import orjson

from engine.commands import Amend, Command, Follow, LookAtMarket, Place, Unwatch, Watch
from engine.config import CONVERTER, SECOND_NS, Config, from_mapping
from engine.core import Core
from engine.inputs import (
    AccountsListed,
    ConditionFired,
    Input,
    Instrument,
    MarketSeen,
    OrderIdGranted,
    SessionChanged,
    Started,
    TimerElapsed,
)
from engine.orders import EXIT_ROLES, Role
from engine.verify import sessions
from engine.verify.broker import Broker
from engine.verify.choices import Step, actions, fair
from engine.verify.messages import VIEW, Reader, prompted
from engine.verify.situation import Situation
from engine.verify.steps import Moment, Steps
from engine.verify.tickets import ACCOUNT, CLIENT, CON_ID, ENDING, SYMBOL, WORKING
from statecharts.vocabulary import SessionEvent, SessionState

START_NS: Final = 1_700_000_000 * SECOND_NS
_EVERYTHING: Final = ("open_orders", "executions", "completed_orders", "positions")


class World:
    """One state of the exploration. ``copy`` it before acting."""

    def __init__(self, situation: Situation) -> None:
        self.situation = situation
        self.config = _config(situation)
        self.steps = Steps()
        self.moment = Moment(Core(self.config), START_NS)
        self.broker = Broker(situation.rules)
        self.prompted = 0
        self.faults = situation.faults
        self.patience = situation.patience
        self.stops_refused = situation.stops_refused
        self.fires = situation.fires
        self.strangers = situation.strangers
        self.watched: dict[int, Watch] = {}
        self.view = VIEW  # the market as it was last seen
        self.excused = False  # an exit has met a fill that nobody could know of
        self.sent: list[Command] = []  # by the last action
        self._start()
        for step in (("connect",), ("sync",), ("deliver",), *[("prompt",)] * situation.begun):
            self.act(step)
            while self.broker.requests or self.broker.messages or step == ("prompt",):
                fair = self.fair()
                if fair is None or fair == ("wait",):
                    break
                self.act(fair)

    @property
    def core(self) -> Core:
        return self.moment.core

    @property
    def now_ns(self) -> int:
        return self.moment.now_ns

    def copy(self) -> World:
        new = World.__new__(World)
        new.__dict__.update(self.__dict__)
        new.broker = self.broker.copy()
        new.sent = []
        return new

    def fingerprint(self) -> int:
        """64 bits: two of a million different states share one with a chance of 3 in 10^8."""
        budget = (
            self.prompted, self.faults, self.patience, self.stops_refused, self.fires,
            self.strangers,
        )  # fmt: skip
        return hash((self.fair_fingerprint(), budget))

    def fair_fingerprint(self) -> int:
        """Equal for worlds of which fairness makes the same: what may still go wrong, and what
        may still be asked, does not matter then."""
        broker = self.broker.fingerprint()
        return hash((self.moment.fingerprint, broker, self.view.bid, self.excused))

    def actions(self) -> list[Step]:
        """All that may happen next, in a fixed order."""
        return actions(self)

    def fair(self) -> Step | None:
        """What happens next when nothing goes wrong; None: nothing is left."""
        return fair(self)

    @property
    def agreed(self) -> bool:
        """Whether the core believes what is true of the account's position."""
        state = self.core.state
        return state.held(SYMBOL) + state.foreign.get(CON_ID, 0) == self.broker.position

    # -- making it happen --------------------------------------------------------------------

    def act(self, action: Step) -> None:
        """Let it happen; ``sent`` then holds what the core has sent because of it."""
        self.sent = []
        getattr(self, f"_do_{action[0]}")(*action[1:])

    def _feed(self, *inputs: Input, at_ns: int | None = None) -> None:
        self.moment = self.steps.take(self.moment, inputs, at_ns or self.now_ns)
        looks = False
        for command in self.moment.commands:
            if isinstance(command, LookAtMarket):
                looks = True
                continue
            if isinstance(command, Watch):
                self.watched = {**self.watched, command.number: command}
                continue
            if isinstance(command, Unwatch):
                self.watched = {n: w for n, w in self.watched.items() if n != command.number}
                continue
            if isinstance(command, Follow):
                continue
            assert self.broker.linked, f"sent without a link: {command}"
            self.sent.append(command)
            self.broker.send(command)
        if self._sent_exits() and not self.agreed:
            self.excused = True  # an execution is on its way to the core
        if self._stood_in():
            self.excused = True  # and so is the news that the attached stop has come to life
        if looks:
            self._feed(MarketSeen(self.view))

    def _stood_in(self) -> bool:
        """Whether the core has just placed a stop beside an attached one that it has not heard
        of, and that the broker has activated meanwhile."""
        state, tickets = self.core.state, self.broker.tickets
        for one in self.sent:
            order = state.orders[one.order_id] if isinstance(one, Place) else None
            context = state.contexts.get(order.owner) if order is not None else None
            if order is None or context is None or order.role is not Role.STOP or order.attached:
                continue
            for other in context.tranche_of(order).of(Role.STOP):
                ticket = tickets.get(other.order_id)
                if other.held_by_parent and ticket is not None and ticket.phase == WORKING:
                    return True
        return False

    def _sent_exits(self) -> bool:
        """Whether the core has just asked for shares to go that it believes to hold."""
        orders = self.core.state.orders
        return any(
            isinstance(one, Place | Amend) and orders[one.order_id].role in EXIT_ROLES
            for one in self.sent
        )

    def _do_prompt(self) -> None:
        prompt = self.situation.prompts[self.prompted]
        self.prompted += 1
        self._feed(prompted(self.situation, prompt, self.prompted, self.now_ns))

    def _do_take(self) -> None:
        request = self.broker.requests[0]
        if request[0] == "amend" and self.broker.grows(request):
            self.excused = True  # its group has reduced the order while the amendment was under way
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
        reader = Reader(broker, _instrument(self.situation), self.core.state.epoch)
        self._feed(*(item for message in arrived for item in reader.inputs(message)))

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
        under_way = (*self.broker.requests, *self.broker.aside)
        if any(request[0] in ("place", "amend") for request in under_way):
            self.excused = True  # exits are on their way that were right when they were sent
        if shares > self.broker.due(order_id):
            self.excused = True  # the broker let a child trade more than its parent had brought
        self.broker.fill(order_id, shares)

    def _do_reach(self, number: int) -> None:
        """The price that is watched for is there."""
        self.fires -= 1
        price = self.watched[number].level
        self.view = attrs.evolve(VIEW, bid=price, ask=price, last=price)
        self._feed(ConditionFired(number, self.view))

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
        self.broker.tell("position", self.broker.position)  # no status comes with it

    def _do_drop(self, order_id: int) -> None:
        self.faults -= 1
        self.broker.end(order_id)

    def _do_reject(self, order_id: int) -> None:
        self.faults -= 1
        self.broker.reject(order_id)

    def _do_accept(self, order_id: int) -> None:
        if self.broker.tickets[order_id].phase == ENDING:
            self.faults -= 1
        self.broker.accept(order_id)

    def _do_finish(self, order_id: int) -> None:
        self.broker.end(order_id)

    def _do_hold(self, order_id: int) -> None:
        self.faults -= 1
        self.broker.hold(order_id)

    def _do_aside(self) -> None:
        self.faults -= 1
        self.broker.put_aside()

    def _do_deny(self) -> None:
        self.faults -= 1
        self.broker.deny()

    def _do_revision(self, what: str) -> None:
        self.faults -= 1
        self.broker.refuse_revision(what == "ended")

    def _do_omit(self, order_id: int) -> None:
        self.faults -= 1
        self.broker.omit(order_id)

    def _do_change(self, order_id: int, what: str) -> None:
        self.faults -= 1
        self.excused = True  # exits may be too large now
        self.broker.change(order_id, what)

    def _do_release(self) -> None:
        self.broker.release()

    def _do_say(self, order_id: int, word: str | int) -> None:
        self.faults -= 1
        self.broker.say(order_id, word)

    def _do_correct(self, order_id: int) -> None:
        self.faults -= 1
        self.broker.correct(order_id, bust=False)

    def _do_bust(self, order_id: int) -> None:
        self.faults -= 1
        self.excused = True
        self.broker.correct(order_id, bust=True)

    def _do_stranger(self, what: str) -> None:
        if what == "ends":
            self.broker.strange_order(opens=False)
            return
        self.strangers = max(self.strangers - 1, 0)  # in fairness they trade back
        if what == "orders":
            self.broker.strange_order(opens=True)
            return
        self.excused = True  # where theirs are taken for ours, exits are under way for them
        self.broker.strange_fill(1 if what == "buys" else -1)

    # -- the link ----------------------------------------------------------------------------

    def _do_session(self, name: str) -> None:
        event, session = SessionEvent[name], self.core.state.session
        epoch = self.core.state.epoch
        if event in sessions.FAULTS.get(session, ()):
            self.faults -= 1
        if event == SessionEvent.HANDSHAKE_DONE:
            self._shake_hands(epoch + 1)
            return
        if event in sessions.CUTS:
            self.broker.cut()
        else:
            self.broker.ask_anew()
        self._feed(SessionChanged(name, epoch))

    def _do_begin(self) -> None:
        self._start()

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
        self.watched = {}
        self._feed(Started("v1", "verify", _settings(self.situation), CLIENT, ACCOUNT))

    def _do_connect(self) -> None:
        state = self.core.state
        epoch = state.epoch + 1
        self.broker.linked = True
        first = "START" if state.session == SessionState.IDLE else "RETRY"
        self._feed(SessionChanged(first, epoch))
        self._feed(SessionChanged("SOCKET_OPENED", epoch), *self._handshake(epoch))

    def _shake_hands(self, epoch: int) -> None:
        self.broker.linked = True
        self._feed(*self._handshake(epoch))

    def _handshake(self, epoch: int) -> tuple[Input, ...]:
        return (
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
        self._feed(TimerElapsed(), at_ns=max(at_ns, self.now_ns))


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
                **orjson.loads(situation.settings),
            },
            "limits": (
                {} if situation.gross_max is None else {"gross_notional_max": situation.gross_max}
            ),
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
