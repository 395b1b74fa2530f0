"""Sets of answers to the open questions that stand for something, by name."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import attrs

from engine.errors import ConfigError
from engine.sim.policies import Policies, draw

DRAWN: Final = "draw"  # instead of a name: a profile of the seed
_SECOND_NS: Final = 1_000_000_000
# What IB's documents say of an account with a hundred lines of market data.
_LIMITS: Final = {
    "market_lines": 100,
    "tick_streams_max": 5,
    "messages_per_s": 50,
    "history_pacing": True,
}


@attrs.frozen
class Profile:
    """What it stands for, and where it differs from the default."""

    meaning: str
    answers: Mapping[str, Any]


PROFILES: Final[Mapping[str, Profile]] = {
    "default": Profile(
        "what IB documents where it does, and else what is seen most; no limit but that of market "
        "data lines",
        {},
    ),
    "paper": Profile(
        "a paper account at a TWS as installed: the documented limits, buying power is checked, a "
        "time in force that was left out is announced",
        {**_LIMITS, "margin": "refuse", "tif_notice": True},
    ),
    "strict": Profile(
        "whatever may be refused is refused, and three seconds of too many messages end the "
        "connection",
        {
            **_LIMITS,
            "tick_streams_max": 3,
            "over_rate": "disconnect",
            "margin": "refuse",
            "oca_modify": "refuse_keep",
            "oca_modify_stripped": "refuse",
            "oca_reuse": "refuse",
            "empty_account": "oca_refused",
            "active_orders_max": 15,
            "tif_notice": True,
        },
    ),
    "adverse": Profile(
        "of all answers that have been seen those that leave a position without protection: legs "
        "of the wrong size, siblings that are not told, changes that cost the order",
        {
            "child_activation": "on_partial_full_size",
            "children_on_parent_cancel": "cancel",
            "child_quantity": "force_parent",
            "oca3_same_tick": "overfill",
            "oca_on_cancel": "cancel_all",
            "oca_siblings": "forget",
            "oca_modify": "refuse_cancel",
            "oca_modify_stripped": "refuse",
            "child_modify": "refuse",
            "tif_preset": "DAY",
            "stop_status": "Submitted",
            "rejected_status": "none",
            "pending_cancel": True,
            "late_cancel": "135",
        },
    ),
    "slow": Profile(
        "everything that may take time takes it: fills come between a wish and its effect",
        {
            "oca_delay_ns": _SECOND_NS // 5,
            "modify_delay_ns": _SECOND_NS // 5,
            "cancel_delay_ns": _SECOND_NS,
            "pending_cancel": True,
        },
    ),
    "delayed": Profile(
        "an account without subscriptions of market data: quotes of a quarter of an hour ago for "
        "those who ask for them, and no ticks",
        {"market_data": "delayed"},
    ),
}


def policies(
    profile: str = "default", chosen: Mapping[str, Any] | None = None, seed: int = 0
) -> Policies:
    """The policies of a profile, or of the seed, with single answers on top.

    Raises:
        ConfigError: an unknown profile, with those there are, or a wrong answer.
    """
    single = dict(chosen or {})
    if profile == DRAWN:
        return draw(seed, **single)
    found = PROFILES.get(profile)
    if found is None:
        known = ", ".join([*PROFILES, DRAWN])
        raise ConfigError(f"profile {profile!r}: the profiles are {known}")
    return Policies(**(dict(found.answers) | single))
