"""What a ledger amounts to. All of it is exact but what has no end, such as a third."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from decimal import Decimal
from typing import Any

import attrs

from engine.backtest.ledger import LedgerTrade
from engine.money import ZERO


@attrs.frozen(kw_only=True)
class Figures:
    """Of trades in the order in which they ended; money is after commission.

    ``expectancy`` is the mean result of a trade, ``profit_factor`` what winners made over what
    losers lost, ``drawdown_max`` the largest fall of the sum of results from its highest (0 at
    the beginning), ``sharpe`` the mean result over its standard deviation (of a sample), and
    ``sortino`` over its downside deviation (the root of the mean square of losses, over all
    trades), both per trade. None where there is nothing to divide by. A trade with no result
    neither wins nor loses.
    """

    trades: int
    wins: int
    losses: int
    win_rate: Decimal | None
    realised: Decimal
    commission: Decimal
    gross_profit: Decimal
    gross_loss: Decimal
    best: Decimal | None
    worst: Decimal | None
    expectancy: Decimal | None
    profit_factor: Decimal | None
    drawdown_max: Decimal
    sharpe: Decimal | None
    sortino: Decimal | None

    def data(self) -> dict[str, Any]:
        """For JSON."""
        found = attrs.asdict(self)
        return {key: float(one) if isinstance(one, Decimal) else one for key, one in found.items()}


def figures(trades: Sequence[LedgerTrade]) -> Figures:
    results = [one.realised for one in trades]
    won, lost = [one for one in results if one > 0], [one for one in results if one < 0]
    profit, loss, count = sum(won, ZERO), -sum(lost, ZERO), len(results)
    realised = sum(results, ZERO)
    return Figures(
        trades=count,
        wins=len(won),
        losses=len(lost),
        win_rate=Decimal(len(won)) / count if count else None,
        realised=realised,
        commission=sum((one.commission for one in trades), ZERO),
        gross_profit=profit,
        gross_loss=loss,
        best=max(results, default=None),
        worst=min(results, default=None),
        expectancy=realised / count if count else None,
        profit_factor=profit / loss if loss else None,
        drawdown_max=_drawdown(results),
        sharpe=_sharpe(results),
        sortino=_sortino(results),
    )


def curve(results: Sequence[Decimal]) -> Iterator[tuple[Decimal, Decimal]]:
    """After each trade the sum of results, and how far it is below its highest so far."""
    total = peak = ZERO
    for one in results:
        total += one
        peak = max(peak, total)
        yield total, peak - total


def _drawdown(results: Sequence[Decimal]) -> Decimal:
    return max((fall for _, fall in curve(results)), default=ZERO)


def _sharpe(results: Sequence[Decimal]) -> Decimal | None:
    count = len(results)
    if count < 2:
        return None
    mean = sum(results, ZERO) / count
    variance = sum(((one - mean) ** 2 for one in results), ZERO) / (count - 1)
    return mean / variance.sqrt() if variance else None


def _sortino(results: Sequence[Decimal]) -> Decimal | None:
    count = len(results)
    if count < 2:
        return None
    downside = sum((one**2 for one in results if one < 0), ZERO) / count
    return sum(results, ZERO) / count / downside.sqrt() if downside else None
