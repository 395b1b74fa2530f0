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
from typing import Any, Final

from engine.verify.situation import Extra, Prompt, Side, Situation
from engine.verify.tickets import Rules

_NAME: Final = re.compile(r"drawn-(\d{1,9})(?:-(long|short))?")
_SIDES: Final[tuple[Side, Side]] = "long", "short"
_SETTINGS: Final[tuple[dict[str, Any], ...]] = (
    {"target": [{"percent": 10}, {"percent": 20}]},
    {"double_down": {"levels": [0.5]}},
    {"double_down": {"levels": [0.25, 0.5]}},
    {"double_down": {"levels": [0.5], "reanchor": "average"}},
    {"scale_in": {"trigger_percent": 2, "shares": 1}},
    {"trailing": {"percent": 5}},
    {"resize": "replace"},
    {"stop_unfilled_after_s": 5.0},
    {"entry_partial_timeout_s": 1.0, "entry_partial": "flatten"},
    {"late_fill": "protect"},
    {"entry": {"type": "limit", "offset": {"percent": 1}}},
)
_RULES: Final[tuple[dict[str, Any], ...]] = (
    {"fill_price": Decimal("100.50")},
    {"slow": True},
    {"forced": True},
    {"oca_cancels": True},
    {"children_survive": False},
)
_PROMPTS: Final[tuple[tuple[Prompt, ...], ...]] = (
    ("signal",),
    ("signal", "signal"),
    ("signal", "close"),
    ("signal", "opposite"),
    ("signal", "opposite", "close"),
    ("signal", "halt", "resume"),
    ("signal", "take_back"),
    ("signal", "flatten", "resume"),
)
# Without hearsay: a word that nobody meant, told twice, may be believed the second time.
_EXTRAS: Final[tuple[Extra, ...]] = "holds", "dialogs", "corrections"
_WATCHING: Final = frozenset({"scale_in", "stop_unfilled_after_s"})  # for a price


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
    extra: Iterable[Any] = chance.sample(_EXTRAS, chance.choice((0, 0, 0, 1)))
    return Situation(
        name=f"drawn-{seed}",
        about="by chance",
        side=chance.choice(_SIDES),
        prompts=chance.choice(_PROMPTS),
        begun=chance.choice((0, 0, 1)),
        shares=chance.choice((1, 2, 2, 3)),
        target=chance.choice((True, True, False)),
        faults=0 if refused else chance.choice((1, 1, 1, 2)),
        extra=extra,
        patience=chance.choice((0, 1, 1)),
        stops_refused=refused,
        fires=chance.choice((0, 0, 1)) if settings.keys() & _WATCHING else 0,
        ends_after_s=chance.choice((None, None, None, 62.5)),
        settings=json.dumps(settings),
        rules=Rules(**rules),
    )


def drawn_as(name: str) -> Situation | None:
    """The one of this name, with its side or without; None: it is no name of one."""
    match = _NAME.fullmatch(name)
    found = None if match is None else drawn(int(match[1]))
    return found if found is not None and name in (found.name, found.full_name) else None
