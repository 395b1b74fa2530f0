"""What a backtest says: as data, the same bytes for the same inputs, and in words."""

from __future__ import annotations

from typing import Any, Final

from engine.backtest.figures import Figures, figures
from engine.backtest.ledger import as_data
from engine.backtest.trial import Outcome
from engine.monitor import summary, words
from engine.monitor.lines import money
from engine.monitor.summary import Ending
from engine.monitor.words import maybe, number, share

# Of the report of a live run: how long things took on this machine.
MEASURED: Final = ("seconds", "latency_us")
_HEAD: Final = (
    *("symbol", "trades", "won", "realised", "commission", "expectancy", "factor"),
    *("drawdown", "sharpe", "in market"),
)


def report(outcome: Outcome, strategy: str) -> dict[str, Any]:
    """The report of ``engine run`` without what this machine's speed decides, and what can be
    said of finished trades."""
    plan = outcome.plan
    run = summary.report(outcome.record, _ending(outcome))
    for name in MEASURED:
        del run[name]
    return {
        **run,
        "strategy": strategy,
        "seed": plan.seed,
        "latency_ms": plan.latency_ms,
        "days": [f"{day:%Y%m%d}" for day in plan.days[: outcome.days]],
        "ticks": outcome.ticks,
        "left_out": [str(one) for one in plan.left_out],
        "signals_unheard": outcome.unheard,
        "halt": outcome.view.halt,
        "trades": [as_data(one) for one in outcome.trades],
        "total": figures(outcome.trades).data(),
        "symbols": {symbol: found.data() for symbol, found in _by_symbol(outcome).items()},
        "exposure": outcome.exposure.data(),
        "journal": outcome.journal,
    }


def lines(outcome: Outcome) -> list[str]:
    """For people."""
    exposure = outcome.exposure.data()
    table: list[tuple[str, ...]] = [_HEAD]
    for symbol, found in _by_symbol(outcome).items():
        held = exposure["symbols"].get(symbol, {"held_share": 0.0})
        table.append(_row(symbol, found, held["held_share"]))
    if len(table) > 2:
        table.append(_row("all", figures(outcome.trades), exposure["held_share"]))
    told = dict(summary.sentences(outcome.record, _ending(outcome)))
    for name in ("trades", "ended", "order latency"):
        told.pop(name, None)
    plan = outcome.plan
    pairs = {
        "days": f"{outcome.days} of {len(plan.days)}{'' if outcome.whole else ', ended early'}",
        **told,
        "ticks": f"{outcome.ticks:,}",
        "exposure": f"{exposure['notional_mean']:,.0f} on average, at most "
        f"{exposure['notional_max']:,.0f}",
    }
    if outcome.unheard:
        pairs["unheard"] = f"{outcome.unheard} signals: their time is not within that of the ticks"
    if outcome.view.halt:
        pairs["halted"] = outcome.view.halt
    if plan.left_out:
        names = ", ".join(map(str, plan.left_out))
        pairs["left out"] = f"{names}: not traded by the strategy"
    return [*words.rows(table), "", *(f"{name:<14} {value}" for name, value in pairs.items())]


def _ending(outcome: Outcome) -> Ending:
    return Ending(
        reason="the ticks are over" if outcome.whole else "ended early",
        view=outcome.view,
        exchange=outcome.exchange,
        dropped=0,
        seconds=0.0,
    )


def _by_symbol(outcome: Outcome) -> dict[str, Figures]:
    return {
        symbol: figures([one for one in outcome.trades if one.symbol == symbol])
        for symbol in outcome.plan.config.strategy.symbols
    }


def _row(name: str, found: Figures, held_share: float) -> tuple[str, ...]:
    return (
        *(name, str(found.trades), share(found.win_rate), money(found.realised)),
        *(f"{found.commission:.2f}", maybe(found.expectancy, money)),
        *(number(found.profit_factor), f"{found.drawdown_max:,.2f}", number(found.sharpe)),
        f"{held_share:.1%}",
    )
