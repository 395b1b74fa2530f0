"""What a rule does: actions as records.

*Linked* actions belong to the trade of the symbol: what they order is protected, counted and
ended with it. Every action goes through the same gates as anything else that is asked of the
core, and is refused with a reason where they say so.
"""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal
from typing import Any, Final, Literal, TypeAlias

import attrs
from attrs import field, validators

from engine.events import AlertLevel
from engine.inputs import Side
from engine.plans import Distance, DoubleDown, ScaleIn, Trade
from engine.rules.checks import as_decimal, as_tuple, is_exact, name, quantity, settings, text, word

OrderType = Literal["MKT", "LMT", "STP"]
Tif = Literal["DAY", "GTC"]
Cancelled = Literal["entries", "adds", "all"]
Closed = Literal["this", "all"]
ClosedSide = Literal["any", "long", "short"]

ACTIONS_MAX: Final = 16  # of one sequence
LOG_CHARS_MAX: Final = 500


def trade_of(trade: Trade) -> Trade:
    """Of a strategy, which is more than a trade, what makes a trade."""
    return Trade(**{one.name: getattr(trade, one.name) for one in attrs.fields(Trade)})


def _only_trade(trade: Any) -> Any:
    if type(trade) is Trade or not isinstance(trade, Trade):
        return trade
    return trade_of(trade)


def _price(_: Any, attribute: attrs.Attribute[Any], value: Any) -> None:
    if not isinstance(value, Decimal) or not is_exact(value) or value <= 0:
        raise ValueError(f"{attribute.name} must be a price above 0")


# -- of the symbol's trade ---------------------------------------------------------------------


@attrs.frozen
class LinkedCreateOrderAction:
    """Enter a trade, with its protection: BUY is long, SELL is short.

    Without ``trade`` it is made as the strategy says. What a trade on the other side means is
    its ``on_opposite``; one on the same side is left as it is.
    """

    side: Side = field(validator=word("BUY", "SELL"))
    trade: Trade | None = field(
        default=None,
        converter=_only_trade,
        validator=validators.optional(settings(Trade)),
    )


@attrs.frozen
class LinkedScaleInAction:
    """Add to the side that is held, with profit."""

    scale_in: ScaleIn = field(default=ScaleIn(), validator=settings(ScaleIn))


@attrs.frozen
class LinkedDoubleDownAction:
    """Add to the side that is held, at a loss: limit orders on the way to the stop."""

    double_down: DoubleDown = field(default=DoubleDown(), validator=settings(DoubleDown))


@attrs.frozen
class LinkedCloseAllAction:
    """Cancel what adds, close what is held, end the trade: of the rule's symbol, or of all.

    ``side`` spares trades on the other one. ``reason`` is told with the finished trade.
    """

    symbols: Closed = field(default="this", validator=word("this", "all"))
    reason: str = field(default="rule", validator=name())
    side: ClosedSide = field(default="any", validator=word("any", "long", "short"))


@attrs.frozen
class ClosePositionAction:
    """Close what is held of the rule's symbol."""

    reason: str = field(default="rule", validator=name())


@attrs.frozen
class AdjustPositionAction:
    """Hold exactly this many shares: negative is short, 0 is none. Never through zero in one
    order: another side is reached by closing first."""

    quantity: Decimal = field(converter=as_decimal, validator=quantity(signed=True))


# -- on their own ------------------------------------------------------------------------------


@attrs.frozen(kw_only=True)
class CreateOrderAction:
    """One order. ``price`` is the limit of an LMT or the trigger of a STP; a MKT has none."""

    side: Side = field(validator=word("BUY", "SELL"))
    quantity: Decimal = field(converter=as_decimal, validator=quantity())
    order_type: OrderType = field(default="MKT", validator=word("MKT", "LMT", "STP"))
    price: Decimal | None = field(
        default=None, converter=as_decimal, validator=validators.optional(_price)
    )
    tif: Tif = field(default="DAY", validator=word("DAY", "GTC"))

    def __attrs_post_init__(self) -> None:
        if (self.order_type == "MKT") != (self.price is None):
            what = "takes no price" if self.order_type == "MKT" else "needs a price"
            raise ValueError(f"an order of type {self.order_type} {what}")


@attrs.frozen(kw_only=True)
class CreateBracketOrderAction:
    """An entry with its stop and, if given, its target, each as a distance from the price.

    The entry is at the market, or at a limit by ``entry`` on the better side of the price.
    """

    side: Side = field(validator=word("BUY", "SELL"))
    quantity: Decimal = field(converter=as_decimal, validator=quantity())
    stop: Distance = field(validator=settings(Distance))
    target: Distance | None = field(default=None, validator=validators.optional(settings(Distance)))
    entry: Distance | None = field(default=None, validator=validators.optional(settings(Distance)))


@attrs.frozen
class CancelOrderAction:
    """Cancel orders that open or add, never protection: ``entries``, ``adds`` or ``all`` of the
    rule's symbol; or what was placed under a ``reference``."""

    what: Cancelled | None = field(
        default=None, validator=validators.optional(word("entries", "adds", "all"))
    )
    reference: str = field(default="", validator=name(empty=True))

    def __attrs_post_init__(self) -> None:
        if (self.what is None) == (not self.reference):
            raise ValueError("cancel takes what (entries, adds, all) or reference, one of them")


@attrs.frozen
class LogAction:
    """Tell a person: an alert of this level."""

    level: AlertLevel = field(validator=word("info", "warning", "critical"))
    text: str = field(validator=text(LOG_CHARS_MAX, empty=False))


# -- one after the other -----------------------------------------------------------------------


def _flat(actions: Any) -> Any:
    """Converter: a sequence within a sequence is part of it."""
    given = as_tuple(actions)
    if not isinstance(given, tuple):
        return given
    return tuple(
        step
        for one in given
        for step in (one.actions if isinstance(one, ActionSequence) else (one,))
    )


@attrs.frozen
class ActionSequence:
    """Actions in their order; each is done or refused by itself."""

    actions: tuple[Single, ...] = field(converter=_flat)

    @actions.validator
    def _check_actions(self, _: Any, actions: Any) -> None:
        if not isinstance(actions, tuple) or not actions:
            raise ValueError("actions must be a list of at least one action")
        if len(actions) > ACTIONS_MAX:
            raise ValueError(f"actions must be {ACTIONS_MAX} at most, not {len(actions)}")
        for one in actions:
            if not isinstance(one, Single):
                raise ValueError(f"actions must be actions, not {type(one).__name__}")
        sides = {one.side for one in actions if isinstance(one, LinkedCreateOrderAction)}
        if len(sides) > 1:
            raise ValueError("actions enter both sides: only the first would be done")


Single: TypeAlias = (
    LinkedCreateOrderAction
    | LinkedScaleInAction
    | LinkedDoubleDownAction
    | LinkedCloseAllAction
    | ClosePositionAction
    | AdjustPositionAction
    | CreateOrderAction
    | CreateBracketOrderAction
    | CancelOrderAction
    | LogAction
)
Action: TypeAlias = Single | ActionSequence

_OPENS: Final = (
    LinkedCreateOrderAction,
    LinkedScaleInAction,
    LinkedDoubleDownAction,
    AdjustPositionAction,
    CreateOrderAction,
    CreateBracketOrderAction,
)


def steps(action: Action) -> tuple[Single, ...]:
    """The single actions, in their order."""
    return action.actions if isinstance(action, ActionSequence) else (action,)


def opens(actions: Iterable[Single]) -> bool:
    """Whether any of them may add to what is held."""
    return any(isinstance(one, _OPENS) for one in actions)
