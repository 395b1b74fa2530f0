"""Twelve trades that every fault is tried on, each in a market that moves only when it is told to.

Seconds count from the opening. Nothing is drawn: a quiet quote around 100, and gaps.
"""

from __future__ import annotations

from typing import Any

from engine.campaign.scenario import Scenario, prompt

CALM_FROM_S = 450  # nothing is prompted after this, and faults stop
_LONG = "+40s signal IBM BUY 0.9"


def _canon(*lines: str, **strategy: Any) -> Scenario:
    """Lines of prompts, and of faults that belong to the story."""
    settings = {
        "sizing": {"shares": 100},
        "stop": {"percent": 1.0},
        "target": {"percent": 2.0},
        "cooldown_s": 0.0,
        **strategy,
    }
    prompts = [one for one in lines if not one.startswith("fault ")]
    return Scenario(
        seed=1,
        mode="liveness",
        hours=2 * CALM_FROM_S / 3600,
        symbols=("IBM",),
        rate=0.5,
        volatility=0.0,
        price=100.0,
        settings={"strategy": settings},
        prompts=tuple(prompt(one) for one in prompts),
        faults=tuple(one.removeprefix("fault ") for one in lines if one.startswith("fault ")),
    )


CANON = {
    "bracket won": _canon(_LONG, "+120s gap IBM 2.50"),
    "bracket lost": _canon(_LONG, "+120s gap IBM -1.50"),
    "partial entry": _canon(_LONG, "+200s gap IBM -1.50", sizing={"shares": 3000}),
    "scale-in twice": _canon(
        _LONG, "+100s gap IBM 0.70", "+160s gap IBM 0.70", "+240s gap IBM -3.00",
        scale_in={"trigger_percent": 0.5, "portion": 50, "times_max": 2},
    ),
    "double-down": _canon(
        _LONG, "+100s gap IBM -0.60", "+200s gap IBM 3.50", double_down={"levels": [0.5]}
    ),
    "trail": _canon(
        _LONG, "+100s gap IBM 2.00", "+200s gap IBM -1.50", trailing={"percent": 1.0}, target=[]
    ),
    "reversal": _canon(_LONG, "+120s signal IBM SHORT 0.9", "+240s gap IBM 1.50"),
    "end of day": _canon(_LONG, close_before_end_s=23_400.0 - 200.0),
    "restarts": _canon(
        "+20s kill 3", _LONG, "+100s kill 5", "+158s kill 5", "+160s gap IBM -1.50"
    ),
    "by hand": _canon(
        _LONG, "+200s gap IBM -1.50",
        "fault +80s order-by-hand IBM BUY 50", "fault +120s cancel-by-hand types=STP",
    ),
    "rejections": _canon(
        _LONG, "+60s signal IBM BUY 0.9", "+150s gap IBM -1.50",
        "fault order:1 reject", "fault order:5 reject",
    ),
    "kill switch": _canon(
        _LONG, "+120s halt 3", "+160s resume", "+200s signal IBM SHORT 0.9", "+280s gap IBM -2.50"
    ),
}  # fmt: skip
