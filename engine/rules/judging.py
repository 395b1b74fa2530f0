"""What a condition is judged on, and the judgement: it holds, or the reason why not.

Two questions, in this order. ``concerns``: is this what the rule waits for? If not, nothing
happened as far as the rule goes, and nothing is recorded. ``failing``: does the condition hold?
If not, the rule was asked and refused, with the reason of the first part that does not.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from decimal import Decimal

import attrs

from engine.events import BaseEvent
from engine.inputs import MarketView
from engine.money import ZERO, exact
from engine.reasons import Reason
from engine.records import frozen
from engine.rules import windows
from engine.rules.conditions import (
    NEVER,
    AndCondition,
    Condition,
    EventCondition,
    IndicatorCondition,
    Leaf,
    Level,
    MarketCondition,
    MarketField,
    NotCondition,
    OrCondition,
    PositionCondition,
    SessionCondition,
    TimeCondition,
    triggers_of,
)
from engine.rules.readings import compared, lacking, quoted
from engine.rules.windows import SECOND_NS


@attrs.frozen(kw_only=True)
class Scene:
    """One symbol at the moment of a decision.

    What triggered is either ``event`` or ``fired``, the conditions whose level was crossed or
    whose time began, as ``triggers`` named them. A price that fired counts as reached, whatever
    it is now; profit and time are always measured again.
    """

    symbol: str
    now_ns: int
    time_zone: str = "America/New_York"  # of the symbol's exchange
    event: BaseEvent | None = None
    fired: tuple[Leaf, ...] = ()
    market: MarketView | None = None
    side: int = 0  # of the trade under way: 1 long, -1 short, 0 none
    held: Decimal = ZERO  # signed shares
    average_price: Decimal = ZERO
    adds: int = 0  # of this trade, so far
    session_ends_ns: int | None = None  # of the session that is open now; None: closed


# -- is the rule concerned ---------------------------------------------------------------------


def concerns(condition: Condition, scene: Scene) -> bool:
    """Whether what triggered is what this condition waits for.

    Another class of event, another symbol, another kind of signal or another rule's price are
    not. A condition that can only guard does not mind: it is always concerned.
    """
    match condition:
        case EventCondition():
            return _is_about(condition, scene)
        case AndCondition():
            pairs = zip(condition.conditions, condition.leading, strict=True)
            leading = [concerns(part, scene) for part, leads in pairs if leads]
            return all(leading) if condition.needs_event else not leading or any(leading)
        case OrCondition():
            return not condition.leading or any(concerns(p, scene) for p in condition.conditions)
        case NotCondition():
            return True
        case _:
            return triggers_of(condition).rank == NEVER or condition in scene.fired


def _is_about(condition: EventCondition, scene: Scene) -> bool:
    event = scene.event
    if event is None or not isinstance(event, condition.kind):
        return False
    symbol = getattr(event, "symbol", "")  # empty or absent: about the whole engine
    if symbol and symbol != scene.symbol:
        return False
    return all(one.holds(event) for one in condition.where if one.about)


# -- does it hold ------------------------------------------------------------------------------


def failing(condition: Condition, scene: Scene) -> Reason | None:
    """None when the condition holds, else the reason of the first part that does not."""
    return _failing(condition, scene, leads=True)


def _failing(condition: Condition, scene: Scene, *, leads: bool) -> Reason | None:
    match condition:
        case EventCondition():
            return _event_reason(condition, scene)
        case PositionCondition():
            return _position_reason(condition, scene)
        case TimeCondition():
            return None if _in_window(condition, scene) else Reason.OUTSIDE_WINDOW
        case SessionCondition():
            return None if _is_ending(condition, scene) else Reason.OUTSIDE_WINDOW
        case MarketCondition():
            return None if condition in scene.fired else _market_reason(condition, scene.market)
        case IndicatorCondition():
            return None if condition in scene.fired else _indicator_reason(condition, scene.market)
        case AndCondition():
            for part, part_leads in zip(condition.conditions, condition.leading, strict=True):
                reason = _failing(part, scene, leads=leads and part_leads)
                if reason is not None:
                    return reason
            return None
        case OrCondition():
            alternatives: Iterable[Condition] = condition.conditions
            if leads and condition.leading:
                # An alternative that waits for something else is not asked now: a price that
                # has long been crossed must not act on every signal that comes.
                concerned = [one for one in alternatives if concerns(one, scene)]
                alternatives = concerned or alternatives
            reasons = [_failing(one, scene, leads=leads) for one in alternatives]
            return None if None in reasons else reasons[0]
        case NotCondition():
            truth = _truth(condition.condition, scene)
            if truth is None:
                return Reason.NOT_WARM if lacking(condition, scene.market) else Reason.NO_PRICE
            return Reason.CONDITION if truth else None


def _truth(condition: Condition, scene: Scene) -> bool | None:
    """Whether it holds, for what asks whether it does not; None: a price or an indicator that it
    asks for is not known."""
    match condition:
        case AndCondition() | OrCondition():
            found = [_truth(part, scene) for part in condition.conditions]
            decides = isinstance(condition, OrCondition)
            return decides if decides in found else None if None in found else not decides
        case NotCondition():
            truth = _truth(condition.condition, scene)
            return None if truth is None else not truth
        case _:
            reason = _failing(condition, scene, leads=False)
            return None if reason in (Reason.NOT_WARM, Reason.NO_PRICE) else reason is None


def _event_reason(condition: EventCondition, scene: Scene) -> Reason | None:
    if scene.event is None or not _is_about(condition, scene):
        return Reason.CONDITION
    for one in condition.where:
        if not one.about and not one.holds(scene.event):
            low = one.field == "confidence" and one.op in (">", ">=")
            return Reason.LOW_CONFIDENCE if low else Reason.CONDITION
    return None


def _in_window(condition: TimeCondition, scene: Scene) -> bool:
    zone = windows.zone_of(scene.time_zone)  # unknown: no time of day is known either
    return zone is not None and windows.inside(
        condition.start_s, condition.end_s, condition.weekdays, scene.now_ns, zone
    )


def _is_ending(condition: SessionCondition, scene: Scene) -> bool:
    ends_ns = scene.session_ends_ns
    return ends_ns is not None and scene.now_ns >= closing_from_ns(condition, ends_ns)


def closing_from_ns(condition: SessionCondition, session_ends_ns: int) -> int:
    """When the condition begins to hold in a session, for the core's deadline."""
    return session_ends_ns - int(exact(condition.before_end_s) * SECOND_NS)


def next_start_ns(condition: TimeCondition, now_ns: int, time_zone: str) -> int | None:
    """When the window next begins, strictly after ``now_ns``: once for each of its days.

    None when the zone is unknown. A window that the change of clocks skips altogether does not
    begin on that day.
    """
    zone = windows.zone_of(time_zone)
    if zone is None:
        return None
    return windows.next_start(condition.start_s, condition.end_s, condition.weekdays, now_ns, zone)


# -- the position ------------------------------------------------------------------------------


def _position_reason(condition: PositionCondition, scene: Scene) -> Reason | None:
    if not _on_side(condition, scene):
        return Reason.WRONG_POSITION
    quantity = abs(scene.held)
    if condition.adds_max is not None and scene.adds > condition.adds_max:
        return Reason.ADDS_USED_UP
    if condition.quantity_min is not None and quantity < condition.quantity_min:
        return Reason.CONDITION
    if condition.quantity_max is not None and quantity > condition.quantity_max:
        return Reason.CONDITION
    return _profit_reason(condition, scene)


def _on_side(condition: PositionCondition, scene: Scene) -> bool:
    match condition.side:
        case "long":
            return scene.side > 0
        case "short":
            return scene.side < 0
        case "held":
            return scene.held != 0
        case "flat":
            return scene.side == 0 and scene.held == 0
        case "any":
            return True


def _profit_reason(condition: PositionCondition, scene: Scene) -> Reason | None:
    if not condition.measures_profit:
        return None
    if scene.held == 0 or scene.average_price <= 0:
        return Reason.WRONG_POSITION
    for bound in _profit_bounds(condition, scene.held, scene.average_price):
        reason = bound.failing(scene.market)
        if reason is not None:
            return reason
    return None


@frozen
class _ProfitBound:
    """One bound of profit, as the price at which leaving would reach it. A price at or below 0
    is never seen: being below it is impossible, being above it certain."""

    field: MarketField
    op: Level
    level: Decimal
    least: bool

    @property
    def watch(self) -> MarketCondition | None:
        return MarketCondition(self.field, self.op, float(self.level)) if self.level > 0 else None

    def failing(self, market: MarketView | None) -> Reason | None:
        watch = self.watch
        if watch is not None:
            reason = _market_reason(watch, market)
        else:
            reason = Reason.CONDITION if self.op == "below" else None
        return Reason.PROFIT_TOO_SMALL if reason is Reason.CONDITION and self.least else reason


def _profit_bounds(
    condition: PositionCondition, held: Decimal, average_price: Decimal
) -> Iterator[_ProfitBound]:
    side = 1 if held > 0 else -1
    left_at: MarketField = "bid" if side > 0 else "ask"
    for percent, least in (
        (condition.profit_percent_min, True),
        (condition.profit_percent_max, False),
    ):
        if percent is not None:
            level = average_price * (100 + side * exact(percent)) / 100
            yield _ProfitBound(left_at, "above" if least == (side > 0) else "below", level, least)


def profit_watches(
    condition: PositionCondition, held: Decimal, average_price: Decimal
) -> tuple[MarketCondition, ...]:
    """The prices at which the profit comes within its bounds, for the core to watch.

    Of ``held`` the sign alone counts. They are armed while the position is held, and armed anew
    when its average price changes.
    """
    bounds = _profit_bounds(condition, held, average_price)
    return tuple(watch for bound in bounds if (watch := bound.watch) is not None)


# -- the market --------------------------------------------------------------------------------


def _market_reason(condition: MarketCondition, market: MarketView | None) -> Reason | None:
    value = quoted(condition.field, market) if market is not None else None
    if value is None:
        return Reason.NO_PRICE
    level = exact(condition.level)
    reached = value >= level if condition.op == "above" else value <= level
    return None if reached else Reason.CONDITION


def _indicator_reason(condition: IndicatorCondition, market: MarketView | None) -> Reason | None:
    holds = compared(condition, market)
    if holds is None:
        return Reason.NOT_WARM if lacking(condition, market) else Reason.NO_PRICE
    return None if holds else Reason.CONDITION
