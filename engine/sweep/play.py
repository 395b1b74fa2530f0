"""One cell: a backtest as plain data, and what it made as plain data."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any, Final

import attrs

from engine.backtest.figures import Figures, figures
from engine.backtest.plan import planned
from engine.backtest.trial import Backtest, Outcome, Progress
from engine.config import CONVERTER, from_record
from engine.errors import EngineError
from engine.sim.policies import Policies
from engine.ticks.part import Part

# What a cell made, as numbers; None where there is nothing to divide by.
FIGURES: Final = (
    *(one.name for one in attrs.fields(Figures)),
    *("held_share", "notional_mean", "notional_max", "open_positions", "unprotected"),
)
# Of these the lowest is the best; of all others the highest.
LOW_IS_GOOD: Final = frozenset(
    {"commission", "losses", "gross_loss", "drawdown_max", "open_positions", "unprotected"}
)
Tell = Callable[[float], bool]  # how far it is, of 1; False: nobody waits for it any more


def play(said: dict[str, Any], tell: Tell) -> dict[str, Any]:
    """``figures`` and more of one cell; or ``failed``, and why. A failure of one cell is a result
    like any other: it must not take the others with it. What the machine refused is ``lost``, as
    it may not the next time."""
    try:
        return _played(said, tell)
    except EngineError as problem:
        lost = isinstance(problem.__context__, OSError)
        return {"failed": _line(str(problem)), **({"lost": True} if lost else {})}
    except (OSError, MemoryError) as problem:
        return {"failed": _line(f"{type(problem).__name__}: {problem}"), "lost": True}
    except Exception as problem:
        return {"failed": _line(f"{type(problem).__name__}: {problem}")}


def _played(said: dict[str, Any], tell: Tell) -> dict[str, Any]:
    signals = said["signals"]
    plan = planned(
        from_record(said["settings"]),
        [Part.of(one) for one in said["ticks"]],
        None if signals is None else Path(signals),
        seed=said["seed"],
        latency_ms=said["latency_ms"],
        policies=CONVERTER.structure(said["policies"], Policies),
        size_share=said["size_share"],
    )

    def show(progress: Progress) -> None:
        if not tell(progress.done):
            trial.stop()

    trial = Backtest(plan, show)
    return _made(trial.run())


def _made(outcome: Outcome) -> dict[str, Any]:
    exposure = outcome.exposure.data()
    found: dict[str, Any] = attrs.asdict(figures(outcome.trades))
    found |= {name: exposure[name] for name in ("held_share", "notional_mean", "notional_max")}
    exchange = outcome.exchange
    found["open_positions"] = sum(1 for held in exchange["position"].values() if held)
    found["unprotected"] = exchange["uncovered_share_seconds"]
    return {
        "figures": {name: _number(found[name]) for name in FIGURES},
        "ticks": outcome.ticks,
        "halt": outcome.view.halt,
        "journal": outcome.journal,
    }


def _number(value: Any) -> int | float | None:
    return float(value) if isinstance(value, Decimal) else value


def _line(text: str) -> str:
    return " ".join(text.split())[:500]
