"""Where one exploration begins: what is asked of the core, and what the broker is like."""

from __future__ import annotations

import json
from collections.abc import Mapping
from decimal import Decimal
from typing import Any, Final, Literal

import attrs

from engine.verify.tickets import Rules

# signal: enter on the side of the situation; opposite: a signal for the other side; reduce, grow:
# a rule wants another size; close: the operator closes; bracket, oco: placed directly; cancel:
# takes those back; halt, take_back, flatten: the kill switch at its three levels; resume.
Prompt = Literal[
    "signal",
    "opposite",
    "reduce",
    "grow",
    "close",
    "bracket",
    "oco",
    "cancel",
    "halt",
    "take_back",
    "flatten",
    "resume",
]
Side = Literal["long", "short"]
# Things that go wrong only where they are the theme. holds: an order is inactive for a while;
# dialogs: TWS keeps an order to itself until somebody confirms it; hearsay: words on an order
# that are stale or that nobody knows; corrections: an execution gets another price or is busted;
# changes: a person gives an order another size or price in TWS; revisions: no member of a group is
# amended; denials: a cancel fails; omissions: a listing leaves out an order that lives.
Extra = Literal[
    "holds", "dialogs", "hearsay", "corrections", "changes", "revisions", "denials", "omissions"
]
_USUAL: Final = Rules()
CHEAPEST: Final = 90  # what a share costs at least, wherever an order of a situation fills


def _on_signal(source: str, signal: str, then: dict[str, Any]) -> dict[str, Any]:
    where = [f"source == {source}", f"signal == {signal}"]
    when = {"kind": "event", "event": "PredictionSignalEvent", "where": where}
    return {"id": f"{source}-{signal.lower()}", "when": when, "then": then, "cooldown_s": 0}


# Rules that enter, and want another size when asked.
SIZES: Final[dict[str, Any]] = {
    "pattern": False,
    "rules": [
        _on_signal("verify", "BUY", {"kind": "enter", "side": "BUY"}),
        _on_signal("verify", "SHORT", {"kind": "enter", "side": "SELL"}),
        _on_signal("reduce", "BUY", {"kind": "adjust", "quantity": 1}),
        _on_signal("reduce", "SHORT", {"kind": "adjust", "quantity": -1}),
        _on_signal("grow", "BUY", {"kind": "adjust", "quantity": 3}),
        _on_signal("grow", "SHORT", {"kind": "adjust", "quantity": -3}),
    ],
}


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
    extra: frozenset[Extra] = attrs.field(default=frozenset(), converter=frozenset)
    patience: int = 1
    stops_refused: int = 0
    fires: int = 0  # how often a price that is watched for may be reached
    strangers: int = 0  # how often somebody else trades the symbol
    sessions: bool = False  # the link is made, lost and regained event by event
    ends_after_s: float | None = None  # the session, so that the end of the day comes
    settings: str = "{}"  # of the strategy, beyond the usual, as JSON
    gross_max: int | None = None  # limits.gross_notional_max; no share costs less than CHEAPEST
    rules: Rules = _USUAL

    @property
    def sign(self) -> int:
        return 1 if self.side == "long" else -1

    @property
    def full_name(self) -> str:
        return f"{self.name}-{self.side}"


def described(situation: Situation) -> str:
    """All that makes it another one than a plain situation, as JSON in one line: a drawn one is
    played again from this, whatever is drawn by then."""
    fields = {one.name: getattr(situation, one.name) for one in attrs.fields(Situation)}
    plain = {one.name: one.default for one in attrs.fields(Situation)} | {"extra": frozenset()}
    told = {name: value for name, value in fields.items() if value != plain[name]}
    if "rules" in told:
        usual = _USUAL._asdict()
        rules = situation.rules._asdict().items()
        told["rules"] = {name: value for name, value in rules if value != usual[name]}
    if "settings" in told:
        told["settings"] = json.loads(situation.settings)
    if "extra" in told:
        told["extra"] = sorted(situation.extra)
    return json.dumps(told, default=str)


def from_description(told: Mapping[str, Any]) -> Situation:
    """What ``described`` has told of.

    Raises:
        TypeError: a field that there is not, or none where one is needed.
    """
    rules = dict(told.get("rules", {}))
    if "fill_price" in rules:
        rules["fill_price"] = Decimal(rules["fill_price"])
    fields = dict(told) | {
        "rules": Rules(**rules),
        "settings": json.dumps(told.get("settings", {})),
    }
    return Situation(**fields | {"prompts": tuple(told["prompts"])})
