"""Every trade of a journal with its path, from a replay of its records.

Prices are those that the journal knows: of fills, and of the market when something was decided.
With the ticks of the time, if they are at hand, prices are looked at with every tick instead.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from datetime import date
from decimal import Decimal
from typing import Any, Final

import attrs

from engine.backtest.excursions import Excursions
from engine.backtest.ledger import LedgerTrade
from engine.commands import Place
from engine.contexts import Context
from engine.events import BaseEvent, FillEvent, PositionEvent, RefusalEvent, TradeEvent
from engine.inputs import MarketView, Started
from engine.journal_chain import Record
from engine.money import ZERO
from engine.orders import EXIT_ROLES, Order, Role
from engine.positions import revision
from engine.report.exposures import Exposures
from engine.report.trade import Fill, Open, Path, ReportTrade, Told, mean, note_level
from engine.retrace import Retrace, Step
from engine.sim.instruments import local_time
from engine.sim.records import MarketTick, TickKind
from engine.view import resting

BY_HAND: Final = "no rule"  # decided by a program, or by nobody who gave a name


@attrs.frozen
class Wanted:
    """What a report is about; empty: everything. A trade is of the day on which it ended."""

    symbols: tuple[str, ...] = ()
    day: date | None = None

    def symbol(self, name: str) -> bool:
        return not self.symbols or name in self.symbols

    def time(self, time_ns: int) -> bool:
        return self.day is None or local_time(time_ns).date() == self.day


EVERYTHING: Final = Wanted()


class Reading:
    """``feed`` it every record, in order, then ``end``. ``ticks`` are in order of time."""

    def __init__(
        self,
        retrace: Retrace,
        wanted: Wanted = EVERYTHING,
        ticks: Iterable[MarketTick] = (),
    ) -> None:
        self.told: Final[list[Told]] = []
        self.exposures: Final = Exposures()
        self.refusals: Final[Counter[str]] = Counter()
        self.accounts: Final[set[str]] = set()
        self.runs = 0
        self.began_ns = self.last_ns = 0
        self.first, self.records = retrace.seq + 1, 0
        self.ticks = 0
        self._retrace = retrace
        self._wanted = wanted
        self._ticks: Iterator[MarketTick] = iter(ticks)
        self._tick = next(self._ticks, None)
        self._quotes: dict[str, dict[TickKind, float]] = {}
        self._excursions = Excursions()
        self._paths: dict[int, Path] = {}  # by the number of the context

    def feed(self, record: Record) -> None:
        """Raises JournalError if this version of the engine decides differently."""
        now_ns = record.now_ns
        self._look_until(now_ns)
        self._run(record)
        step = self._retrace.step(record)
        self.records += 1
        self._see_markets(record)
        for number, items in self._retrace.told(step).items():
            context = self._retrace.state.contexts.get(number)
            if context is not None and self._wanted.symbol(context.symbol):
                self._follow(context, step, [one for one in items if isinstance(one, BaseEvent)])
        for event in step.events:
            self._count(event, step)
        self.last_ns = now_ns

    def take(self, records: Iterable[Record]) -> None:
        """Raises as ``feed``."""
        for record in records:
            self.feed(record)

    def excursions_of(self, trades: Iterable[LedgerTrade]) -> None:
        """Those of a ledger of the same trades, in the same order, which has seen more."""
        self.told[:] = [
            Told(attrs.evolve(told.trade, mae=one.mae, mfe=one.mfe), told.path)
            for told, one in zip(self.told, trades, strict=True)
        ]

    def end(self) -> None:
        """The last record has been fed."""
        if account := self._retrace.state.account:
            self.accounts.add(account)
        if self.exposures.running:
            self.exposures.end(self.last_ns)

    @property
    def open(self) -> list[Open]:
        return [
            Open(
                symbol=one.symbol,
                side="long" if one.held > 0 else "short",
                quantity=abs(one.held),
                average_price=one.ledger.position.average_price,
                rule=one.plan.rule or BY_HAND,
                opened_ns=one.opened_ns,
            )
            for one in self._retrace.state.current.values()
            if one.held and self._wanted.symbol(one.symbol)
        ]

    # -- time ------------------------------------------------------------------------------------

    def _run(self, record: Record) -> None:
        """Exposure is a share of the time in which an engine ran."""
        now_ns, exposures = record.now_ns, self.exposures
        self.began_ns = self.began_ns or now_ns
        started = [one for one in record.inputs if isinstance(one, Started)]
        self.runs += len(started)
        self.accounts.update(one.account for one in started if one.account)
        wanted = self._wanted.time(now_ns)
        if exposures.running and (started or not wanted):
            exposures.end(self.last_ns)
        if wanted and not exposures.running:
            exposures.begin(now_ns)
        exposures.reach(now_ns)

    # -- prices ----------------------------------------------------------------------------------

    def _look_until(self, now_ns: int) -> None:
        while self._tick is not None and self._tick.time_ns < now_ns:
            self.ticks += 1
            self._look(self._tick)
            self._tick = next(self._ticks, None)

    def _look(self, tick: MarketTick) -> None:
        """Where there is a quote a path goes through its middle, else from trade to trade."""
        self._excursions.look(tick)
        quote = self._quotes.setdefault(tick.symbol, {})
        quote[tick.kind] = tick.price
        context = self._retrace.state.current.get(tick.symbol)
        path = self._paths.get(context.number) if context is not None else None
        if path is None:
            return
        path.looked = True
        if "B" in quote and "A" in quote:
            if tick.kind != "T":
                path.prices.add(tick.time_ns, (quote["B"] + quote["A"]) / 2)
        elif tick.kind == "T":
            path.prices.add(tick.time_ns, tick.price)

    def _see_markets(self, record: Record) -> None:
        """The market of a decision, by the trade that was under way."""
        for item in record.inputs:
            market: MarketView | None = getattr(item, "market", None)
            if market is None:
                continue
            seen: dict[TickKind, float | None]
            seen = {"B": market.bid, "A": market.ask, "T": market.last}
            for kind, price in seen.items():
                if price:
                    tick = MarketTick(record.now_ns, market.symbol, kind, price, 0)
                    self._excursions.look(tick)
            context = self._retrace.state.current.get(market.symbol)
            if context is not None and (path := self._paths.get(context.number)) is not None:
                _see(path, market, record.now_ns)

    # -- trades ----------------------------------------------------------------------------------

    def _follow(self, context: Context, step: Step, events: list[BaseEvent]) -> None:
        now_ns = step.record.now_ns
        path = self._paths.get(context.number)
        if path is None:
            path = self._paths[context.number] = Path()
            # The market in which it was decided was seen before there was a path.
            if (market := _market(step.record, context.symbol)) is not None:
                _see(path, market, now_ns)
        for command in step.record.commands:
            if isinstance(command, Place) and command.order_id in context.orders:
                market = _market(step.record, context.symbol)
                price = market.price(command.spec.action) if market is not None else None
                path.reference[command.order_id] = None if not price else Decimal(repr(price))
        for event in events:
            if isinstance(event, FillEvent):
                self._filled(path, context, event)
        for levels, role in ((path.stops, Role.STOP), (path.targets, Role.TARGET)):
            found = resting(context, role) if not context.settled else ()
            note_level(levels, now_ns, found[0].price if found else None)

    @staticmethod
    def _filled(path: Path, context: Context, event: FillEvent) -> None:
        identity, _ = revision(event.execution_id)
        known = path.fills.get(identity)
        path.fills[identity] = Fill(
            known.time_ns if known is not None else event.time_ns,
            event.side,
            event.role,
            event.fill_quantity,
            event.fill_price,
        )
        path.prices.add(event.time_ns, float(event.fill_price))
        order = context.orders.get(event.order_id)
        if order is not None and (acted := _acted_at(context, order)) is not None:
            path.reference[order.order_id] = acted

    def _count(self, event: BaseEvent, step: Step) -> None:
        symbol = getattr(event, "symbol", "")
        if not self._wanted.symbol(symbol):
            return
        if isinstance(event, FillEvent):
            if event.role != Role.LEG:
                self._excursions.filled(event)
        elif isinstance(event, PositionEvent):
            self._excursions.moved(event)
            context = self._retrace.state.current.get(symbol) or step.before.get(symbol)
            rule = context.plan.rule if context is not None else ""
            self.exposures.moved(event, rule or BY_HAND, step.record.now_ns)
        elif isinstance(event, RefusalEvent) and self._wanted.time(event.time_ns):
            self.refusals[event.reason] += 1
        elif isinstance(event, TradeEvent):
            self._ended(event)

    def _ended(self, event: TradeEvent) -> None:
        excursion = self._excursions.told(event)
        context = next(
            one
            for one in reversed(self._retrace.state.contexts.values())
            if (one.symbol, one.opened_ns) == (event.symbol, event.opened_ns) and one.trade_closed
        )
        path = self._paths.get(context.number) or Path()
        slipped: dict[str, Any] = _slippage(context, path)  # also of a day that is not wanted
        if not self._wanted.time(event.closed_ns):
            return
        row = LedgerTrade.of(event, excursion)
        began_ns, ended_ns = path.filled_ns
        self.told.append(
            Told(
                ReportTrade(
                    **attrs.asdict(row, recurse=False),
                    **slipped,
                    rule=context.plan.rule or BY_HAND,
                    decision=context.plan.decision_price,
                    held_s=(ended_ns - began_ns) / 1e9,
                ),
                path,
            )
        )


def _market(record: Record, symbol: str) -> MarketView | None:
    for item in record.inputs:
        market: MarketView | None = getattr(item, "market", None)
        if market is not None and market.symbol == symbol:
            return market
    return None


def _see(path: Path, market: MarketView, now_ns: int) -> None:
    if market.bid and market.ask:
        path.prices.add(now_ns, (market.bid + market.ask) / 2)
    elif market.last:
        path.prices.add(now_ns, market.last)


def _acted_at(context: Context, order: Order) -> Decimal | None:
    """Where an exit was to act; None: at the market."""
    if order.spec.order_type == "TRAIL":
        return context.trail_level or order.spec.trail_stop_price
    return order.price


def _slippage(context: Context, path: Path) -> dict[str, Decimal | None]:
    """Each part in money is exact; a mean of a share may have no end."""
    side, totals = context.side, context.ledger.totals
    decision = context.plan.decision_price
    entries = [
        (shares, (value - decision * shares) * side)
        for one in context.of(Role.ENTRY)
        for shares, value in (totals.get(one.order_id, (ZERO, ZERO)),)
    ]
    exits = [
        (totals[one.order_id], path.reference.get(one.order_id))
        for one in context.orders.values()
        if one.role in EXIT_ROLES and one.order_id in totals
    ]
    known = [
        (shares, (acted * shares - value) * side)
        for (shares, value), acted in exits
        if acted is not None
    ]
    whole = sum((cost for _, cost in (*entries, *known)), ZERO)
    before, path.slipped = path.slipped, whole
    return {
        "entry_slippage": mean(entries),
        "exit_slippage": mean(known) if len(known) == len(exits) else None,
        "slippage": whole - before,
    }
