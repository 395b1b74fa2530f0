"""The armory: orders that are decided ahead, and leave from the compiled reader.

An armed rule waits for one price. Before the writer goes to sleep, a copy of the core takes the
very step that this price would cause, with the market as it is, moved so that the price is at its
level. What comes out is encoded, put on record, and given to the reader, which sends it when the
price comes, without the interpreter and without the disk. Then the core takes that same step, at
the same time, and so decides the same; nothing is sent again.

Every step of the core empties the reader first, and after it everything is rehearsed anew. So is
what has been armed for a while, because guards, quotes and windows of time grow old. What could not
leave however much time passes is not rehearsed again before the core or the market has changed.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from typing import Any, Final

import attrs

from _fast.market import Market
from engine.broker.link import Link
from engine.broker.session import Session
from engine.commands import OrderCommand, Place, Watch
from engine.core import Core
from engine.errors import UserError
from engine.events import RefusalEvent
from engine.inputs import ArmedIntent, ConditionFired, Instrument, MarketView
from engine.money import exact
from engine.reasons import Reason
from engine.rulebook import armed_watches
from engine.rules import Rule
from engine.state import State
from engine.stillness import Still
from statecharts.vocabulary import OrderReport

LIFE_NS: Final = 1_000_000_000  # what is older does not leave
RENEW_NS: Final = LIFE_NS // 2
PAUSE_NS: Final = 20_000_000  # between two attempts: a flood of steps is no flood of records
NEAR: Final = 0.01  # of the price: a level further away than this is not worth a record yet
ARMED_MAX: Final = 16
_PLACES: Final = {"bid": 0, "ask": 1, "last": 2}  # in what the market tells of a row
_Near = tuple[Rule, Watch, MarketView]
# Refusals that stand until the core or the market changes. Others may pass with time.
LASTING: Final = frozenset(
    {
        *(Reason.TRADING_HALTED, Reason.FROZEN, Reason.UNKNOWN_SYMBOL, Reason.RESTRICTED),
        *(Reason.NOT_SHORTABLE, Reason.NO_PRICE, Reason.HALTED, Reason.DATA_NOT_LIVE),
        *(Reason.OFF_GRID, Reason.NO_SIZE, Reason.NO_STOP, Reason.NO_EQUITY),
        *(Reason.ORDER_TOO_LARGE, Reason.NOTIONAL_TOO_LARGE, Reason.OUTSIDE_COLLAR),
        *(Reason.RISK_TOO_LARGE, Reason.GROSS_TOO_LARGE, Reason.NET_TOO_LARGE),
        *(Reason.GROUP_TOO_LARGE, Reason.TOO_MANY_POSITIONS),
        *(Reason.LEVERAGE_TOO_HIGH, Reason.BUYING_POWER),
    }
)


@attrs.frozen
class Ready:
    """One rule's orders, rehearsed. ``condition`` and ``row`` are the market's."""

    intent: ArmedIntent
    condition: int
    row: int
    gap: float
    commands: tuple[Place, ...]
    data: bytes


@attrs.frozen
class Shot:
    """What has left. ``rest`` is what the socket did not take of it."""

    ready: Ready
    rest: bytes
    # From the receipt of the price until the socket was asked, and until it had answered: by then
    # the other side may have read them. None where time is virtual.
    latency_us: float | None
    answered_us: float | None

    @property
    def fired(self) -> ConditionFired:
        return ConditionFired(self.ready.intent.number, self.ready.intent.market, armed=True)


class Armory:
    """Belongs to the writer. ``view`` gives the market of a symbol, ``watches`` the number of the
    watch behind each condition of the market."""

    def __init__(
        self,
        core: Core,
        session: Session,
        market: Market,
        view: Callable[[str, int], MarketView],
        watches: Mapping[int, int],
    ) -> None:
        self._core = core
        self._session = session
        self._market = market
        self._view = view
        self._watches = watches
        self._loaded: tuple[Ready, ...] = ()
        self._tried_ns = self._due_ns = 0
        self._known: tuple[tuple[Rule, ...], bool] = ((), False)  # rules, and whether any is armed
        self._waiting: list[tuple[Rule, Watch]] | None = None  # what is armed; None: look
        self._vain: list[_Near] | None = None  # what was near when nothing of it could leave
        self._vain_ticks = 0  # of the market at the latest look at it
        self._ends = (-1, -1), 0  # when the first bar ends, and as of what this was asked

    @property
    def armed(self) -> tuple[tuple[str, str], ...]:
        """(rule, symbol) of what may leave now."""
        return tuple((one.intent.rule, one.intent.market.symbol) for one in self._loaded)

    @property
    def due_ns(self) -> int | None:
        """When ``due`` has to be asked again, on the monotonic clock."""
        return self._due_ns if self._core.state.live and self._wanted() else None

    def _wanted(self) -> bool:
        rules = self._core.state.rules
        if self._known[0] is not rules:
            self._known = rules, any(rule.armed and rule.enabled for rule in rules)
        return self._known[1]

    # -- arming ------------------------------------------------------------------------------

    def still(
        self,
        mono_ns: int,
        timeout_ns: int,
        others_ns: int,
        looked_ns: int,
        bars_ns: tuple[int, int],
    ) -> Still | None:
        """Which looks of a wait, that would end so soon for the first of them, find nothing as
        long as no price changes. ``others_ns``: when something else is due; ``looked_ns``: when
        the writer last looked around; ``bars_ns``: when it last saw to the ends of bars, and how
        often it does."""
        session, link = self._session, self._session.link
        transport, clock = session.transport, session.exchange_clock
        if self._vain is None or link is None or not transport.virtual:
            return None
        first_ns, fits = self._due_ns, transport.idle_ns >= RENEW_NS and clock.runs(mono_ns)
        if first_ns - mono_ns != timeout_ns or timeout_ns <= 0 or not fits:
            return None
        if not link.room(mono_ns):
            return None
        ahead_ns = clock.now_ns(mono_ns) - mono_ns
        return Still(
            first_ns=first_ns,
            every_ns=RENEW_NS,
            due_ns=others_ns,
            idle_ns=looked_ns + transport.idle_ns,
            check_ns=sum(bars_ns) - ahead_ns,
            check_every_ns=bars_ns[1],
            bar_ends_ns=self._bar_ends_ns(link.reader.ticks) - ahead_ns,
            look=self._look_again,
            stale=link.reader.ticks != self._vain_ticks,
        )

    def _look_again(self) -> int | None:
        """When the first bar ends, if what is near now is what was in vain; else None."""
        session, link = self._session, self._session.link
        assert link is not None, "it is there as long as the wait lasts"
        mono_ns = session.transport.monotonic_ns()
        now_ns = session.exchange_clock.now_ns(mono_ns)
        if self._near(now_ns) != self._vain:
            return None
        self._vain_ticks = link.reader.ticks
        return self._bar_ends_ns(self._vain_ticks) - now_ns + mono_ns

    def _bar_ends_ns(self, ticks: int) -> int:
        """When the first bar in progress ends; other ones only begin with a price, or with what
        was warmed."""
        feed = self._session.feed
        key = ticks, feed.warmed
        if self._ends[0] != key:
            self._ends = key, feed.bar_ends_ns()
        return self._ends[1]

    def left_out(self, looks: int) -> None:
        """So many were not taken, which would have found nothing."""
        if looks:
            self._tried_ns = self._due_ns + (looks - 1) * RENEW_NS
            self._due_ns = self._tried_ns + RENEW_NS

    def stir(self) -> None:
        """The market has changed without a price: what was in vain may not be any more."""
        self._vain_ticks = -1
        self._ends = (-1, -1), 0

    def withdraw(self) -> None:
        """Take everything out of the reader."""
        reader = self._session.reader
        if reader is not None:
            assert reader.armed.fired < 0, "what has left is stepped before anything else"
            reader.armed.clear()
        self._loaded = ()

    def disarm(self) -> None:
        """A step of the core comes: what was decided ahead will not hold."""
        self.withdraw()
        self._vain = self._waiting = None
        self._ends = (-1, -1), 0
        self._due_ns = min(self._due_ns, self._tried_ns + PAUSE_NS)

    def due(self, mono_ns: int) -> bool:
        """Whether to rehearse now. What could not leave at once any more is withdrawn."""
        if not (self._core.state.live and self._wanted()):
            return False
        if mono_ns < self._due_ns and not self._loaded:
            return False
        link = self._session.link
        room = 0 if link is None else link.room(mono_ns)
        if any(len(one.commands) > room for one in self._loaded):
            self.withdraw()
        if mono_ns < self._due_ns:
            return False
        self._tried_ns = mono_ns
        self._due_ns = mono_ns + (RENEW_NS if room else PAUSE_NS)
        return room > 0

    def rehearse(self, mono_ns: int, now_ns: int) -> tuple[Ready, ...]:
        """What every armed rule whose price is near would order; nothing while anything is in
        doubt or due."""
        core, link = self._core, self._session.link
        deadline_ns = core.next_deadline_ns
        if link is None or (deadline_ns or now_ns + 1) <= now_ns:
            return ()
        self._vain_ticks = link.reader.ticks
        near = self._near(now_ns)
        if near == self._vain:
            return ()
        found, lasting = self._rehearsed(near, link, mono_ns, now_ns)
        self._vain = near if lasting and not found else None
        return tuple(found)

    def _rehearsed(
        self, near: list[_Near], link: Link, mono_ns: int, now_ns: int
    ) -> tuple[list[Ready], bool]:
        """What may leave; and whether what may not never will as things are."""
        state = self._core.state
        conditions = {number: condition for condition, number in self._watches.items()}
        order_id, context = state.next_order_id, state.next_number
        found: list[Ready] = []
        lasting = True
        for rule, watch, market in near:
            intent = ArmedIntent(watch.number, rule.id, market, now_ns, context, (order_id,), "")
            fork = self._core.fork()
            places, stands = rehearsed(fork, intent)
            if not places or len(places) > link.room_max:
                lasting = lasting and (stands or bool(places))
                continue
            data = _encoded(link, places, state.instruments[watch.symbol])
            if not data or len(places) > link.room(mono_ns):
                lasting = False
                continue
            order_ids = tuple([place.order_id for place in places])
            digest = hashlib.sha256(data).hexdigest()
            found.append(
                Ready(
                    attrs.evolve(intent, order_ids=order_ids, digest=digest),
                    conditions[watch.number],
                    self._session.rows[watch.symbol],
                    watch.level * rule.armed_gap_percent / 100,
                    places,
                    data,
                )
            )
            # Whichever leaves, no other has its names.
            order_id, context = fork.state.next_order_id, fork.state.next_number
        return found, lasting

    def _near(self, now_ns: int) -> list[_Near]:
        """The armed watch of each symbol that comes first, with the market of that moment. Nothing
        while anything is in doubt."""
        if not _calm(self._core.state):
            return []
        best: dict[str, tuple[float, Rule, Watch]] = {}
        if self._waiting is None:
            self._waiting = list(armed_watches(self._core.state))
        rows, current = self._session.rows, self._core.state.current
        for rule, watch in self._waiting:
            if watch.symbol in current or watch.symbol not in rows:
                continue
            away = _distance(watch, self._market.view(rows[watch.symbol]))
            if away is None or not 0 < away <= NEAR:
                continue
            known = best.get(watch.symbol)
            if known is None or away < known[0]:
                best[watch.symbol] = away, rule, watch
        nearest = sorted(best.values(), key=lambda one: one[0])[:ARMED_MAX]
        return [
            (rule, watch, _moved(watch, self._view(watch.symbol, now_ns)))
            for _, rule, watch in nearest
        ]

    def load(self, ready: tuple[Ready, ...], mono_ns: int, now_ns: int) -> None:
        """Give it to the reader; it is on record, and durable. ``mono_ns`` and ``now_ns`` are when
        it was rehearsed."""
        reader, transport = self._session.reader, self._session.transport
        assert reader is not None, "without a connection nothing is rehearsed"
        until_ns, deadline_ns = mono_ns + LIFE_NS, self._core.next_deadline_ns
        if deadline_ns is not None:
            left_ns = (deadline_ns - now_ns) / self._session.exchange_clock.rate
            until_ns = min(until_ns, mono_ns + int(left_ns))
        bursts = [
            (one.condition, one.row, m.bid, m.ask, m.last, one.gap, one.data)
            for one in ready
            for m in (one.intent.market,)
        ]
        # What a socket kept while the machine was suspended is no price of now.
        awake_ns = 0 if transport.virtual else until_ns + transport.asleep_ns()
        reader.armed.load(self._market, bursts, until_ns, awake_ns)
        self._loaded, self._due_ns = ready, mono_ns + RENEW_NS

    # -- firing ------------------------------------------------------------------------------

    def take(self) -> Shot | None:
        """What has left since it was armed; the others of its set are gone."""
        reader = self._session.reader
        if reader is None or reader.armed.fired < 0:
            return None
        armed, received_ns = reader.armed, reader.last_receive_ns
        took_ns = armed.leaving_ns - received_ns, armed.fired_ns - received_ns
        virtual = self._session.transport.virtual
        asked_us, answered_us = (None if virtual else one / 1000 for one in took_ns)
        condition, data, sent = armed.take()
        ready = next(one for one in self._loaded if one.condition == condition)
        assert ready.data == data, "what has left is not what was armed"
        self._loaded = ()
        return Shot(ready, data[sent:], asked_us, answered_us)


def _calm(state: State) -> bool:
    """Whether nothing is waiting or in doubt: else what is decided now may not hold."""
    if state.doubts or state.looking or state.asked_rules or state.dirty:
        return False
    return not any(one.reported == OrderReport.UNKNOWN for one in state.orders.values())


def rehearsed(core: Core, intent: ArmedIntent) -> tuple[tuple[Place, ...], bool]:
    """What a copy of the core orders when the price of an intent comes; nothing if it refuses. And
    whether its refusal stands until something but the time changes."""
    core.state.armed = (intent,)
    fired = ConditionFired(intent.number, intent.market, armed=True)
    output = core.step((fired,), intent.now_ns)
    refused = [one.reason for one in output.events if isinstance(one, RefusalEvent)]
    orders = [one for one in output.commands if isinstance(one, OrderCommand)]
    places = tuple([one for one in orders if isinstance(one, Place)])
    stands = bool(refused) and not orders and LASTING.issuperset(refused)
    return places if len(places) == len(orders) else (), stands


def _encoded(link: Link, places: tuple[Place, ...], instrument: Instrument) -> bytes:
    """Their bytes; none if they cannot be written: the ordinary way tells why."""
    try:
        return b"".join([link.order_frame(place, instrument) for place in places])
    except (ValueError, UserError):
        return b""


def _distance(watch: Watch, market: tuple[Any, ...]) -> float | None:
    """How far the price has to go until the watch fires, as a part of the level; None if there is
    no price. ``market`` is a row of it as it stands."""
    price: float | None = market[_PLACES[watch.field]]
    if price is None:
        return None
    return (watch.level - price if watch.op in ("above", "over") else price - watch.level) / (
        watch.level
    )


def _moved(watch: Watch, market: MarketView) -> MarketView:
    """The market with the watched price at its level, and the others as far from it as now. The
    tick that brings it there makes it fresh."""
    by = exact(watch.level) - exact(getattr(market, watch.field))

    def moved(price: float | None) -> float | None:
        return None if price is None else float(exact(price) + by)

    return attrs.evolve(
        market,
        bid=moved(market.bid),
        ask=moved(market.ask),
        last=moved(market.last),
        quote_age_ns=0,
    )
