"""What an idle writer would do with the next looks around, if time alone passed.

In virtual time a look that finds nothing need not be taken one by one: it is a few numbers that
follow prices. Whoever lets the time pass is given these numbers, moves them on as the looks would
have, and gives them back.
"""

from __future__ import annotations

import attrs


@attrs.define(kw_only=True)
class HeldLook:
    """What a look does to one symbol that is held; see ``daybook``, which knows what they mean."""

    symbol: str
    row: int
    sign: int
    quantity: float
    average: float
    realised: float
    told: float
    aside: float
    open: float
    profit: float
    peak: float
    drawdown: float
    adverse: float
    favourable: float
    trade_drawdown: float
    trade_peak: float
    samples: int
    quoted: bool
    seen: bool = False


@attrs.define(kw_only=True)
class Calm:
    """``due_ns``: when, on the monotonic clock, something but a look is due.
    ``day_ends_ns`` and ``bars_closed_ns`` are of the exchange's clock as the engine knows it;
    ``turns`` is how many looks were taken. A look at which the day's profit comes near
    ``loss_max`` or ``fall_max`` is the writer's own."""

    due_ns: int
    idle_ns: int
    bars_closed_ns: int
    bars_every_ns: int
    day_ends_ns: int
    loss_max: float
    fall_max: float
    profit: float
    peak: float
    drawdown: float
    looks: list[HeldLook]
    turns: int = 0
    looked_ns: int = 0  # monotonic: the latest one
