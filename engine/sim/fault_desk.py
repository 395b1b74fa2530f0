"""The faults of a plan, between the desk and its clients: what is swallowed, broken and told.

Rules are asked by the desk, the gateway and the exchange when they get the chance; acts are
performed here, between two requests or ticks and never in the middle of one.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import partial
from typing import Final

import attrs

from engine.inputs import Instrument
from engine.sim.answers import Answer
from engine.sim.client import Client
from engine.sim.desk import Desk
from engine.sim.fault_acts import FaultActs, of_client, of_symbol
from engine.sim.fault_messages import RULES, MessageFaults
from engine.sim.fault_plan import FaultPlan
from engine.sim.faults import Fault
from engine.sim.interference import Distortion
from engine.sim.limits import Rate
from engine.sim.orders import snapshot
from engine.sim.records import CommissionNotice, PositionNotice, SimExecution, SimOrder
from engine.sim.wire_asks import CANCEL_ORDER, GLOBAL_CANCEL, PLACE_ORDER
from engine.sim.wire_requests import Request
from engine.sim.wire_time import local, utc, zoned

LIVE_REQUESTS: Final = frozenset(
    {PLACE_ORDER, CANCEL_ORDER, GLOBAL_CANCEL}
)  # what they cause is news
_STALE: Final = "stale-positions"
_ON_FRAMES: Final = RULES | {"fragment"}
_RATE: Final = (100, "Max rate of messages per second has been exceeded.")


class FaultDesk(Distortion):
    """All faults of one gateway."""

    def __init__(self, desk: Desk, plan: FaultPlan) -> None:
        self.plan = plan
        self._desk = desk
        self._exchange = desk.exchange
        self._messages = MessageFaults(plan)
        incidents = desk.exchange.interfere(plan)
        self._acts = FaultActs(desk, plan, incidents, self._messages)
        self._answering = self._settling = False
        self._losing: Client | None = None  # what a request of this client causes is not told
        self._rates: dict[int, Rate] = {}
        self._old_positions: dict[int, list[PositionNotice]] = {}  # by when a rule was armed
        desk.distortion = self

    # -- time ----------------------------------------------------------------------------------

    @property
    def next_ns(self) -> int | None:
        """When something of a fault begins or ends."""
        due_ns = self.plan.next_ns
        for other_ns in (self._acts.timers.next_ns, self._messages.next_ns):
            if other_ns is not None and (due_ns is None or other_ns < due_ns):
                due_ns = other_ns
        return due_ns

    def advance(self, now_ns: int, move: Callable[[int], None]) -> None:
        """Let everything of faults happen that is due until ``now_ns``, each at its own moment;
        ``move`` brings the exchange to one."""
        while (due_ns := self.next_ns) is not None and due_ns <= now_ns:
            if due_ns > self._exchange.now_ns:
                move(due_ns)
            self._reach(due_ns)
        self.plan.reach(now_ns)
        self.settle()

    def _reach(self, now_ns: int) -> None:
        self.plan.reach(now_ns)
        self._acts.reach(now_ns)
        self.settle()
        self._messages.release(now_ns)

    def settle(self) -> None:
        """Perform the acts that have become due."""
        plan = self.plan
        if self._settling or not (plan.due_acts or _STALE in plan.rules):
            return
        self._settling = True
        while plan.due_acts:
            for fault in plan.due():
                self._acts.perform(fault)
        self._remember()
        self._settling = False

    def _remember(self) -> None:
        """The positions at the moment from which they are stale."""
        for armed in self.plan.armed(_STALE):
            if armed.since_ns not in self._old_positions:
                self._old_positions[armed.since_ns] = self._exchange.positions()

    # -- connections and requests --------------------------------------------------------------

    def opened(self, client: Client) -> None:
        """A connection has come in."""
        self.plan.reach(self._exchange.now_ns)
        client.passage = self
        refused = self.plan.take("refuse")
        if refused is not None and refused.fault["how"] == "silent":
            client.line.deaf = client.line.stalled = True
        elif refused is not None or self.plan.now_ns < self._acts.refusing_until_ns:
            client.closing = "a fault refuses connections"

    def id_busy(self, client_id: int) -> bool:
        self.plan.reach(self._exchange.now_ns)
        return self.plan.take("id-busy", partial(of_client, client_id)) is not None

    def started(self) -> None:
        """A client has introduced itself, and has been told nothing yet."""
        self.plan.happened("connection")

    @property
    def link_lost(self) -> bool:
        """Whether TWS has no server now; who connects is told so."""
        return self._acts.links_down > 0

    def first_id(self, order_id: int) -> int:
        taken = self.plan.take("next-id")
        lower, higher = self._acts.lower_ids, 0
        self._acts.lower_ids = 0
        if taken is not None:
            lower, higher = taken.fault["lower"] or 0, taken.fault["higher"] or 0
        return max(order_id - lower + higher, 1)

    def carry_out(self, answer: Answer, client: Client, request: Request) -> None:
        """Let a request be answered, unless a fault keeps it from that."""
        plan = self.plan
        plan.reach(self._exchange.now_ns)
        plan.happened("request")
        if request.id == PLACE_ORDER:
            plan.happened("order")
        elif request.id == CANCEL_ORDER:
            plan.happened("cancel")
        self._remember()

        def concerned(fault: Fault) -> bool:
            return request.id in fault["requests"]

        if not self._too_fast(client) and plan.take("swallow", concerned) is None:
            self._answering = request.id not in LIVE_REQUESTS
            if plan.take("lose-ack", concerned) is not None:
                self._losing = client
            answer(self._desk, client, request)
            self._answering, self._losing = False, None
        self.settle()

    def _too_fast(self, client: Client) -> bool:
        """Whether a client has said more within a second than a rule allows."""
        if not self.plan.armed("rate-limit"):
            return False
        count = self._rates.setdefault(client.number, Rate()).count(self.plan.now_ns)
        taken = self.plan.take("rate-limit", lambda fault: count > (fault["per_s"] or 0))
        if taken is None:
            return False
        self._desk.error(client, -1, *_RATE)
        if taken.fault["disconnect"]:
            client.closing = _RATE[1]
        return True

    def free(self, client: Client) -> bool:
        if client is self._losing or client.wire.delivery.line.piece_bytes:
            return False
        plan = self.plan
        held = plan.now_ns < self._messages.held_until_ns
        return not held and (not plan.rules or _ON_FRAMES.isdisjoint(plan.rules))

    def passes(self, client: Client, frame: bytes) -> Iterable[bytes]:
        """What of a frame goes on to its client now."""
        if client is self._losing:
            return ()
        pieces = self.plan.armed("fragment")
        if bool(pieces) != bool(client.line.piece_bytes):
            client.line.piece_bytes = (pieces[0].fault["bytes"] or 1) if pieces else 0
            if pieces:
                self.plan.count(pieces[0].fault)
        return self._messages.passes(client, frame, self._answering)

    # -- what the desk asks --------------------------------------------------------------------

    def darkens(self, symbol: str) -> bool:
        return self._acts.darkens(symbol)

    def mutes(self, symbol: str) -> bool:
        if self._acts.darkens(symbol):
            return True
        return self.plan.take("mute", partial(of_symbol, symbol)) is not None

    def silences(self, symbol: str) -> bool:
        """A rule that mutes by chance lets some through."""
        if self._acts.darkens(symbol):
            return True
        rules = [one.fault for one in self.plan.armed("mute")]
        return any(one["chance"] >= 1 and of_symbol(symbol, one) for one in rules)

    def hides(self, order: SimOrder) -> bool:
        return self._answering and self.plan.take("hide-order") is not None

    def positions(self, held: list[PositionNotice]) -> list[PositionNotice]:
        """As they were when the rule was armed."""
        stale = self.plan.take(_STALE)
        return held if stale is None else self._old_positions.get(stale.since_ns, held)

    def order(self, order: SimOrder) -> SimOrder:
        taken = self.plan.take("status-word")
        if taken is None:
            return order
        shown = snapshot(order)
        shown.status = taken.fault["word"]
        return shown

    def execution(self, execution: SimExecution) -> SimExecution:
        taken = self.plan.take("exec-time")
        if taken is None:
            return execution
        time_ns, zone = execution.time_ns, execution.instrument.time_zone
        styles = {
            "utc": utc(time_ns),
            "zoneless": f"{local(time_ns, zone):%Y%m%d %H:%M:%S}",
            "other-zone": zoned(time_ns, "MET"),
            "garbage": "yesterday, about noon",
        }
        return attrs.evolve(execution, time_text=styles[taken.fault["style"]])

    def commission(self, notice: CommissionNotice) -> CommissionNotice:
        if self.plan.take("unset-commission") is None:
            return notice
        return attrs.evolve(notice, commission=None, realised=None)

    def instrument(self, instrument: Instrument) -> Instrument | None:
        gone = self.plan.take("forget-contract", partial(of_symbol, instrument.symbol))
        return instrument if gone is None else None
