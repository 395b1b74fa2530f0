"""Everything the core knows, in one place, and how to find things in it.

One copy of each truth: orders are found here, contexts own them, positions are folds inside the
contexts. The whole is plain data, so it can be copied, hashed and rebuilt from the journal.
"""

from __future__ import annotations

import hashlib
from decimal import Decimal
from functools import cache
from typing import Any, Final

import attrs

from engine.commands import Watch
from engine.config import Config
from engine.contexts import Context
from engine.deadlines import Deadlines
from engine.events import BaseEvent
from engine.groups import Group, Past
from engine.inputs import ArmedIntent, Instrument
from engine.money import FAR, ZERO, exact
from engine.orders import Order
from engine.recent import Recent
from engine.records import frozen
from engine.rules import Leaf, Rule
from statecharts.vocabulary import SessionState

ORDER_ID_MAX: Final = 2**31 - 1
ORDER_IDS_LEFT: Final = 1 << 20  # more than a journal ever uses
DAY_NS: Final = 86_400_000_000_000
SIGNALS_KEPT_NS: Final = DAY_NS  # or as long as they would be fresh, if that is longer
NOBODY: Final = 0  # in place of the number of a context or a group
EXECUTIONS_KEPT_NS: Final = 10 * DAY_NS  # TWS repeats those of up to seven days


@attrs.define(slots=True)
class Round:
    """One round of asking the broker for the truth.

    It counts only if every kind that was asked ended in the epoch in which it was asked.
    """

    epoch: int = 0
    started_ns: int = 0
    waiting: set[str] = attrs.field(factory=set)
    seen: set[int] = attrs.field(factory=set)  # order ids the broker listed
    positions: dict[int, Decimal] = attrs.field(factory=dict)  # by con_id, our account
    running: bool = False


@frozen
class Halt:
    """The kill switch as it holds: its level, who pulled it and why."""

    level: int
    who: str
    why: str
    since_ns: int


@frozen
class Asked:
    """A rule that was woken and waits for the market of the moment."""

    rule_id: str
    event: BaseEvent | None
    fired: tuple[Leaf, ...]


@frozen
class Suspicion:
    """Shares by which the broker differed from us in one round, what we held just then, since when
    it differs by so many, and since when it differs at all from just this holding."""

    difference: Decimal
    held: Decimal
    since_ns: int
    began_ns: int


@frozen
class Early:
    """Executions of others that were told before we first looked at what they hold, those that
    were told later, and those of the latter that seem to have been there when we looked: the
    signed shares of each, the latest last. When we looked, or last thought otherwise of it."""

    shares: tuple[Decimal, ...] = ()
    later: tuple[Decimal, ...] = ()
    contained: tuple[Decimal, ...] = ()
    looked_ns: int = 0


@attrs.define(slots=True)
class State:
    config: Config
    run: str = ""
    tag: str = ""  # begins every order reference of this journal
    session: int = SessionState.IDLE
    epoch: int = 0
    day_start_ns: int = 0  # when the session first was live on the exchange's present day
    account: str = ""
    client_id: int = 0
    next_order_id: int = 1
    highest_sent: int = 0  # order id
    next_number: int = 1  # of contexts and groups
    sequence: int = 0  # of events
    instruments: dict[str, Instrument] = attrs.field(factory=dict)
    symbols: dict[int, str] = attrs.field(factory=dict)  # by con_id
    orders: dict[int, Order] = attrs.field(factory=dict)
    by_ref: dict[str, Order] = attrs.field(factory=dict)
    by_perm: dict[int, Order] = attrs.field(factory=dict)
    contexts: dict[int, Context] = attrs.field(factory=dict)  # until their grace is over
    current: dict[str, Context] = attrs.field(factory=dict)  # the one that is not settled
    shares: dict[str, Decimal] = attrs.field(factory=dict)  # what all executions make, by symbol
    groups: dict[int, Group] = attrs.field(factory=dict)
    direct_past: dict[str, Past] = attrs.field(factory=dict)  # of groups no longer here, by symbol
    references: dict[str, int] = attrs.field(factory=dict)  # of host requests -> number
    used_references: Recent = attrs.field(factory=Recent)  # those of what is forgotten -> its kind
    execution_owner: Recent = attrs.field(factory=Recent)  # identity -> context, group, or nobody
    early_commissions: dict[str, Decimal] = attrs.field(factory=dict)
    consumed: Recent = attrs.field(factory=Recent)  # signal identities
    rules: tuple[Rule, ...] = ()  # in the order in which they are asked
    profit_rules: tuple[Rule, ...] = ()  # of these, those that a profit wakes
    event_rules: tuple[Rule, ...] = ()  # and those that an event of the core wakes
    asked_rules: dict[str, tuple[Asked, ...]] = attrs.field(factory=dict)  # by symbol
    closing_margins: dict[str, int] = attrs.field(factory=dict)  # ns before the session's end
    cooldown_until: dict[str, int] = attrs.field(factory=dict)  # by rule (or group) and symbol
    executions_today: dict[str, tuple[int, int]] = attrs.field(factory=dict)  # (session end, count)
    followed: dict[str, tuple[str, ...]] = attrs.field(factory=dict)  # indicators, by symbol
    watches: dict[str, Watch] = attrs.field(factory=dict)  # by who wants them
    watch_names: dict[int, str] = attrs.field(factory=dict)
    next_watch: int = 1
    armed: tuple[ArmedIntent, ...] = ()  # of which one may have left since the latest step
    looking: dict[str, tuple[str, ...]] = attrs.field(factory=dict)  # symbol -> what for
    halt: Halt | None = None
    frozen: dict[str, str] = attrs.field(factory=dict)  # symbol -> why
    told: Recent = attrs.field(factory=Recent)  # warnings given once
    suspects: dict[str, Suspicion] = attrs.field(factory=dict)  # by symbol, until a round agrees
    foreign_of: str = ""  # the account of which these are
    foreign: dict[int, Decimal] = attrs.field(factory=dict)  # shares at the broker not ours
    foreign_found: dict[int, Decimal] = attrs.field(factory=dict)  # when we first looked
    foreign_early: dict[int, Early] = attrs.field(factory=dict)  # until a later look agrees
    foreign_fills: Recent = attrs.field(factory=Recent)  # identity -> revision, shares
    # Alive, by permanent id: symbol and side.
    foreign_orders: dict[int, tuple[str, str]] = attrs.field(factory=dict)
    account_values: dict[str, str] = attrs.field(factory=dict)
    account_told_ns: int = 0  # when the account was last told about
    entry_times: dict[str, tuple[int, ...]] = attrs.field(factory=dict)  # of trades, by symbol
    stop_out_times: dict[str, tuple[int, ...]] = attrs.field(factory=dict)
    order_times: list[int] = attrs.field(factory=list)  # of the last minute
    round: Round = attrs.field(factory=Round)
    oca_amendable: bool = True  # until the broker refuses to revise a member of a group
    doubts: bool = False  # a new round of truth is wanted
    ask_from_ns: int = 0  # not before this
    ask_pause_s: float = 0.0
    dirty: set[int] = attrs.field(factory=set)  # contexts and groups to settle in this step
    deadlines: Deadlines = attrs.field(factory=Deadlines)

    @property
    def live(self) -> bool:
        return self.session == SessionState.LIVE

    def scaled(self, seconds: float) -> int:
        """Real seconds in exchange nanoseconds (a simulated exchange may run faster)."""
        return int(seconds * self.config.broker.clock_rate * 1_000_000_000)

    def account_value(self, key: str) -> Decimal | None:
        """What the broker last told of the account, in the currency that the account is kept
        in; None if it has not, or has told no number that could be one."""
        name = f"{self.account}:{key}:"
        told = next((v for one, v in self.account_values.items() if one.startswith(name)), None)
        try:
            number = exact(told) if told is not None else None
        except ValueError:
            return None  # whatever it is, it is no number to judge by
        return None if number is None or abs(number) >= FAR else number

    def take_order_id(self) -> int:
        """A new order id, strictly above all that this journal ever used or saw."""
        number = self.next_order_id
        assert number < ORDER_ID_MAX, "order ids are used up"
        self.next_order_id = number + 1
        return number

    def pass_order_id(self, number: int) -> bool:
        """The broker has used this order id: ours are above it. False if hardly any are left there:
        somebody has used the last ones, or the message is damaged; then ours go on as they are,
        because without a number no share can be protected."""
        if number > ORDER_ID_MAX - ORDER_IDS_LEFT:
            return False
        self.next_order_id = max(self.next_order_id, number + 1)
        return True

    def take_number(self) -> int:
        number = self.next_number
        self.next_number = number + 1
        return number

    def find(self, order_id: int, client_id: int, perm_id: int, order_ref: str) -> Order | None:
        """The order a broker message is about.

        Our own reference is the surest; then the broker's permanent id; the order id only from
        our own client, because TWS has handed out ids twice after a restart.
        """
        if order_ref:
            order = self.by_ref.get(order_ref)
            if order is not None or not self.ours(order_ref):
                return order
        if perm_id and (order := self.by_perm.get(perm_id)) is not None:
            return order
        if client_id == self.client_id and not order_ref and order_id > 0:  # below: a person's
            return self.orders.get(order_id)
        return None

    def ours(self, order_ref: str) -> bool:
        """Whether a reference was given by this journal."""
        return bool(self.tag) and order_ref.startswith(f"{self.tag}-")

    def first_told(self, warning: str, now_ns: int) -> bool:
        """Whether this warning was not given in the last days; now it is."""
        known = warning in self.told
        self.told.keep(warning, True, now_ns, EXECUTIONS_KEPT_NS)
        return not known

    def used(self, reference: str) -> bool:
        """Whether a host's request has it: each places once, whatever has become of it."""
        return reference in self.references or reference in self.used_references

    def consume(self, identity: str, now_ns: int) -> None:
        """A signal counts once, for longer than it would be fresh."""
        period_ns = max(SIGNALS_KEPT_NS, self.scaled(self.config.signals.max_age_s))
        self.consumed.keep(identity, True, now_ns, period_ns)

    def learn_perm_id(self, order: Order, perm_id: int) -> None:
        if perm_id and perm_id not in order.perm_ids:
            order.perm_ids += (perm_id,)
            self.by_perm[perm_id] = order

    def held(self, symbol: str) -> Decimal:
        """Signed shares that this engine holds of a symbol."""
        return self.shares.get(symbol, ZERO)

    @property
    def busy(self) -> set[str]:
        """Symbols of which there are shares in a trade, or of orders placed directly, or orders at
        the broker. What others have sold again of the latter is nobody's any more."""
        found = {one.symbol for one in self.contexts.values() if one.held}
        for symbol, shares in self.shares.items():
            if shares + self.foreign.get(self.instruments[symbol].con_id, ZERO):
                found.add(symbol)
        found |= {one.symbol for one in self.orders.values() if not one.dead}
        return found | {one.market.symbol for one in self.armed}  # it may have left

    def count(self, symbol: str, shares: Decimal) -> None:
        """An execution of an order of ours has moved so many, or another revision of it."""
        if total := self.held(symbol) + shares:
            self.shares[symbol] = total
        else:
            self.shares.pop(symbol, None)

    def unexplained(self, symbol: str) -> Decimal:
        """Shares by which the broker differs from us, as far as we know: zero once an execution
        came after the round that said so, because that may be what was missing."""
        suspicion = self.suspects.get(symbol)
        if suspicion is None or suspicion.held != self.held(symbol):
            return ZERO
        return suspicion.difference

    def needs(self, order: Order) -> bool:
        """Whether an order that was given up, and lives, must not be taken back yet."""
        context = self.contexts.get(order.owner)
        return context is not None and context.needs(order)

    def touch(self, order: Order) -> None:
        """The owner of an order has something to settle in this step."""
        self.dirty.add(order.owner)

    def touch_all(self) -> None:
        self.dirty.update(self.contexts, self.groups)

    def digest(self) -> str:
        """A hash of everything that matters: equal states have equal digests."""
        return hashlib.blake2b(repr(_plain(self)).encode(), digest_size=16).hexdigest()


_ATOMS: Final = frozenset({str, int, bool, float, type(None)})


@cache
def _names(kind: type[Any]) -> tuple[str, ...] | None:
    """Of the fields that count; None of what has none."""
    if not attrs.has(kind):
        return None
    return tuple(one.name for one in attrs.fields(kind) if one.name not in {"by_ref", "by_perm"})


def _plain(value: Any) -> Any:
    """Nested tuples with a stable order, whatever the insertion order of sets was."""
    kind = type(value)
    if kind in _ATOMS:
        return value
    if (names := _names(kind)) is not None:  # type: ignore[arg-type]
        return tuple((name, _plain(getattr(value, name))) for name in names)
    if isinstance(value, dict):
        return tuple((key, _plain(item)) for key, item in value.items())
    if isinstance(value, (set, frozenset)):
        return tuple(sorted(map(repr, value)))
    if isinstance(value, (list, tuple)):
        return tuple(_plain(item) for item in value)
    return str(value) if isinstance(value, Decimal) else value
