"""Everything that can happen to the core, as frozen records.

The core is a function of these and of ``now_ns``; the journal stores them; replay feeds them
again. Times are UTC nanoseconds of the exchange's clock. Quantities and order prices are exact.
Nothing here knows how a message looked on the wire.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Final, Literal

from engine.money import CENTS, Grid
from engine.records import frozen

Side = Literal["BUY", "SELL"]
SignalKind = Literal["BUY", "SELL", "SHORT", "NEUTRAL"]
SnapshotKind = Literal["open_orders", "executions", "completed_orders", "positions"]
ACCOUNT_KEYS: Final = frozenset({"NetLiquidation", "BuyingPower"})


@frozen
class Instrument:
    """A contract as the broker defined it, with what trading it needs.

    ``sessions`` are regular trading hours as (open, close) UTC nanoseconds, ascending.
    """

    symbol: str
    con_id: int
    sec_type: str = "STK"
    exchange: str = "SMART"
    primary_exchange: str = ""
    currency: str = "USD"
    local_symbol: str = ""
    trading_class: str = ""
    time_zone: str = "America/New_York"
    grid: Grid = CENTS
    lot: Decimal = Decimal(1)
    sessions: tuple[tuple[int, int], ...] = ()


@frozen
class Reading:
    """What an indicator says, as of the newest complete bar; None: it is not warm."""

    name: str  # with its parameters: ema(20)
    value: float | None
    before: float | None  # of the bar before
    bars: int  # that it has taken


@frozen
class MarketView:
    """What the market looked like when something was decided; part of the decision's record."""

    symbol: str
    bid: float | None = None
    ask: float | None = None
    last: float | None = None
    quote_age_ns: int | None = None  # None: never quoted
    atr: float | None = None  # None: not warm
    halted: bool = False
    live: bool = True  # False: delayed, frozen or a broken farm
    shortable: int = 0  # by the broker's word: 0 unknown, 1 no, 2 if shares are located, 3 yes
    indicators: tuple[Reading, ...] = ()  # those that the rules of the symbol ask for

    def price(self, side: Side) -> float | None:
        """The price a market order of ``side`` would meet, else the last trade."""
        return (self.ask if side == "BUY" else self.bid) or self.last


@frozen
class Input:
    """Base of all inputs."""


# -- decisions from outside ------------------------------------------------------------------


@frozen
class Signal:
    """A prediction, checked by the schema and identified once for all time."""

    identity: str  # source + ticker + model time + signal
    source: str
    ticker: str
    signal: SignalKind
    confidence: float
    model_time_ns: int
    price: float | None = None


@frozen
class SignalArrived(Input):
    signal: Signal
    market: MarketView


@frozen
class SignalRefused(Input):
    """Refused before it could become a Signal (schema, age, unknown ticker): on record anyway."""

    source: str
    ticker: str
    reason: str
    detail: str


@frozen
class ConditionFired(Input):
    """A watch came true; ``number`` is the one it was set with. ``armed``: what it makes us order
    has left already, by the reader's hand, as it was decided ahead."""

    number: int
    market: MarketView
    armed: bool = False


@frozen
class ArmedIntent:
    """What a rule orders when its price comes, decided ahead: as a ConditionFired with this
    ``market`` would be at ``now_ns``. Its trade and its orders have numbers of their own."""

    number: int  # of the watch
    rule: str
    market: MarketView  # with the price at its level
    now_ns: int
    context: int
    order_ids: tuple[int, ...]
    digest: str  # SHA-256 of its bytes


@frozen
class IntentsArmed(Input):
    """These may leave from now on, any one of them and once, until the next step of the core."""

    intents: tuple[ArmedIntent, ...]


@frozen
class MarketSeen(Input):
    """The answer to a LookAtMarket command."""

    market: MarketView


@frozen
class CloseRequested(Input):
    """Close what is held and end the context: of one symbol, or of all (None)."""

    symbol: str | None
    reason: str


@frozen
class BracketRequested(Input):
    """An embedding program asks for entry, stop and target directly, without rules."""

    reference: str  # the caller's name for it, unique
    symbol: str
    side: Side
    quantity: Decimal
    stop_price: Decimal
    target_price: Decimal | None
    entry_price: Decimal | None = None  # None: market
    market: MarketView | None = None


@frozen
class OcoLeg:
    side: Side
    order_type: Literal["LMT", "STP"]
    price: Decimal


@frozen
class OcoRequested(Input):
    """Two orders of which one may fill."""

    reference: str
    symbol: str
    quantity: Decimal
    legs: tuple[OcoLeg, OcoLeg]
    market: MarketView | None = None


@frozen
class CancelRequested(Input):
    """Cancel whatever of ``reference`` (a bracket or OCO placed directly) has not filled."""

    reference: str


@frozen
class OrderRequested(Input):
    """One order placed directly, without protection: its shares are the caller's.

    ``price`` is the limit of an LMT, the trigger of a STP; a MKT has none.
    """

    reference: str
    symbol: str
    side: Side
    quantity: Decimal
    order_type: Literal["MKT", "LMT", "STP"]
    price: Decimal | None = None
    tif: Literal["DAY", "GTC"] = "DAY"
    market: MarketView | None = None  # filled in by the runtime


@frozen
class RuleChanged(Input):
    """A rule is added or replaced (``rule`` is its JSON), removed, enabled or disabled."""

    change: Literal["add", "replace", "remove", "enable", "disable"]
    rule_id: str
    rule: str = ""
    keep_counters: bool = False  # of a replaced rule: its cooldown and its day's count


@frozen
class SettingsChanged(Input):
    """Other settings from here on, for rules and for trades that begin; a trade under way goes on
    as it began."""

    settings: str  # the canonical JSON of all of them, so replay needs no file
    source: str  # the file they stand in, or who gave them
    digest: str  # SHA-256 of that file


@frozen
class HaltRequested(Input):
    """The kill switch, at ``level`` 1 to 3 (see ``engine.halts``)."""

    level: int
    who: str
    why: str


@frozen
class ResumeRequested(Input):
    """A person lets trading begin again."""

    who: str
    why: str


@frozen
class Noticed(Input):
    """Something that the writer has seen beside the core, and that a person should know."""

    level: Literal["info", "warning", "critical"]
    text: str


# -- the broker ------------------------------------------------------------------------------


@frozen
class InstrumentDefined(Input):
    instrument: Instrument


@frozen
class SessionChanged(Input):
    """A step of the broker session's chart, decided by the broker layer.

    ``epoch`` numbers the connections of this journal; snapshots count only within one.
    """

    event: str  # a SessionEvent's name
    epoch: int
    detail: str = ""


@frozen
class OrderIdGranted(Input):
    next_order_id: int


@frozen
class AccountsListed(Input):
    accounts: tuple[str, ...]


@frozen
class OrderOpened(Input):
    """openOrder: the broker's own copy of an order. ``status`` may be empty in text frames."""

    order_id: int
    perm_id: int
    client_id: int
    parent_id: int
    order_ref: str
    account: str
    con_id: int
    symbol: str
    action: str
    quantity: Decimal
    order_type: str
    limit_price: Decimal | None
    aux_price: Decimal | None
    tif: str
    oca_group: str
    oca_type: int
    status: str
    trail_stop_price: Decimal | None = None  # of a TRAIL: where its stop is now
    trail_percent: Decimal | None = None


@frozen
class OrderStatusReported(Input):
    order_id: int
    perm_id: int
    client_id: int
    parent_id: int
    status: str
    filled: Decimal
    remaining: Decimal
    average_price: Decimal
    why_held: str


@frozen
class ExecutionReported(Input):
    """execDetails. ``execution_id`` without its last dotted part names the fill; that part, the
    revision. ``time_text`` is kept as TWS wrote it: a fill is never dropped for its time."""

    execution_id: str
    order_id: int
    perm_id: int
    client_id: int
    order_ref: str
    account: str
    con_id: int
    symbol: str
    side: Side
    quantity: Decimal
    price: Decimal
    cumulative_quantity: Decimal
    exchange: str
    time_text: str
    liquidation: bool
    request_id: int = -1  # -1: live; else the answer to that reqExecutions


@frozen
class CommissionReported(Input):
    execution_id: str
    commission: Decimal | None  # None: TWS sent its "unset"
    currency: str
    realised: Decimal | None


@frozen
class ErrorReported(Input):
    """errMsg, about an order, a request, or (-1) neither."""

    request_id: int
    code: int
    text: str


@frozen
class PositionReported(Input):
    account: str
    con_id: int
    symbol: str
    quantity: Decimal
    average_cost: Decimal


@frozen
class AccountValue:
    key: str
    value: str
    currency: str


@frozen
class AccountReported(Input):
    """What came together about an account: of its values those in ``ACCOUNT_KEYS``, all that is
    judged by here. Without any of them it still says that the broker has told."""

    account: str
    values: tuple[AccountValue, ...]


@frozen
class SnapshotStarted(Input):
    kind: SnapshotKind
    epoch: int


@frozen
class SnapshotEnded(Input):
    """The End marker of a snapshot, in the connection epoch in which it was asked."""

    kind: SnapshotKind
    epoch: int


@frozen
class TimerElapsed(Input):
    """A deadline the core had named has come; carries nothing, ``now_ns`` says it all."""


@frozen
class Started(Input):
    """The engine process begins; the first record of each run."""

    run: str
    version: str
    settings: str  # the canonical JSON of the strategy, so replay needs no file
    client_id: int
    account: str


@frozen
class Stopped(Input):
    """The engine process ends in good order."""

    reason: str
