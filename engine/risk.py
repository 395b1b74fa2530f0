"""The gate: one pure function, last before a command leaves, with enumerated reasons.

``gate`` is asked about everything that could open, add or close. What opens or adds passes all
checks; what reduces risk passes only those that are marked for it, and none of these is a limit
meant for entries. The checks carry the numbers of docs/risk.md.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Final, Literal

import attrs

from engine.config import SECOND_NS, Limits
from engine.inputs import MarketView, Side
from engine.money import CENTS, FAR, ZERO, Grid
from engine.plans import PLACES_EACH, SIDE_MOST
from engine.reasons import Reason
from engine.records import frozen

Kind = Literal["entry", "add", "direct", "exit"]


@frozen
class Exposure:
    """Signed notional of shares and orders: what it comes to when everything that buys fills and
    nothing that sells does, and the other way round."""

    most: Decimal = ZERO
    least: Decimal = ZERO

    @property
    def gross(self) -> Decimal:
        return max(abs(self.most), abs(self.least))

    def __add__(self, other: Exposure) -> Exposure:
        return Exposure(self.most + other.most, self.least + other.least)


NOTHING: Final = Exposure()
NO_ORDERS: Final[Mapping[Side, int]] = {"BUY": 0, "SELL": 0}


@attrs.frozen(kw_only=True)
class Proposal:
    """What is about to be sent: an entry or add with its protection, an order placed directly,
    or an exit.

    ``price`` is what a share is expected to cost, ``risk`` what the whole trade loses if
    everything fills and every stop is hit at its price. ``both_ways``: the other side may fill
    instead, as of an OCO. Of an exit ``worst`` is what could go in all, of ``held`` signed shares;
    it may be placed directly, if it only closes what was bought or sold so.
    """

    kind: Kind
    symbol: str
    side: int
    quantity: Decimal
    price: Decimal = ZERO
    stated: tuple[Decimal, ...] = ()  # prices that were given, not computed
    limit_price: Decimal | None = None
    stop_price: Decimal | None = None
    both_ways: bool = False
    collared: tuple[tuple[Side, Decimal], ...] = ()  # limits of orders placed directly
    risk: Decimal = ZERO
    risk_before: Decimal = ZERO  # of it, what the account carries already
    orders: int = 1
    parts: int = 0  # each with exits of its own
    held: Decimal = ZERO
    worst: Decimal = ZERO

    @property
    def notional(self) -> Decimal:
        return self.quantity * self.price

    @property
    def change(self) -> Exposure:
        """What it may add on each side."""
        buys = self.notional if self.side > 0 or self.both_ways else ZERO
        sells = self.notional if self.side < 0 or self.both_ways else ZERO
        return Exposure(buys, -sells)


@attrs.frozen(kw_only=True)
class Standing:
    """Where the engine, the symbol and the account stand, worst case: everything that may fill,
    fills."""

    live: bool = True
    halted: bool = False
    frozen: bool = False
    defined: bool = True
    session_open: bool = True
    grid: Grid = CENTS
    market: MarketView | None = None
    gross: Decimal = ZERO  # notional of all symbols
    net: Exposure = NOTHING  # the same, signed
    own: Exposure = NOTHING  # of the symbol's trade, or of what was placed directly
    symbol_gross: Decimal = ZERO  # of both together
    groups: tuple[tuple[str, Decimal, Decimal], ...] = ()  # (name, notional, most) of the symbol's
    risk_at_stops: Decimal = ZERO  # lost if every stop of the account is hit
    positions: int = 0  # other symbols that have a trade, or anything that was placed directly
    reserved: Mapping[Side, int] = NO_ORDERS  # orders of it that the broker has or will be sent
    orders_last_minute: int = 0
    orders_last_second: int = 0
    entries_lately: int = 0  # of the symbol, in the window of the throttle
    stop_outs_lately: int = 0
    equity: Decimal | None = None  # None: the broker has not told
    buying_power: Decimal | None = None
    account_age_s: float | None = None
    restricted: bool = False

    def growth(self, proposal: Proposal) -> Decimal:
        """By how much the gross notional grows: not at all if it only makes less of what is
        there."""
        return max((self.own + proposal.change).gross - self.own.gross, ZERO)

    def reach(self, proposal: Proposal) -> Decimal:
        """What the symbol's trade, or what was placed directly, may come to on the side that is
        added to, however much more already waits on the other one; 0 if it only makes less of what
        is there."""
        change, after = proposal.change, self.own + proposal.change
        return max(
            after.most if change.most else ZERO, -after.least if change.least else ZERO, ZERO
        )


Check = Callable[[Proposal, Standing, Limits], Reason | None]


def gate(proposal: Proposal, standing: Standing, limits: Limits) -> Reason | None:
    """The first reason why a proposal must not leave; None when it may."""
    for check in EXIT_CHECKS if proposal.kind == "exit" else OPENING_CHECKS:
        reason = check(proposal, standing, limits)
        if reason is not None:
            return reason
    return None


def state_reason(standing: Standing) -> Reason | None:
    """Why nothing of a symbol may be opened now, whatever its price and size (G1, G2, G8)."""
    if not standing.live:
        return Reason.NOT_LIVE
    if standing.halted:
        return Reason.TRADING_HALTED
    if standing.frozen:
        return Reason.FROZEN
    if not standing.defined:
        return Reason.UNKNOWN_SYMBOL
    return None if standing.session_open else Reason.SESSION_CLOSED


def market_reason(market: MarketView | None, side: Side, limits: Limits) -> Reason | None:
    """Why no decision may rest on this view of the market; None when it may."""
    price = market.price(side) if market is not None else None
    if market is None or price is None or not 0 < price < FAR:
        return Reason.NO_PRICE  # TWS says -1, 0, NaN or the largest double when there is none
    if market.bid and market.ask and market.bid > market.ask:
        return Reason.NO_PRICE  # crossed: one of the two is wrong
    if market.halted:
        return Reason.HALTED
    if not market.live:
        return Reason.DATA_NOT_LIVE
    age_ns = market.quote_age_ns
    if age_ns is None or age_ns > limits.quote_age_max_s * SECOND_NS:
        return Reason.STALE_PRICE
    return None


# -- the checks --------------------------------------------------------------------------------


def _standing(_: Proposal, standing: Standing, __: Limits) -> Reason | None:
    return state_reason(standing)


def _session_live(_: Proposal, standing: Standing, __: Limits) -> Reason | None:
    return None if standing.live else Reason.NOT_LIVE


def _crossing(proposal: Proposal, _: Standing, __: Limits) -> Reason | None:
    """An exit is kept from one thing: that it could turn the position over."""
    return Reason.WOULD_CROSS_ZERO if proposal.worst > abs(proposal.held) else None


def _market(proposal: Proposal, standing: Standing, limits: Limits) -> Reason | None:
    if proposal.kind == "add" and proposal.limit_price is not None:
        return None  # it rests away from the market, on prices of the trade itself
    side: Side = "BUY" if proposal.side > 0 else "SELL"
    return market_reason(standing.market, side, limits)


def _restricted(_: Proposal, standing: Standing, __: Limits) -> Reason | None:
    return Reason.RESTRICTED if standing.restricted else None


def _shortable(proposal: Proposal, standing: Standing, limits: Limits) -> Reason | None:
    """Tick 46: nobody lends these shares, or only if they are located first. Where the broker
    says nothing it decides on the order itself."""
    if proposal.side > 0 or proposal.kind not in ("entry", "add") or standing.market is None:
        return None
    least = {"available": 3, "locate": 2, "nothing": 0}[limits.short_needs]
    return Reason.NOT_SHORTABLE if 0 < standing.market.shortable < least else None


def _form(proposal: Proposal, standing: Standing, _: Limits) -> Reason | None:
    if any(price <= 0 or not standing.grid.on(price) for price in proposal.stated):
        return Reason.OFF_GRID
    if proposal.quantity <= 0 or (proposal.kind in ("entry", "add") and proposal.price <= 0):
        return Reason.NO_SIZE
    return None


def _protected(proposal: Proposal, _: Standing, __: Limits) -> Reason | None:
    """Protection exists before the entry does, on the right side of it."""
    stop = proposal.stop_price
    if proposal.kind != "entry":
        return None
    if stop is None or stop <= 0 or (proposal.price - stop) * proposal.side <= 0:
        return Reason.NO_STOP
    return None


def _room(proposal: Proposal, standing: Standing, _: Limits) -> Reason | None:
    """Exits that the broker would not take any more protect nothing."""
    taken = standing.reserved["SELL" if proposal.side > 0 else "BUY"]
    parts = proposal.parts
    return Reason.NO_ROOM if parts and taken + PLACES_EACH * parts > SIDE_MOST else None


def _one_order(proposal: Proposal, standing: Standing, limits: Limits) -> Reason | None:
    if proposal.quantity > limits.order_shares_max:
        return Reason.ORDER_TOO_LARGE
    if proposal.notional > limits.order_notional_max:
        return Reason.NOTIONAL_TOO_LARGE
    limit, market = proposal.limit_price, standing.market
    quote = market.price("BUY" if proposal.side > 0 else "SELL") if market is not None else None
    if limit is not None and quote is not None and proposal.kind == "entry":
        collar = Decimal(repr(quote)) * Decimal(str(limits.collar_percent)) / 100
        if abs(limit - Decimal(repr(quote))) > collar:
            return Reason.OUTSIDE_COLLAR
    if any(_beyond_collar(side, price, market, limits) for side, price in proposal.collared):
        return Reason.OUTSIDE_COLLAR
    return None


def _beyond_collar(side: Side, price: Decimal, market: MarketView | None, limits: Limits) -> bool:
    """Whether an order would give away more than the collar: a limit that waits on its own side
    of the market may be as far away as it likes."""
    quote = market.price(side) if market is not None else None
    if quote is None:
        return False
    at = Decimal(repr(quote))
    worse = price - at if side == "BUY" else at - price
    return worse > at * Decimal(str(limits.collar_percent)) / 100


def _one_symbol(proposal: Proposal, standing: Standing, limits: Limits) -> Reason | None:
    reach, rest = standing.reach(proposal), standing.symbol_gross - standing.own.gross
    if reach and rest + reach > limits.position_notional_max:
        return Reason.NOTIONAL_TOO_LARGE
    return Reason.RISK_TOO_LARGE if proposal.risk > limits.position_risk_max else None


def _portfolio(proposal: Proposal, standing: Standing, limits: Limits) -> Reason | None:
    reach, change, own = standing.reach(proposal), proposal.change, standing.own.gross
    if reach and standing.gross - own + reach > limits.gross_notional_max:
        return Reason.GROSS_TOO_LARGE
    net, most_net = standing.net + change, limits.net_notional_max
    if (change.most and net.most > most_net) or (change.least and -net.least > most_net):
        return Reason.NET_TOO_LARGE
    if reach and any(held - own + reach > most for _, held, most in standing.groups):
        return Reason.GROUP_TOO_LARGE
    new_risk = max(proposal.risk - proposal.risk_before, ZERO)
    if standing.risk_at_stops + new_risk > limits.risk_at_stops_max:
        return Reason.RISK_TOO_LARGE
    opens = proposal.kind == "entry" or (proposal.kind == "direct" and reach)
    if opens and standing.positions + 1 > limits.positions_max:
        return Reason.TOO_MANY_POSITIONS
    return None


def _account(proposal: Proposal, standing: Standing, limits: Limits) -> Reason | None:
    """What the broker says the account can bear. Old values say nothing: then no entry, if the
    settings want them."""
    age_s = standing.account_age_s
    if limits.account_age_max_s is not None and (age_s is None or age_s > limits.account_age_max_s):
        return Reason.ACCOUNT_UNKNOWN
    equity, power, reach = standing.equity, standing.buying_power, standing.reach(proposal)
    if equity is not None:
        most = equity * Decimal(str(limits.leverage_max))
        if reach and standing.gross - standing.own.gross + reach > most:
            return Reason.LEVERAGE_TOO_HIGH
    if power is not None and standing.growth(proposal) > power:
        return Reason.BUYING_POWER
    return None


def _pace(proposal: Proposal, standing: Standing, limits: Limits) -> Reason | None:
    if standing.orders_last_minute + proposal.orders > limits.orders_per_minute_max:
        return Reason.TOO_MANY_ORDERS
    if standing.orders_last_second + proposal.orders > limits.orders_per_second_max:
        return Reason.TOO_MANY_ORDERS
    if standing.entries_lately >= limits.entries_in_window_max:
        return Reason.TOO_MANY_ENTRIES
    if standing.stop_outs_lately >= limits.stop_outs_in_window_max:
        return Reason.TOO_MANY_STOP_OUTS
    return None


OPENING_CHECKS: Final[tuple[Check, ...]] = (
    _standing,  # G1 link, G2 kill switch and frozen symbols, G8 session
    _restricted,  # G12
    _shortable,  # G12
    _market,  # G6 a fresh, live, sane quote
    _form,  # G7 grid, G4 size above zero
    _protected,  # G14
    _room,  # G4 orders on one side
    _one_order,  # G4 fat fingers, G6 collar
    _one_symbol,  # G4, G10 loss of the trade
    _portfolio,  # G5 worst case of the account
    _account,  # G13
    _pace,  # G9
)
EXIT_CHECKS: Final[tuple[Check, ...]] = (_session_live, _crossing, _form)  # G1, G5, G7
