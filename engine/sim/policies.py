"""What IB leaves open, is contested, or differs between accounts: one named setting each.

A policy answers a question to which the documents give no reliable answer; an engine has to be
right under every value. Tests enumerate the values (``choices``), campaigns draw them by seed
(``draw``). Labels in comments (B3, S7, ...) are those of the catalogue of broker behaviour in
docs/simulator.md; D marks a documented default, K one that is only believed.
"""

from __future__ import annotations

import random
from collections.abc import Iterable, Mapping
from decimal import Decimal, InvalidOperation
from functools import cache
from types import MappingProxyType
from typing import Any, Final, Literal, get_args, get_type_hints

import attrs

from engine.errors import ConfigError

ChildActivation = Literal["on_full", "on_partial_full_size", "on_partial_filled_size"]
ChildrenOnParentCancel = Literal["cancel", "keep_filled_size"]
ChildQuantity = Literal["keep", "force_parent"]
Oca1Partial = Literal["cancel_all", "keep"]
Oca3SameTick = Literal["reduce", "overfill"]
OcaReduction = Literal["proportional", "by_quantity"]
OcaOnCancel = Literal["keep", "cancel_all"]
OcaSiblings = Literal["apply", "forget"]
OcaReuse = Literal["refuse", "allow"]
OcaModify = Literal["allow", "refuse_keep", "refuse_cancel"]
StrippedModify = Literal["allow", "refuse"]
ChildModify = Literal["allow", "refuse"]
TifPreset = Literal["keep", "DAY"]
WaitingStatus = Literal["PreSubmitted", "PendingSubmit"]
StopStatus = Literal["PreSubmitted", "Submitted"]
RejectedStatus = Literal["Inactive", "Cancelled", "none"]
EmptyAccount = Literal["default", "oca_refused"]
Margin = Literal["ignore", "refuse"]
LateCancel = Literal["10148", "10147", "161", "135", "136"]

MarketData = Literal["live", "delayed", "none"]
Shortable = Literal["yes", "locate", "no"]
OverRate = Literal["reject", "disconnect"]

LATENESS_NS_MAX: Final = 3_600_000_000_000  # an hour: longer than any fault that is played
NO_MASTER: Final = -1
_BOUNDS: Final = {
    "active_orders_max": (1, 10_000),
    "master_client_id": (NO_MASTER, (1 << 31) - 1),
    "clients_max": (1, 1_000),
    "market_lines": (1, 10_000),
    "tick_streams_max": (1, 10_000),
    "messages_per_s": (0, 1_000_000),
}
# Settings and limits: no open questions, and so never drawn.
SETTINGS: Final = frozenset({"market_data", "shortable", "over_rate", "history_pacing"})
# Drawn last, here and by campaigns: seeds that found something go on to draw the rest as they did.
LATER: Final = ("child_modify", "waiting_status", "tif_preset")


@attrs.frozen(kw_only=True)
class Policies:
    """How this broker answers the open questions.

    Raises:
        ConfigError: a value that is not allowed; names the policy and what is.
    """

    # -- brackets (B3, B4) ---------------------------------------------------------------------
    child_activation: ChildActivation = "on_partial_filled_size"
    children_on_parent_cancel: ChildrenOnParentCancel = "keep_filled_size"
    child_quantity: ChildQuantity = "keep"
    # -- one-cancels-all (B5, B6, B7) ----------------------------------------------------------
    oca1_partial: Oca1Partial = "cancel_all"  # D: "cancel all remaining orders"
    oca3_same_tick: Oca3SameTick = "reduce"
    oca_reduction: OcaReduction = "proportional"  # D: "proportionately reduced"
    oca_on_cancel: OcaOnCancel = "keep"  # K: one member cancelled by its client
    oca_siblings: OcaSiblings = "apply"  # forget: the broker never tells the siblings
    oca_delay_ns: int = 0  # until siblings are cancelled or reduced
    oca_reuse: OcaReuse = "refuse"
    # -- modifications (finding 3, B8) ---------------------------------------------------------
    oca_modify: OcaModify = "allow"  # error 10326 otherwise
    oca_modify_stripped: StrippedModify = "allow"  # no group and no parent in the request
    modify_delay_ns: int = 0  # the old version may fill until then
    child_modify: ChildModify = "allow"  # 135 when it names a parent that has ended
    # -- statuses (S5, S6, S7) -----------------------------------------------------------------
    stop_status: StopStatus = "PreSubmitted"  # of a stop that waits for its trigger
    waiting_status: WaitingStatus = "PreSubmitted"  # until the exchange opens (S9)
    rejected_status: RejectedStatus = "Inactive"  # after error 201
    pending_cancel: bool = False
    cancel_delay_ns: int = 0  # until a cancel takes effect; a fill may come before it
    late_cancel: LateCancel = "10148"  # the error for a cancel of what has ended (F12)
    # -- checks --------------------------------------------------------------------------------
    empty_account: EmptyAccount = "default"  # oca_refused: 10224 for an OCA order without one
    tif_notice: bool = (
        False  # 10349 when an empty TIF is set to DAY; some clients take it for a death
    )
    tif_preset: TifPreset = (
        "keep"  # DAY: a preset of the user makes it of every GTC, and says 10349
    )
    margin: Margin = "ignore"  # refuse: 201 beyond the buying power
    active_orders_max: int = 20  # per contract, side and account (B11)
    closing_cutoff_ns: int = 600_000_000_000  # MOC and LOC: no later than this before the close
    # -- settings of TWS ----------------------------------------------------------------------
    master_client_id: int = NO_MASTER  # the client that hears of all orders
    clients_max: int = 32  # D: connections at once
    market_data: MarketData = "live"  # what the account has subscribed to
    shortable: Shortable = "yes"  # tick 46; no: 201 for orders that would open a short position
    market_lines: int = 100  # D: error 101 beyond; of each client
    tick_streams_max: int = 100  # error 10190 beyond; 3 or 5 are seen with 100 lines
    messages_per_s: int = 0  # error 100 beyond; 0: any number, D: half the lines
    over_rate: OverRate = "reject"  # disconnect: in the third second with too many
    history_pacing: bool = False  # D: error 162 for too many requests for small bars
    # -- account -------------------------------------------------------------------------------
    cash: Decimal = Decimal("1000000")
    margin_rate: Decimal = Decimal("0.25")
    commission_per_share: Decimal = Decimal("0.005")
    commission_min: Decimal = Decimal("1.00")  # per order
    commission_max_fraction: Decimal = Decimal("0.01")  # of the trade value; beats the minimum

    def __attrs_post_init__(self) -> None:
        allowed = choices()
        for name, kind in _hints().items():
            value = getattr(self, name)
            if name in allowed:
                if not any(type(value) is type(one) and value == one for one in allowed[name]):
                    listed = ", ".join(map(str, allowed[name]))
                    raise ConfigError(f"policy {name}: {value!r} is not one of {listed}")
            elif kind is Decimal:
                if not isinstance(value, Decimal) or not value.is_finite() or value < 0:
                    raise ConfigError(f"policy {name}: {value!r} is not a Decimal of 0 or more")
            else:
                least, most = _BOUNDS.get(name, (0, LATENESS_NS_MAX))
                if type(value) is not int or not least <= value <= most:
                    raise ConfigError(f"policy {name}: {value!r} is not between {least} and {most}")


@cache
def _hints() -> dict[str, Any]:
    return get_type_hints(Policies)


@cache
def choices() -> Mapping[str, tuple[object, ...]]:
    """Every policy with a closed set of answers, and that set, default first."""
    found: dict[str, tuple[object, ...]] = {}
    for attribute in attrs.fields(Policies):
        kind = _hints()[attribute.name]
        allowed = (False, True) if kind is bool else get_args(kind)
        if allowed:
            others = [value for value in allowed if value != attribute.default]
            found[attribute.name] = (attribute.default, *others)
    return MappingProxyType(found)


_SWITCH: Final = {"true": True, "false": False}


def answers(words: Iterable[str]) -> dict[str, Any]:
    """``NAME=VALUE`` each, as arguments of ``Policies``.

    Raises:
        ConfigError: names the policy and what is allowed.
    """
    chosen: dict[str, Any] = {}
    for word in words:
        name, equals, text = word.partition("=")
        if not equals or name not in _hints():
            known = ", ".join(sorted(_hints()))
            raise ConfigError(f"policy {word!r}: write NAME=VALUE; the names are {known}")
        chosen[name] = _value(name, text, _hints()[name])
    Policies(**chosen)  # checks the values
    return chosen


def _value(name: str, text: str, kind: Any) -> Any:
    try:
        if kind is bool:
            return _SWITCH[text.lower()]
        if kind is int:
            return int(text)
        if kind is Decimal:
            return Decimal(text)
    except (KeyError, ValueError, InvalidOperation):
        wanted = "true or false" if kind is bool else "a number"
        raise ConfigError(f"policy {name}: {text!r} is not {wanted}") from None
    return text


def draw(seed: int, **fixed: Any) -> Policies:
    """A policy profile drawn by ``seed``; keywords pin single answers."""
    stream = random.Random(f"policies/{seed}")
    drawn: dict[str, Any] = {
        name: stream.choice(values)
        for name, values in choices().items()
        if name not in SETTINGS and name not in LATER
    }
    for name in ("oca_delay_ns", "modify_delay_ns", "cancel_delay_ns"):
        drawn[name] = stream.choice((0, 0, 5_000_000, 200_000_000))
    drawn |= {name: stream.choice(choices()[name]) for name in LATER}
    return Policies(**(drawn | fixed))
