"""Where exploration begins: what is asked of the core, and what the broker is like."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any, Final, Literal

import attrs

from engine.verify.broker import Rules

# signal: enter on the side of the situation; opposite: a signal for the other side;
# close: the operator closes; bracket, oco: placed directly; cancel: takes those back.
Prompt = Literal["signal", "opposite", "close", "bracket", "oco", "cancel"]
Side = Literal["long", "short"]
_USUAL: Final = Rules()


@attrs.frozen(kw_only=True)
class Situation:
    """A script of prompts, each of which may come at any moment, in this order.

    ``faults`` bounds how many things go wrong on one path; ``patience``, how often a deadline
    comes although something is still on its way; ``stops_refused``, refusals of stops that are
    no faults here but the theme. The first ``begun`` prompts have been fairly carried out when
    exploration begins.
    """

    name: str
    about: str
    side: Side
    prompts: tuple[Prompt, ...]
    begun: int = 0
    shares: int = 2
    target: bool = True
    faults: int = 1
    patience: int = 1
    stops_refused: int = 0
    fires: int = 0  # how often a price that is watched for may be reached
    ends_after_s: float | None = None  # the session, so that the end of the day comes
    settings: str = "{}"  # of the strategy, beyond the usual, as JSON
    rules: Rules = _USUAL

    @property
    def sign(self) -> int:
        return 1 if self.side == "long" else -1

    @property
    def full_name(self) -> str:
        return f"{self.name}-{self.side}"


_SLIPPED: Final = Rules(fill_price=Decimal("100.50"))  # so that both exits have to be amended
_NAKED: Final = Rules(children_survive=False)
_TARGETS: Final = {"target": [{"percent": 10}, {"percent": 20}]}
_DOUBLE: Final = {"double_down": {"levels": [0.5]}}
_MOVING: Final = {"double_down": {"levels": [0.5], "reanchor": "average"}}


def _both(
    name: str,
    about: str,
    *prompts: Prompt,
    begun: int = 0,
    shares: int = 2,
    target: bool = True,
    patience: int = 1,
    stops_refused: int = 0,
    fires: int = 0,
    faults: int = 1,
    ends_after_s: float | None = None,
    settings: dict[str, Any] | None = None,
    rules: Rules = _USUAL,
) -> list[Situation]:
    sides: tuple[Side, ...] = ("long", "short")
    return [
        Situation(
            name=name,
            about=about,
            side=side,
            prompts=prompts,
            begun=begun,
            shares=shares,
            target=target,
            patience=patience,
            stops_refused=stops_refused,
            fires=fires,
            faults=faults,
            ends_after_s=ends_after_s,
            settings=json.dumps(settings or {}),
            rules=rules,
        )
        for side in sides
    ]


SITUATIONS: Final[tuple[Situation, ...]] = (
    *_both("bracket", "a market entry with stop and target", "signal"),
    *_both("slipped", "the entry fills at another price than decided", "signal", rules=_SLIPPED),
    *_both("close", "a close at any moment of an entry and its exits", "signal", "close"),
    *_both(
        "orphaned",
        "a close where the broker cancels the children of a cancelled parent",
        *("signal", "close"),
        rules=_NAKED,
    ),
    *_both("reversal", "an opposite signal at any moment", "signal", "opposite", target=False),
    *_both("oco", "two orders of which one may fill, taken back at any moment", "oco", "cancel"),
    *_both("limit", "a limit bracket placed directly, its rest taken back", "bracket", "cancel"),
    *_both("eod", "the end of the day comes whatever is under way", "signal", ends_after_s=62.5),
    *_both("refused", "stops are refused again and again", "signal", stops_refused=4),
    *_both("held", "shares are held and protected", "signal", begun=1),
    *_both("held-close", "a close of what is held", "signal", "close", begun=1),
    *_both("held-reversal", "a reversal of what is held", "signal", "opposite", begun=1),
    *_both(
        "small",
        "one share and one exit: all there is",
        "signal",
        shares=1,
        target=False,
        patience=0,
    ),
    *_both("targets", "two targets share the position", "signal", settings=_TARGETS),
    *_both(
        "targets-close",
        "a close of what two targets share",
        "signal",
        "close",
        begun=1,
        settings=_TARGETS,
    ),
    *_both("double-down", "an add rests below the entry", "signal", begun=1, settings=_DOUBLE),
    *_both(
        "double-down-close",
        "a close while an add rests or fills",
        "signal",
        "close",
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
        settings=_MOVING,
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
        "signal",
        "close",
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
    *_both("larger", "three shares, so that partial fills have a middle", "signal", shares=3),
)


def find(text: str) -> tuple[Situation, ...]:
    """Those whose name (both sides) or full name is ``text``; none when there is none."""
    return tuple(one for one in SITUATIONS if text in (one.name, one.full_name))
