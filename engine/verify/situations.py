"""The situations in which everything is tried: a catalogue, and what is drawn beside it."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any, Final

from engine.verify.drawn import drawn_as
from engine.verify.situation import SIZES, Prompt, Side, Situation
from engine.verify.tickets import Rules


def _both(
    name: str, about: str, *prompts: Prompt, settings: dict[str, Any] | None = None, **more: Any
) -> list[Situation]:
    sides: tuple[Side, ...] = ("long", "short")
    return [
        Situation(
            name=name,
            about=about,
            side=side,
            prompts=prompts,
            settings=json.dumps(settings or {}),
            **more,
        )
        for side in sides
    ]


_ONE: Final[dict[str, Any]] = {
    "shares": 1,
    "target": False,
    "patience": 0,
}  # all there is: a share and a stop
_SLIPPED: Final = Rules(fill_price=Decimal("100.50"))  # so that both exits have to be amended
_TARGETS: Final = {"target": [{"percent": 10}, {"percent": 20}]}
_DOUBLE: Final = {"double_down": {"levels": [0.5]}}
_LIMIT: Final = {"entry": {"type": "limit", "offset": {"percent": 1}}}
_SCALE: Final = {"scale_in": {"trigger_percent": 2, "shares": 1}}


# The smallest first: what they do not need of the states goes to the others.
SITUATIONS: Final[tuple[Situation, ...]] = (
    *_both("small", "one share and one exit: all there is", "signal", **_ONE),
    *_both(
        "small-close",
        "one share, closed at any moment; the broker is slow",
        *("signal", "close"),
        **_ONE,
        rules=Rules(slow=True),
    ),
    *_both("again", "one share, and then another trade", "signal", "signal", **_ONE),
    *_both("two-faults", "one share and one exit, two things go wrong", "signal", **_ONE, faults=2),
    *_both(
        "held-faults",
        "two things go wrong with one share that is held, and closed",
        *("signal", "close"),
        **_ONE,
        begun=1,
        faults=2,
    ),
    *_both(
        "session",
        "the session event by event, around one share",
        "signal",
        **_ONE,
        sessions=True,
        faults=2,
    ),
    *_both("bracket", "a market entry with stop and target", "signal"),
    *_both("slipped", "the entry fills at another price than decided", "signal", rules=_SLIPPED),
    *_both("close", "a close at any moment of an entry and its exits", "signal", "close"),
    *_both(
        "orphaned",
        "a close where the broker cancels the children of a cancelled parent",
        *("signal", "close"),
        rules=Rules(children_survive=False),
    ),
    *_both(
        "forced",
        "the broker keeps children as large as their parent was",
        *("signal", "close"),
        rules=Rules(forced=True),
    ),
    *_both("reversal", "an opposite signal at any moment", "signal", "opposite", target=False),
    *_both("oco", "two orders of which one may fill, taken back at any moment", "oco", "cancel"),
    *_both(
        "oco-faults",
        "two orders of one share, and two things go wrong",
        *("oco", "cancel"),
        shares=1,
        patience=0,
        faults=2,
    ),
    *_both("limit", "a limit bracket placed directly, its rest taken back", "bracket", "cancel"),
    *_both("eod", "the end of the day comes whatever is under way", "signal", ends_after_s=62.5),
    *_both("refused", "stops are refused again and again", "signal", stops_refused=4),
    *_both("held", "shares are held and protected", "signal", begun=1),
    *_both("held-close", "a close of what is held", "signal", "close", begun=1),
    *_both("held-reversal", "a reversal of what is held", "signal", "opposite", begun=1),
    *_both(
        "slow",
        "orders and cancels are pending before they work",
        *("signal", "close"),
        rules=Rules(slow=True),
    ),
    *_both(
        "slow-close",
        "a close of what is held, where cancels are pending before they end",
        *("signal", "close"),
        begun=1,
        rules=Rules(slow=True),
    ),
    *_both("inactive", "an order is inactive for a while", "signal", "close", extra={"holds"}),
    *_both(
        "dialog",
        "TWS keeps an order to itself until somebody confirms it",
        *("signal", "close"),
        shares=1,
        extra={"dialogs"},
    ),
    *_both(
        "hearsay",
        "words on orders that are stale or that nobody knows",
        *("signal", "close"),
        begun=1,
        shares=1,
        extra={"hearsay"},
    ),
    *_both(
        "corrected",
        "executions get another price, or are taken back",
        *("signal", "close"),
        begun=1,
        extra={"corrections"},
    ),
    *_both(
        "cancels-all",
        "a part fill of an exit cancels the others",
        *("signal", "close"),
        begun=1,
        rules=Rules(oca_cancels=True),
    ),
    *_both("targets", "two targets share the position", "signal", settings=_TARGETS),
    *_both(
        "targets-close",
        "a close of what two targets share",
        *("signal", "close"),
        begun=1,
        settings=_TARGETS,
    ),
    *_both(
        "targets-odd",
        "two targets share three shares",
        "signal",
        shares=3,
        begun=1,
        settings=_TARGETS,
    ),
    *_both(
        "targets-limit",
        "a limit entry for two targets, closed while it is part-filled",
        *("signal", "close"),
        settings=_TARGETS | _LIMIT,
    ),
    *_both("double-down", "an add rests below the entry", "signal", begun=1, settings=_DOUBLE),
    *_both(
        "double-down-close",
        "a close while an add rests or fills",
        *("signal", "close"),
        begun=1,
        shares=1,
        settings=_DOUBLE,
    ),
    *_both(
        "double-down-moves",
        "an add that moves stop and target with the average",
        "signal",
        begun=1,
        shares=1,
        settings={"double_down": {"levels": [0.5], "reanchor": "average"}},
    ),
    *_both(
        "double-down-twice",
        "two adds, one after the other",
        "signal",
        begun=1,
        shares=1,
        target=False,
        settings={"double_down": {"levels": [0.25, 0.5]}},
    ),
    *_both(
        "double-down-reversal",
        "a reversal while an add rests or fills",
        *("signal", "opposite"),
        begun=1,
        shares=1,
        settings=_DOUBLE,
    ),
    *_both(
        "double-down-slow",
        "an add whose cancel is pending, and that fills late",
        *("signal", "close"),
        begun=1,
        shares=1,
        target=False,
        settings=_DOUBLE,
        rules=Rules(slow=True),
    ),
    *_both(
        "scale-in",
        "an add with profit, at the market",
        *("signal", "close"),
        begun=1,
        fires=1,
        settings=_SCALE,
    ),
    *_both(
        "sizes",
        "a rule wants one share, then three",
        *("signal", "reduce", "grow"),
        begun=1,
        settings=SIZES,
    ),
    *_both(
        "limited",
        "limits that leave room for three shares: a double-down is too much, a scale-in is not",
        *("signal", "grow", "opposite"),
        begun=1,
        shares=2,
        fires=2,
        gross_max=320,
        settings=_DOUBLE | _SCALE,
    ),
    *_both(
        "limited-sizes",
        "a rule wants more than the limits allow, once more room and once less",
        *("signal", "grow", "reduce", "grow"),
        begun=1,
        shares=2,
        gross_max=250,
        settings=SIZES,
    ),
    *_both(
        "trailing",
        "a trailing stop and no target",
        "signal",
        target=False,
        settings={"trailing": {"percent": 5}},
    ),
    *_both(
        "unfilled",
        "a stop that the price has passed and that may not fill",
        "signal",
        begun=1,
        fires=1,
        settings={"stop_unfilled_after_s": 5.0},
    ),
    *_both(
        "partial",
        "a part-filled entry whose time is over",
        "signal",
        settings={"entry_partial_timeout_s": 1.0, "entry_partial": "flatten"},
    ),
    *_both(
        "late",
        "late fills are protected",
        *("signal", "close"),
        begun=1,
        settings={"late_fill": "protect"},
    ),
    *_both(
        "replaced",
        "exits are replaced, never revised",
        "signal",
        rules=_SLIPPED,
        settings={"resize": "replace"},
    ),
    *_both("halted", "the kill switch, to its second level", "signal", "take_back", "resume"),
    *_both(
        "flattened",
        "the kill switch at its last level, while an add rests",
        *("signal", "flatten", "resume"),
        begun=1,
        shares=1,
        settings=_DOUBLE,
    ),
    *_both(
        "strangers",
        "somebody else trades the symbol, and is ignored",
        *("signal", "close"),
        begun=1,
        shares=1,
        strangers=2,
    ),
    *_both(
        "strangers-freeze",
        "somebody else trades the symbol, which freezes it",
        *("signal", "close"),
        strangers=1,
        settings={"foreign_orders": "freeze"},
    ),
    *_both(
        "strangers-adopt",
        "somebody else trades the symbol, and it is taken for ours",
        *("signal", "close"),
        begun=1,
        strangers=1,
        settings={"foreign_orders": "adopt"},
    ),
    *_both(
        "changed",
        "a person gives orders another size or price in TWS",
        *("signal", "close"),
        begun=1,
        extra={"changes"},
    ),
    *_both(
        "changed-entry",
        "the same while a limit entry waits",
        "signal",
        settings=_LIMIT,
        extra={"changes"},
    ),
    *_both(
        "revised",
        "no member of a group is amended, and some end when it is tried",
        "signal",
        rules=_SLIPPED,
        extra={"revisions"},
    ),
    *_both("denied", "cancels fail", "signal", "close", extra={"denials"}),
    *_both(
        "omitted",
        "a listing leaves out an order that lives",
        *("signal", "close"),
        begun=1,
        shares=1,
        extra={"omissions"},
        faults=2,
    ),
    *_both(
        "whole-parent",
        "children wait until all of their parent has filled",
        *("signal", "close"),
        rules=Rules(whole_parent=True),
    ),
    *_both("larger", "three shares, so that partial fills have a middle", "signal", shares=3),
)


def find(text: str) -> tuple[Situation, ...]:
    """Those whose name (both sides) or full name is ``text``; none when there is none."""
    if (drawn := drawn_as(text)) is not None:
        return (drawn,)
    return tuple(one for one in SITUATIONS if text in (one.name, one.full_name))
