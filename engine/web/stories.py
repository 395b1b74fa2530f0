"""Past trades, step by step: what a replay of the journal shows of each linked context.

Records are fed to a core of its own, which sends nothing; after each, what it meant for a context
is kept as one page of that context's story. Prices are those the journal knows: of fills, of the
market at decisions, and where orders act. Ticks are in no journal, so between them nothing is said.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from typing import Any, Final

import attrs

from engine.contexts import Context
from engine.events import (
    BaseEvent,
    ContextChangedEvent,
    FillEvent,
    OrderGroupEvent,
    TradeEvent,
)
from engine.inputs import Input, MarketView
from engine.journal_chain import Record
from engine.monitor.lines import clock, line
from engine.orders import Role
from engine.retrace import Item, Retrace
from engine.view import Resting, order_view, resting
from engine.web.plain import MS_NS, as_json
from statecharts.vocabulary import ContextState

STORIES_MAX: Final = 500  # the newest are kept
PAGES_MAX: Final = 2_000  # of one story


@attrs.define
class Story:
    """One context, from its first order to rest. ``exit`` and what it made are known at the end."""

    number: int
    symbol: str
    side: str
    rule: str
    opened_ns: int
    decision: float
    pages: list[dict[str, Any]] = attrs.field(factory=list)
    left_out: int = 0
    closed_ns: int = 0
    realised: float | None = None
    reason: str = ""
    state: str = ""
    entered: bool = False  # something of it has filled
    _last: tuple[Any, ...] = ()

    def head(self) -> dict[str, Any]:
        return {
            "number": self.number,
            "symbol": self.symbol,
            "side": self.side,
            "rule": self.rule,
            "opened": self.opened_ns / MS_NS,
            "opened_clock": clock(self.opened_ns),
            "closed": self.closed_ns / MS_NS if self.closed_ns else None,
            "closed_clock": clock(self.closed_ns) if self.closed_ns else "",
            "realised": self.realised,
            "reason": self.reason,
            "state": self.state,
            "entered": self.entered,
            "pages": len(self.pages),
            "left_out": self.left_out,
        }

    def whole(self) -> bytes:
        return as_json({**self.head(), "decision": self.decision, "story": self.pages})

    def add(self, page: dict[str, Any], mark: tuple[Any, ...]) -> None:
        """A page, unless it would only repeat the one before, or tells how a trade that has come
        to rest is put away."""
        if self.closed_ns and not page["moves"] and not page["prices"]:
            return
        if mark == self._last and not page["lines"] and not page["prices"]:
            return
        self._last = mark
        if len(self.pages) >= PAGES_MAX:
            self.left_out += 1
        else:
            self.pages.append(page)


class Stories:
    """``feed`` it every record of a journal, in order."""

    def __init__(self, retrace: Retrace) -> None:
        self._retrace = retrace
        self._stories: dict[int, Story] = {}
        self.steps: Counter[tuple[str, str]] = Counter()  # of all contexts, from and to

    def feed(self, record: Record) -> None:
        """Raises JournalError if this version of the engine decides differently."""
        step = self._retrace.step(record)
        state = self._retrace.state
        self.steps.update(
            (one.old, one.new) for one in step.events if isinstance(one, ContextChangedEvent)
        )
        told = self._retrace.told(step)
        for number in sorted(told):
            context = state.contexts.get(number)
            if context is not None:
                self._page(context, record, told[number])

    @property
    def seq(self) -> int:
        """The last record."""
        return self._retrace.seq

    def heads(self) -> list[dict[str, Any]]:
        """The newest first."""
        return [one.head() for one in reversed(self._stories.values())]

    def story(self, number: int) -> Story | None:
        return self._stories.get(number)

    # -- one record ------------------------------------------------------------------------------

    def _page(self, context: Context, record: Record, told: list[Item]) -> None:
        story = self._stories.get(context.number)
        if story is None:
            story = self._begin(context)
        events = [one for one in told if isinstance(one, BaseEvent)]
        moves = [one for one in events if isinstance(one, ContextChangedEvent)]
        orders = [order_view(self._retrace.state, one) for one in context.orders.values()]
        page: dict[str, Any] = {
            "n": record.seq,
            "at": record.now_ns / MS_NS,
            "clock": clock(record.now_ns),
            "state": ContextState(context.state).name.lower(),
            "moves": [[one.old, one.new, one.cause] for one in moves],
            "causes": [type(one).__name__ for one in told if isinstance(one, Input)],
            "lines": [words for one in events if (words := _line(one, context.symbol))],
            "held": context.held,
            "average": context.ledger.position.average_price if context.held else None,
            "stops": [_level(one) for one in resting(context, Role.STOP)],
            "targets": [_level(one) for one in resting(context, Role.TARGET)],
            "adds": [_level(one) for one in resting(context, Role.ADD)],
            "orders": [attrs.asdict(one) for one in orders],
            "prices": list(_prices(told, context.symbol)),
        }
        story.add(page, (context.state, context.held, *orders))
        story.state = page["state"]
        story.entered = story.entered or bool(context.ledger.fills)
        for event in events:
            if isinstance(event, TradeEvent):
                story.realised = float(event.realised) + (story.realised or 0.0)
                story.reason = event.reason
        if context.settled and not story.closed_ns and story.pages:
            story.closed_ns = record.now_ns

    def _begin(self, context: Context) -> Story:
        story = self._stories[context.number] = Story(
            number=context.number,
            symbol=context.symbol,
            side="long" if context.side > 0 else "short",
            rule=context.plan.rule,
            opened_ns=context.opened_ns,
            decision=float(context.plan.decision_price),
        )
        if len(self._stories) > STORIES_MAX:
            ended = (number for number, one in self._stories.items() if one.closed_ns)
            del self._stories[next(ended, next(iter(self._stories)))]
        return story


def _line(event: BaseEvent, symbol: str) -> str:
    """Without time and symbol: one stands on the page, the other on the story."""
    words = None if isinstance(event, OrderGroupEvent) else line(event)
    return (words or "").partition(" ")[2].removeprefix(symbol).strip()


def _level(one: Resting) -> dict[str, Any]:
    return {"price": one.price, "quantity": one.quantity, "trailing": one.trailing}


def _prices(told: Iterable[Item], symbol: str) -> Iterator[dict[str, Any]]:
    """Every price that this record knows of the symbol."""
    for item in told:
        market: MarketView | None = getattr(item, "market", None)
        if market is not None and market.symbol == symbol:
            found = {"bid": market.bid, "ask": market.ask, "last": market.last}
            yield {"kind": "market", **found}
        if isinstance(item, FillEvent):
            yield {
                "kind": "fill",
                "price": item.fill_price,
                "quantity": item.fill_quantity,
                "side": item.side,
                "role": item.role,
            }
