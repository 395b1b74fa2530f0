"""Situations by chance: settings, prompts and ways of a broker that nobody has put together.

The catalogue has one theme in each of its situations. What goes wrong where two of them meet is
found here: a seed makes a situation, always the same one.
"""

from __future__ import annotations

import json
import random
import re
from collections.abc import Iterable
from decimal import Decimal
from typing import Any, Final, get_args

from engine.verify.situation import SIZES, Extra, Prompt, Side, Situation
from engine.verify.tickets import Rules

_NAME: Final = re.compile(r"drawn-(\d{1,9})(?:-(long|short))?")
_SIDES: Final[tuple[Side, Side]] = "long", "short"
_SETTINGS: Final[tuple[dict[str, Any], ...]] = (
    {"target": [{"percent": 10}, {"percent": 20}]},
    {"target": [{"percent": 10, "portion": 50}]},
    {"double_down": {"levels": [0.5]}},
    {"double_down": {"levels": [0.25, 0.5]}},
    {"double_down": {"levels": [0.5], "reanchor": "average"}},
    {"double_down": {"levels": [0.5], "multiplier": 2}},
    {"scale_in": {"trigger_percent": 2, "shares": 1}},
    {"scale_in": {"trigger_percent": 2, "shares": 2, "times_max": 2, "reanchor": "keep"}},
    {"trailing": {"percent": 5}},
    {"trailing": {"amount": 5}},
    {"resize": "replace"},
    {"stop_unfilled_after_s": 5.0},
    {"entry_partial_timeout_s": 1.0, "entry_partial": "flatten"},
    {"entry_partial_timeout_s": 1.0, "entry_partial": "keep"},
    {"late_fill": "protect"},
    {"entry": {"type": "limit", "offset": {"percent": 1}}},
    {"entry": {"type": "stop", "offset": {"percent": 1}}},
    {"on_opposite": "close"},
    {"foreign_orders": "freeze"},
    {"foreign_orders": "adopt"},
    SIZES,
)
_RULES: Final[tuple[dict[str, Any], ...]] = (
    {"fill_price": Decimal("100.50")},
    {"slow": True},
    {"forced": True},
    {"oca_cancels": True},
    {"children_survive": False},
    {"whole_parent": True},
)
_PROMPTS: Final[tuple[tuple[Prompt, ...], ...]] = (
    ("signal",),
    ("signal", "signal"),
    ("signal", "close"),
    ("signal", "close", "signal"),
    ("signal", "opposite"),
    ("signal", "opposite", "close"),
    ("signal", "opposite", "signal"),
    ("signal", "halt", "resume"),
    ("signal", "take_back"),
    ("signal", "opposite", "take_back", "resume", "signal"),
    ("signal", "flatten", "resume"),
    ("signal", "opposite", "flatten", "resume", "opposite"),
    ("bracket", "cancel"),
    ("bracket", "close"),
    ("bracket", "opposite"),
    ("oco", "signal", "cancel"),
    ("signal", "oco", "close", "flatten"),
)
_SIZED: Final[tuple[tuple[Prompt, ...], ...]] = (
    ("signal", "reduce"),
    ("signal", "grow", "reduce"),
    ("signal", "reduce", "grow", "close"),
    ("signal", "grow", "opposite"),
)
_EXTRAS: Final[tuple[Extra, ...]] = get_args(Extra)
_LIMITS: Final = None, None, None, 250, 320  # of the account


def drawn(seed: int) -> Situation:
    """The situation of this seed. Where stops are refused as its theme nothing else goes wrong."""
    chance = random.Random(f"situation {seed}")
    settings: dict[str, Any] = {}
    for setting in chance.sample(_SETTINGS, chance.choice((0, 1, 1, 2, 2, 3))):
        settings |= setting
    rules: dict[str, Any] = {}
    for rule in chance.sample(_RULES, chance.choice((0, 0, 1, 1, 2))):
        rules |= rule
    refused = chance.choice((0, 0, 0, 3))
    extra: Iterable[Any] = chance.sample(_EXTRAS, chance.choice((0, 0, 1, 1, 2)))
    return Situation(
        name=f"drawn-{seed}",
        about="by chance",
        side=chance.choice(_SIDES),
        prompts=chance.choice(_SIZED if "rules" in settings else _PROMPTS),
        begun=chance.choice((0, 0, 1)),
        shares=chance.choice((1, 2, 2, 3)),
        target=chance.choice((True, True, False)),
        faults=0 if refused else chance.choice((1, 1, 2, 2)),
        extra=extra,
        patience=chance.choice((0, 1, 1, 2)),
        stops_refused=refused,
        fires=chance.choice((0, 0, 1, 2)),
        strangers=chance.choice((0, 1)) if "foreign_orders" in settings else 0,
        sessions=chance.choice((False, False, False, True)),
        gross_max=chance.choice(_LIMITS),
        ends_after_s=chance.choice((None, None, None, 62.5)),
        settings=json.dumps(settings),
        rules=Rules(**rules),
    )


def drawn_as(name: str) -> Situation | None:
    """The one of this name, with its side or without; None: it is no name of one."""
    match = _NAME.fullmatch(name)
    found = None if match is None else drawn(int(match[1]))
    return found if found is not None and name in (found.name, found.full_name) else None
