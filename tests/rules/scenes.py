"""Scenes in which conditions are judged: what is held, what is quoted, and conditions on them."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from engine.inputs import MarketView
from engine.rules import (
    PositionCondition,
    Scene,
)

NOW_NS = 1_782_000_000 * 10**9
FLAT, LONG = PositionCondition(side="flat"), PositionCondition(side="long")


def scene(**given: Any) -> Scene:
    return Scene(symbol="IBM", now_ns=NOW_NS, **given)


def held(
    shares: str, average: str, bid: float | None = None, ask: float | None = None, adds: int = 0
) -> Scene:
    quantity = Decimal(shares)
    return scene(
        held=quantity,
        side=1 if quantity > 0 else -1,
        average_price=Decimal(average),
        market=MarketView("IBM", bid, ask),
        adds=adds,
    )
