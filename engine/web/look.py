"""What the dashboard wants to know of one instant, answered by the writer between two steps.

Only what is cheap: positions, living orders, rules, limits and the latest few latencies. Words,
percentiles and JSON are made elsewhere.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import islice
from typing import Final

import attrs

from engine.daybook import DayResult, Excursion
from engine.headroom import Use, uses
from engine.holdings import Holdings, holdings
from engine.rule_engine import RuleView, rule_views
from engine.state import State
from engine.view import OrderView, SymbolView, Watched, orders_at_broker, symbol_view
from statecharts.vocabulary import SessionState

SAMPLES_MAX: Final = 1_000  # of the latest latencies


@attrs.frozen
class SymbolLook:
    view: SymbolView
    day: DayResult
    excursion: Excursion


@attrs.frozen
class Look:
    now_ns: int
    session: str
    account: str
    halt: str  # who pulled the kill switch, and why
    halt_level: int  # 0: nothing is halted
    symbols: tuple[SymbolLook, ...]
    day: DayResult
    orders: tuple[OrderView, ...]
    rules: tuple[RuleView, ...]
    limits: tuple[Use, ...]
    ticks: int
    unreadable: int  # messages of TWS
    order_us: tuple[float, ...]  # the newest first, as the three below
    step_us: tuple[float, ...]
    journal_us: tuple[float, ...]
    armed_us: tuple[float, ...]


def look(state: State, runtime: Watched) -> Look:
    now_ns, found = runtime.now_ns(), holdings(state)
    symbols = tuple(
        _symbol(state, runtime, name, found.get(name, Holdings()), now_ns)
        for name in state.config.strategy.symbols
    )
    halt, latencies = state.halt, runtime.latencies
    return Look(
        now_ns=now_ns,
        session=SessionState(state.session).name.lower(),
        account=state.account,
        halt="" if halt is None else f"by {halt.who}: {halt.why}",
        halt_level=0 if halt is None else halt.level,
        symbols=symbols,
        day=runtime.book.whole([one.day for one in symbols]),
        orders=orders_at_broker(state),
        rules=rule_views(state, runtime),
        limits=uses(state, now_ns, runtime.book),
        ticks=runtime.ticks,
        unreadable=runtime.unreadable,
        order_us=_newest(latencies.order_us),
        step_us=_newest(latencies.step_us),
        journal_us=_newest(latencies.journal_us),
        armed_us=_newest(latencies.armed_us),
    )


def _symbol(state: State, runtime: Watched, name: str, found: Holdings, now_ns: int) -> SymbolLook:
    market, refused = runtime.market_view(name, now_ns), runtime.data_refused(name)
    view = symbol_view(state, name, found, market, refused)
    day = runtime.book.day(state, name, found, view.unrealised, now_ns)
    return SymbolLook(view, day, runtime.book.excursion(name))


def _newest(samples: Sequence[float]) -> tuple[float, ...]:
    return tuple(islice(reversed(samples), SAMPLES_MAX))
