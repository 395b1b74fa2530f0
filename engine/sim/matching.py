"""Who trades, at what price and how much: pure questions about one order and its book.

The model: market and marketable limit orders take what is displayed on the other side and wait
for the next quote with the rest. An order that was not marketable rests; it trades at its own
limit when a trade prints at it (up to the size of that trade, no queue is modelled) or through
it (fully), or when the opposite quote reaches it (up to the displayed size).
Stops are elected by the last trade, which is IB's default method for stocks. An auction has one
price and takes any size.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Final

from engine.money import Grid, exact
from engine.records import frozen
from engine.sim.orders import LiveOrder
from engine.sim.records import SimOrder

_HUNDRED: Final = Decimal(100)


@frozen
class Deal:
    """One fill to be. ``display`` shares come off the quote, ``printed`` off the last trade."""

    quantity: Decimal
    price: Decimal
    added_liquidity: bool
    display: int = 0
    printed: int = 0


def elected(live: LiveOrder, since_ns: int) -> bool:
    """Whether the last trade of this session sets the order off: a stop that the market runs
    into, or a price that it comes back to."""
    book, trigger = live.book, live.trigger
    if book.last is None or trigger is None or book.last_ns < since_ns:
        return False
    rising = live.buys == live.kind.stops
    return book.last >= trigger if rising else book.last <= trigger


def pegged(live: LiveOrder, since_ns: int) -> Decimal | None:
    """Where a relative order works now: its own side of the quote, improved by its offset, no
    worse than its limit. None while that side was not shown in this session."""
    order, grid = live.order, live.book.instrument.grid
    shown = live.book.displayed(not live.buys, since_ns)
    if shown is None:
        return None
    own, offset = exact(shown[0]), order.aux_price or Decimal(0)
    cap = order.limit_price or None
    if live.buys:
        price = grid.round(own + offset, "down")
        return price if cap is None else min(price, cap)
    price = grid.round(max(own - offset, grid.increment(own)), "up")
    return price if cap is None else max(price, cap)


def trailed(order: SimOrder, last: float, grid: Grid) -> Decimal | None:
    """The stop price that ``last`` gives a trailing order, None when it would not tighten.

    Rounded away from giving up protection (a sell stop up, a buy stop down), yet at least one
    increment off the market.
    """
    market = exact(last)
    if order.trailing_percent is not None:
        distance = market * order.trailing_percent / _HUNDRED
    else:
        assert order.aux_price is not None
        distance = order.aux_price
    current = order.trail_stop_price
    increment = grid.increment(market)
    if order.action == "SELL":
        stop = min(grid.round(max(market - distance, increment), "up"), market - increment)
        return stop if stop > 0 and (current is None or stop > current) else None
    stop = max(grid.round(market + distance, "down"), market + increment)
    return stop if current is None or stop < current else None


def deal(live: LiveOrder, most: Decimal, since_ns: int, printed: bool) -> Deal | None:
    """What an order that may trade gets now; ``most`` is the size that it may still fill.

    ``since_ns`` is when the session opened, ``printed``: a trade has just happened. Marks the
    order as resting in this session when nothing crosses it; after a night it meets the opening
    afresh, because an auction gives it the better price.
    """
    limit, buys, book = live.limit, live.buys, live.book
    resting = live.rests_since_ns == since_ns
    shown = book.displayed(buys, since_ns)
    if shown is not None:
        if limit is not None and (shown[0] > limit if buys else shown[0] < limit):
            live.rests_since_ns = since_ns
        elif book.quoted or not resting:  # trades-only: a resting order waits for a print
            quantity = min(most, Decimal(shown[1]))
            if quantity > 0:
                price = live.price if resting else exact(shown[0])
                assert price is not None
                return Deal(quantity, price, resting, display=int(quantity))
    if not printed or limit is None:
        return None
    return _at_print(live, most, limit, resting, empty=shown is None)


def _at_print(
    live: LiveOrder, most: Decimal, limit: float, resting: bool, empty: bool
) -> Deal | None:
    """What the trade that has just printed gives a limit order: one that rests, or one that
    found its side of the book ``empty``."""
    book, last, price = live.book, live.book.last, live.price
    assert last is not None
    assert price is not None
    through = last < limit if live.buys else last > limit
    if resting and through:
        # The market went through our price: whoever sold lower would have met us first.
        return Deal(most, price, True)
    quantity = min(most, Decimal(book.print_left))
    if quantity > 0 and (resting or empty) and (through or last == limit):
        return Deal(quantity, exact(last), True, printed=int(quantity))
    return None


def auctioned(live: LiveOrder, most: Decimal, price: Decimal) -> Deal | None:
    """What an order gets in an auction at ``price``: all of it, or nothing beyond its limit."""
    cap = live.price
    if cap is not None and (price > cap if live.buys else price < cap):
        return None
    return Deal(most, price, added_liquidity=False)
