"""How much of each limit is used, and what is left: for people, and for warnings in time."""

from __future__ import annotations

import math
from decimal import Decimal
from typing import Final

import attrs

from engine.config import Guards, Limits
from engine.daybook import DayBook
from engine.money import ZERO
from engine.portfolio import burden, orders_within
from engine.state import State

WARN_AT: Final = Decimal("0.8")


@attrs.frozen
class Use:
    """One limit. ``most`` is None where the broker has not told what it depends on."""

    name: str
    used: Decimal
    most: Decimal | None

    @property
    def share(self) -> Decimal | None:
        """1 is all of it."""
        return self.used / self.most if self.most else None

    @property
    def left(self) -> Decimal | None:
        return None if self.most is None else max(self.most - self.used, ZERO)


def day_uses(guards: Guards, profit: float, fall: float) -> tuple[Use, ...]:
    """What the day has lost, and how far it is below its best, as far as prices say it."""
    if not (math.isfinite(profit) and math.isfinite(fall)):
        return ()
    lost, fallen = (Decimal(repr(round(max(one, 0.0), 2))) for one in (-profit, fall))
    return (
        Use("day_loss", lost, guards.day_loss_max),
        Use("day_drawdown", fallen, guards.day_drawdown_max),
    )


def far(state: State, now_ns: int) -> bool:
    """Whether no limit is near, as after most steps: all that is carried is less than what the
    smallest limit of a part of it warns at. False says nothing; ``uses`` does."""
    limits, carried = state.config.limits, burden(state)
    equity = state.account_value("NetLiquidation")
    notionals = [
        *(limits.gross_notional_max, limits.net_notional_max, limits.position_notional_max),
        *[group.notional_max for group in limits.groups],
    ]
    if equity is not None:
        notionals.append(_leveraged(equity, limits))
    risk_max = min(limits.position_risk_max, limits.risk_at_stops_max)
    orders_max = min(limits.orders_per_minute_max, limits.orders_per_second_max)
    return (
        carried.gross < WARN_AT * min(notionals)
        and sum(carried.risks.values(), ZERO) < WARN_AT * risk_max
        and len({*state.current, *carried.exposures}) < WARN_AT * limits.positions_max
        and orders_within(state, 60.0, now_ns) < WARN_AT * orders_max
    )


def _leveraged(equity: Decimal, limits: Limits) -> Decimal:
    return equity * Decimal(str(limits.leverage_max))


def uses(state: State, now_ns: int, book: DayBook | None = None) -> tuple[Use, ...]:
    """Every limit of the account and of each symbol that has a trade, worst case; and of the day,
    if its ``book`` is given."""
    limits, carried = state.config.limits, burden(state)
    equity, power = (state.account_value(name) for name in ("NetLiquidation", "BuyingPower"))
    leverage = None if equity is None else _leveraged(equity, limits)
    positions = len({*state.current, *carried.exposures})
    found = [
        Use("gross_notional", carried.gross, limits.gross_notional_max),
        Use("net_notional", carried.net.gross, limits.net_notional_max),
        Use("risk_at_stops", sum(carried.risks.values(), ZERO), limits.risk_at_stops_max),
        Use("positions", Decimal(positions), Decimal(limits.positions_max)),
        Use("leverage", carried.gross, leverage),
        Use("orders_per_minute", Decimal(orders_within(state, 60.0, now_ns)),
            Decimal(limits.orders_per_minute_max)),
        Use("orders_per_second", Decimal(orders_within(state, 1.0, now_ns)),
            Decimal(limits.orders_per_second_max)),
    ]  # fmt: skip
    if power is not None:
        found.append(Use("buying_power", ZERO, power))
    gross = {symbol: one.gross for symbol, one in carried.exposures.items()}
    for group in limits.groups:
        used = sum((gross.get(symbol, ZERO) for symbol in group.symbols), ZERO)
        found.append(Use(f"group {group.name}", used, group.notional_max))
    for symbol, value in gross.items():
        found.append(Use(f"{symbol} notional", value, limits.position_notional_max))
        if (risk := carried.risks.get(symbol)) is not None:
            found.append(Use(f"{symbol} risk", risk, limits.position_risk_max))
    if book is not None:
        found += day_uses(state.config.guards, book.profit, book.fall)
    return tuple(found)
