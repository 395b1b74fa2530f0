"""The core and the broker side by side, and everything that can happen to them next."""

from __future__ import annotations

from functools import cache
from typing import Final

import attrs
import orjson

from engine.commands import Amend, Command, LookAtMarket, Place, Unwatch, Watch
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
from engine.orders import EXIT_ROLES
from engine.verify.broker import ACCOUNT, CLIENT, CON_ID, STOPS, SYMBOL, UNSENT, WORKING, Broker
from engine.verify.messages import VIEW, Reader, prompted
from engine.verify.prints import FAR_NS
from engine.verify.situations import Situation
from engine.verify.steps import Moment, Steps
from statecharts.vocabulary import SessionState

# A step is a verb with its arguments; the words are also those of a saved scenario.
Step = tuple[str | int, ...]
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
        budget = self.prompted, self.faults, self.patience, self.stops_refused, self.fires
        return hash((self.fair_fingerprint(), budget))

    def fair_fingerprint(self) -> int:
        """Equal for worlds of which fairness makes the same: what may still go wrong, and what
        may still be asked, does not matter then."""
        broker = self.broker.fingerprint()
        return hash((self.moment.fingerprint, broker, self.view.bid, self.excused))

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
        if self.fires:
            found += [("reach", number) for number in self.watched]
        return found + (self._faults() if self.faults else [])

    def _next_is_stop(self) -> bool:
        request = self.broker.requests[0] if self.broker.requests else ()
        return bool(request) and request[0] == "place" and request[4] in STOPS

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
            if broker.refusable():
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
            assert self.broker.linked, f"sent without a link: {command}"
            self.sent.append(command)
            self.broker.send(command)
        if self._sent_exits() and self.core.state.held(SYMBOL) != self.broker.position:
            self.excused = True  # an execution is on its way to the core
        if looks:
            self._feed(MarketSeen(self.view))

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
        if any(request[0] in ("place", "amend") for request in self.broker.requests):
            self.excused = True  # exits are on their way that were right when they were sent
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
        self.watched = {}
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
