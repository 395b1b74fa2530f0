"""What must hold while an engine trades, and what must be true when everything is over.

The truth is the exchange's: its executions, orders and positions. Of the engine only the state of
its core is looked at, to compare. Numbers of laws are those of docs/verification.md.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator
from decimal import Decimal
from typing import Final

import attrs

from engine.campaign.auditor import Auditor
from engine.campaign.books import EXITS, Books, role
from engine.campaign.prices import Tape
from engine.foreign import unresolved
from engine.money import ZERO
from engine.orders import Role
from engine.sim.client import Client
from engine.sim.exchange import Exchange
from engine.sim.memory import MemoryTws
from engine.sim.oracle import uncovered
from engine.sim.records import SimExecution, SimOrder
from engine.state import State
from engine.verify.state_laws import endings, folds
from statecharts.vocabulary import ContextState

SECOND_NS: Final = 1_000_000_000
LOOK_NS: Final = 5 * SECOND_NS  # between two looks at the exchange
UNCOVERED_NS_MAX: Final = 120 * SECOND_NS  # of a session that is live all the while
MESSAGES_PER_S_MAX: Final = 50
STILL_TURNS_MAX: Final = 2_000  # of the writer, while no time passes
# What the broker does wrong itself, so that shares may go that nobody wanted to.
_FICKLE: Final = frozenset(
    {"late-fill", "double", "correct", "liquidate", "order-by-hand", "change-by-hand", "policy"}
)
_FICKLE_POLICIES: Final = frozenset(
    {"oca_siblings", "oca3_same_tick", "oca1_partial", "oca_delay_ns", "oca_reduction",
     "cancel_delay_ns", "modify_delay_ns", "child_quantity", "child_activation"}
)  # fmt: skip
_SETTLED: Final = frozenset({ContextState.PROTECTED, ContextState.ENTERING, ContextState.ADDING})


class Broken(Exception):  # noqa: N818  a finding rather than a kind of error
    """A law does not hold."""

    def __init__(self, law: int, text: str) -> None:
        super().__init__(f"{law}: {text}")
        self.law = law
        self.text = text


@attrs.define
class _Since:
    """How long something that may not last has lasted."""

    since_ns: dict[str, int] = attrs.field(factory=dict)

    def lasts(self, symbol: str, holds: bool, now_ns: int) -> int:
        if not holds:
            self.since_ns.pop(symbol, None)
            return 0
        return now_ns - self.since_ns.setdefault(symbol, now_ns)


def _raise(found: Iterable[str]) -> None:
    """Raises Broken for the first of them: a law and its words."""
    for text in found:
        law, _, words = text.partition(": ")
        raise Broken(int(law), words)


class Witness:
    """Of one engine, over all its lives, at one exchange."""

    def __init__(
        self,
        tws: MemoryTws,
        client_id: int,
        tape: Tape,
        policies: tuple[str, ...] = (),
    ) -> None:
        self._tws = tws
        self._exchange: Exchange = tws.exchange
        self._client_id = client_id
        answered = {answer.partition("=")[0] for answer in policies}
        self._let_go = not _FICKLE_POLICIES.isdisjoint(answered)  # see ``_fickle``
        self._counted = 0  # faults that this has looked at
        self._books = Books(self._exchange, client_id, self._moved)
        self.auditor = Auditor(self._exchange, self._books, tape, client_id)
        tws.exchange.oracle.tell = self._arrived
        self._records = -1
        self._looked_ns = 0
        self._now_ns = -1
        self._still = 0
        self._naked = _Since()
        self._requests: deque[tuple[int, int]] = deque()  # (when, in all)
        self._clients: list[Client] = []  # that were there at the latest look
        self._gone = 0  # messages of those that have left

    # -- while it trades -----------------------------------------------------------------------

    def watch(self, state: State, records: int, now_ns: int) -> None:
        """The writer is about to wait. Raises Broken."""
        self._count_turns(now_ns)
        self._count_requests(now_ns)
        if now_ns - self._looked_ns >= LOOK_NS:
            self._looked_ns = now_ns
            if records != self._records:
                self._records = records
                _raise((*folds(state), *endings(state)))
            self._look(state, now_ns)
        _raise(self.auditor.found)

    def _arrived(self, order: SimOrder) -> None:
        self.auditor.judging = not self._fickle
        self.auditor.arrived(order)

    def _count_turns(self, now_ns: int) -> None:
        self._still = self._still + 1 if now_ns == self._now_ns else 0
        self._now_ns = now_ns
        if self._still > STILL_TURNS_MAX:
            raise Broken(27, "the writer turns and turns while no time passes")

    def _count_requests(self, now_ns: int) -> None:
        """28: TWS drops what comes faster than it allows."""
        present = self._tws.gateway.clients
        if present != self._clients:
            self._gone += sum(one.requests_total for one in self._clients if one not in present)
            self._clients = list(present)
        total = self._gone
        for one in present:
            total += one.requests_total
        recent = self._requests
        if not recent or recent[-1][1] != total:
            recent.append((now_ns, total))
        while len(recent) > 1 and recent[1][0] <= now_ns - SECOND_NS:
            recent.popleft()
        if total - recent[0][1] > MESSAGES_PER_S_MAX:
            raise Broken(28, f"{total - recent[0][1]} messages in a second")

    def _look(self, state: State, now_ns: int) -> None:
        self.auditor.judging = not self._fickle
        self.auditor.look(state.live, now_ns)
        self._books.read()
        for symbol in state.config.strategy.symbols:
            own = self._own(state, symbol)
            naked = uncovered(own, self._exchange.covers(symbol)) if own else ZERO
            watched = naked and state.live and symbol not in state.frozen
            if not (watched and self._trades(symbol, now_ns)):
                naked = ZERO  # nobody could do anything about it
            lasts_ns = self._naked.lasts(symbol, naked > 0, now_ns)
            if lasts_ns > UNCOVERED_NS_MAX:
                raise Broken(
                    6,
                    f"{symbol}: {naked} of {own} shares without a stop for "
                    f"{lasts_ns // SECOND_NS} s of a live session",
                )

    def _trades(self, symbol: str, now_ns: int) -> bool:
        """Whether the exchange would let anything be done about the symbol now."""
        instrument = self._exchange.instrument(symbol)
        assert instrument is not None
        is_open = any(opens <= now_ns < closes for opens, closes in instrument.sessions)
        return is_open and not self._exchange.shown(symbol).halted

    def _own(self, state: State, symbol: str) -> Decimal:
        """Shares of trades. What it has adopted of others only the engine knows; that it adds up
        to what the broker holds is another law."""
        if state.config.strategy.foreign_orders == "adopt" and self._books.shared(symbol):
            context = state.current.get(symbol)
            return ZERO if context is None else context.held
        return self._books.held(symbol)

    # -- the truth -----------------------------------------------------------------------------

    def _moved(self, one: SimExecution, before: Decimal, after: Decimal, corrected: bool) -> None:
        """4: exits make a position smaller, and never turn it over."""
        if not corrected:
            self.auditor.executed(one)
        if role(one.order_ref) not in EXITS or corrected or self._fickle:
            return
        if after * before < 0 or abs(after) > abs(before):
            self.auditor.found.append(
                f"4: {one.instrument.symbol}: exit {one.order_ref} brought {before} shares to "
                f"{after}"
            )

    @property
    def _fickle(self) -> bool:
        """Whether the broker itself has let shares go that nobody wanted to go. What has happened
        stays so."""
        faults = self._tws.gateway.faults
        if not self._let_go and faults is not None and faults.plan.counted != self._counted:
            self._counted = faults.plan.counted
            counts = faults.plan.counts.items()
            self._let_go = any(times and line.split()[1] in _FICKLE for line, times in counts)
        return self._let_go

    # -- when everything is over ---------------------------------------------------------------

    def unsettled(self, state: State) -> list[str]:
        """Why this is no end: what has not converged, each as a law and its words."""
        self._books.read()
        if not state.live:
            return ["27: the session is not live"]
        if state.round.running or state.doubts or state.asked_rules:
            return ["27: it still asks the broker"]
        found = list(self._disagreements(state))
        for symbol in state.config.strategy.symbols:
            found += self._restless(state, symbol)
        return found

    def _disagreements(self, state: State) -> Iterator[str]:
        orders = self._exchange.open_orders(self._client_id)
        living = {one.order_id: one for one in orders}
        # TWS has no way to cancel one of two orders of the same number: a person is told.
        twice = {one.order_id for one in orders if living[one.order_id] is not one} | {
            number for number, order in state.orders.items() if len(order.perm_ids) > 1
        }
        believed = {number: one for number, one in state.orders.items() if not one.dead}
        for number in sorted(living.keys() - believed.keys() - twice):
            yield f"26: order {number} lives at the broker and is dead here"
        for number in sorted(believed.keys() - living.keys() - twice):
            yield f"26: order {number} is dead at the broker and lives here"
        for number in sorted((living.keys() & believed.keys()) - twice):
            theirs, ours = living[number].remaining, believed[number].remaining
            if theirs != ours:
                yield f"26: order {number} may fill {theirs} at the broker, {ours} here"
        for symbol, instrument in state.instruments.items():
            if symbol in state.frozen:
                continue
            held = state.held(symbol) + state.foreign.get(instrument.con_id, ZERO)
            if held != self._exchange.position(symbol):
                truth = self._exchange.position(symbol)
                yield f"26: {symbol}: the broker holds {truth}, the engine knows {held}"

    def _restless(self, state: State, symbol: str) -> Iterator[str]:
        if symbol in state.frozen:
            if not unresolved(state, symbol, state.instruments[symbol].con_id):
                yield f"26: {symbol} is frozen for ever: {state.frozen[symbol]}"
            return
        context = state.current.get(symbol)
        held = ZERO if context is None else context.held
        naked = uncovered(held, self._exchange.covers(symbol))
        if naked:
            yield f"6: {symbol}: {naked} of {held} shares without a stop"
        if context is None:
            return
        closing = context.of(Role.CLOSE)
        if context.held and any(one.active and one.remaining for one in closing):
            return  # a large position in a thin market takes its time
        if context.state not in _SETTLED:
            name = ContextState(context.state).name.lower()
            yield f"27: {symbol}: context {context.number} is {name} for ever"
        elif context.held * context.side < 0:
            yield f"15: {symbol}: context {context.number} has turned over to {context.held}"
        elif context.state != ContextState.PROTECTED and not context.opening_rest:
            name = ContextState(context.state).name.lower()
            yield f"27: {symbol}: context {context.number} is {name}, and nothing may fill"

    def verdict(self, state: State) -> list[str]:
        """What the whole run shows at its end."""
        self._books.read()
        found = [*folds(state), *endings(state), *self.auditor.found]
        if self._fickle:
            return found
        return [
            *found,
            *self._entries_beyond(state),
            *self._sent_twice(state),
        ]

    def _entries_beyond(self, state: State) -> Iterator[str]:
        """8: no more shares come in than were ordered."""
        filled: dict[int, Decimal] = {}
        for one in self._books.executions.values():
            if one.client_id == self._client_id:
                filled[one.order_id] = filled.get(one.order_id, ZERO) + one.quantity
        for number, shares in filled.items():
            order = state.orders.get(number)
            if order is not None and order.role is Role.ENTRY and shares > order.spec.quantity:
                yield f"8: entry {number} of {order.spec.quantity} shares has filled {shares}"

    def _sent_twice(self, state: State) -> Iterator[str]:
        """9: one order of ours is one order at the broker."""
        permanent: dict[str, set[int]] = {}
        orders = [*self._exchange.open_orders(), *self._exchange.completed_orders()]
        for one in orders:
            if state.ours(one.order_ref):
                permanent.setdefault(one.order_ref, set()).add(one.perm_id)
        for reference, ids in permanent.items():
            if len(ids) > 1:
                yield f"9: order {reference} was at the broker {len(ids)} times"
