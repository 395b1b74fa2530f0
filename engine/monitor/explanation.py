"""What a strategy would do with one signal at one price, step by step, in plain words.

The engine's own core decides and a simulated exchange fills; each way in which the trade may end
is played by itself. Nothing is sent.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import time
from decimal import Decimal
from typing import Final

import attrs

from engine import rulebook
from engine.commands import Place
from engine.config import SECOND_NS, Config
from engine.contexts import Context
from engine.events import AlertEvent, PredictionSignalEvent, RefusalEvent, TradeEvent
from engine.inputs import Reading, SignalKind
from engine.monitor.lines import clock, money, price
from engine.monitor.order_words import alive, exits, held, is_entry, protecting, sums
from engine.orders import Order, Role
from engine.plans import PARTS_MAX, ScaleIn
from engine.reasons import Reason
from engine.rehearsal import Rehearsal
from engine.rules import (
    AndCondition,
    Condition,
    LinkedScaleInAction,
    Rule,
    Scene,
    concerned,
    failing,
    lacking,
    steps,
    to_expression,
    triggers,
)

SETTLED_S: Final = 3.0  # after it everything that follows at once has followed


@attrs.frozen(kw_only=True)
class Supposed:
    """One signal, the market and the account, as they are supposed to be."""

    symbol: str
    signal: SignalKind = "BUY"
    confidence: float = 0.7
    price: Decimal = Decimal(100)
    atr: float | None = 1.0
    spread: Decimal = Decimal("0.02")
    at: time = time(10, 30)
    equity: Decimal = Decimal(100_000)
    indicators: tuple[Reading, ...] = ()  # the others are not warm


def explain(config: Config, supposed: Supposed) -> Iterator[str]:
    """The lines of the explanation."""
    story = _Story(config, supposed)
    yield from story.told()


class _Story:
    def __init__(self, config: Config, supposed: Supposed) -> None:
        self.config = config
        self.supposed = supposed
        self.number = 0

    def told(self) -> Iterator[str]:
        one = self.supposed
        bid, ask = self._quote(one.price)
        atr = "no ATR yet" if one.atr is None else f"ATR {one.atr:g}"
        yield f"{one.symbol}: {one.signal} with confidence {one.confidence:g}"
        yield f"{one.at:%H:%M} at the exchange, bid {price(bid)}, ask {price(ask)}, {atr}"
        if one.indicators:
            yield ", ".join(f"{told.name} is {told.value:g}" for told in one.indicators)
        yield from self._asked()
        trade = self._signalled()
        yield from self._refused(trade)
        if trade.context is None:
            yield from self._alone(trade)
            return
        yield from self._entry(trade)
        if not self._filled(trade):
            yield "The entry does not fill at its own price."
            return
        yield from self._protection(trade)
        yield from self._adds(trade)
        yield from self._scale_ins()
        yield from self._ends()

    def _head(self, text: str) -> str:
        self.number += 1
        return f"\n{self.number}. {text}"

    # -- playing it ----------------------------------------------------------------------------

    def _quote(self, middle: Decimal) -> tuple[Decimal, Decimal]:
        half = self.supposed.spread / 2
        return middle - half, middle + half

    def _begun(self) -> Rehearsal:
        one = self.supposed
        trade = Rehearsal(self.config, one.symbol, one.at, one.equity, one.indicators)
        trade.show(*self._quote(one.price), one.atr)
        return trade

    def _signalled(self) -> Rehearsal:
        trade = self._begun()
        trade.signal(self.supposed.signal, self.supposed.confidence)
        return trade

    def _filled(self, trade: Rehearsal) -> bool:
        """Bring the market to the price of the entry, if it waits for one."""
        context = trade.context
        for order in alive(context, Role.ENTRY):
            self._reach(trade, order)
        trade.wait(SETTLED_S)
        return trade.context is not None and trade.context.held != 0

    def _entered(self) -> Rehearsal:
        trade = self._signalled()
        self._filled(trade)
        return trade

    def _reach(self, trade: Rehearsal, order: Order) -> None:
        """Bring the market to where an order executes."""
        spec, buys = order.spec, order.spec.action == "BUY"
        spread = self.supposed.spread
        if spec.limit_price is not None:
            at = spec.limit_price
            trade.show(*((at - spread, at) if buys else (at, at + spread)), self.supposed.atr)
        elif (at_stop := self._stop_price(trade, order)) is not None:
            trade.show(*self._quote(at_stop), self.supposed.atr)
        trade.wait(SETTLED_S)

    def _stop_price(self, trade: Rehearsal, order: Order) -> Decimal | None:
        context = trade.context
        if order.spec.order_type == "TRAIL" and context is not None:
            return context.stop_level(trade.instrument.grid)
        return order.spec.aux_price

    # -- the rules -----------------------------------------------------------------------------

    def _asked(self) -> Iterator[str]:
        one, trade = self.supposed, self._begun()
        event = PredictionSignalEvent(
            trade.now_ns, 0, one.symbol, "rehearsal", "signal", one.signal, one.confidence, 0, None
        )
        state = trade.core.state
        scene = rulebook.scene(state, one.symbol, trade.now_ns, trade.view, event)
        asked = [rule for rule in state.rules if concerned(rule, scene)]
        yield self._head("Which rules are asked")
        for rule in asked:
            yield f"   {rule.id}: {to_expression(rule.when)}"
            yield from _judged(rule, scene)
        others = [rule for rule in state.rules if rule not in asked and _for(rule, one.symbol)]
        for rule in others:
            disabled = "" if rule.enabled else ", disabled"
            yield f"   not asked: {rule.id}{disabled}: {to_expression(rule.when)}"
        if not asked:
            yield "   none is for this signal"

    def _refused(self, trade: Rehearsal) -> Iterator[str]:
        for event in trade.events:
            if isinstance(event, RefusalEvent):
                who = f"{event.rule}: " if event.rule else ""
                yield f"   {who}refused, {event.reason.replace('_', ' ')}"
            elif isinstance(event, AlertEvent) and event.symbol == self.supposed.symbol:
                yield f"   {event.level}: {event.text}"

    def _alone(self, trade: Rehearsal) -> Iterator[str]:
        """What is ordered without a trade around it."""
        placed = [one.spec for one in trade.commands if isinstance(one, Place)]
        if not placed:
            yield "So nothing is ordered."
            return
        yield self._head("What is ordered, by itself: no stop protects it")
        quantities = [one.quantity for one in placed]
        yield from sums("order", placed, quantities, self.supposed.price)

    # -- the trade -----------------------------------------------------------------------------

    def _entry(self, trade: Rehearsal) -> Iterator[str]:
        context = _context(trade)
        plan = context.plan
        yield self._head("What is ordered at once, in one burst")
        yield f"   {plan.quantity} shares, about {plan.quantity * plan.decision_price:,.2f}"
        burst = [one for one in trade.commands if isinstance(one, Place)]
        for role, name in ((Role.ENTRY, "entry"), (Role.STOP, "stop"), (Role.TARGET, "target")):
            orders = [trade.core.state.orders[one.order_id] for one in burst]
            first = {one.order_id for one in orders if is_entry(one, context) and one.role is role}
            specs = [one.spec for one in burst if one.order_id in first]
            yield from sums(name, specs, [one.quantity for one in specs], plan.decision_price)
        rule = next((one for one in trade.core.state.rules if one.id == plan.rule), None)
        if rule is not None and rule.cooldown_s:
            yield f"   once it executes, no other entry for {rule.cooldown_s:g} s"
        if rule is not None and rule.executions_per_day_max is not None:
            yield f"   entries of a day: {rule.executions_per_day_max} at most"

    def _protection(self, trade: Rehearsal) -> Iterator[str]:
        context = _context(trade)
        yield self._head(f"Once it has filled: {held(context)}")
        yield from exits(trade, context)

    def _adds(self, trade: Rehearsal) -> Iterator[str]:
        """Each double-down as it comes, at its price."""
        for level in range(1, PARTS_MAX + 1):
            context, resting = trade.context, alive(trade.context, Role.ADD)
            if context is None or not resting:
                break
            yield self._head(f"Double-down {level} rests at the broker")
            specs = [order.spec for order in resting]
            yield from sums("add", specs, [one.remaining for one in resting], context.basis)
            for order in resting:
                self._reach(trade, order)
            if trade.context is not context:
                yield "   the stop comes first: it is never added"
                break
            yield f"   when it fills: {held(context)}"
            yield from exits(trade, context)
        for event in trade.events:
            if isinstance(event, RefusalEvent) and event.detail.startswith("double_down"):
                said = f"{event.detail.replace('_', '-')} is refused"
                yield f"   {said}, {event.reason.replace('_', ' ')}"

    def _scale_ins(self) -> Iterator[str]:
        """Adds with profit, of the rules that make them."""
        for rule in self._begun().core.state.rules:
            for action in steps(rule.then):
                profits = triggers(rule).profits
                if isinstance(action, LinkedScaleInAction) and profits and self._is_for(rule):
                    yield from self._scale_in(rule, action.scale_in)

    def _is_for(self, rule: Rule) -> bool:
        return rule.enabled and _for(rule, self.supposed.symbol)

    def _scale_in(self, rule: Rule, adds: ScaleIn) -> Iterator[str]:
        trade = self._entered()
        context = _context(trade)
        before = context.held
        share = 1 + context.side * Decimal(str(adds.trigger_percent)) / 100
        grid, side = trade.instrument.grid, context.side
        at = grid.round(context.ledger.position.average_price * share, "up" if side > 0 else "down")
        yield self._head(f"At {adds.trigger_percent:g} % profit, {price(at)}: {rule.id}")
        spread = self.supposed.spread
        trade.show(*((at, at + spread) if side > 0 else (at - spread, at)), self.supposed.atr)
        trade.wait(SETTLED_S)
        if trade.context is not context:
            yield "   a target comes first: it is never added"
        elif context.held == before:
            yield from self._refused(trade)
        else:
            yield f"   {abs(context.held - before)} shares more, at the market: {held(context)}"
            yield from exits(trade, context)

    # -- its ends ------------------------------------------------------------------------------

    def _ends(self) -> Iterator[str]:
        yield self._head("What ends it")
        trade = self._entered()
        yield from self._stopped()
        targets = [one.spec.limit_price for one in protecting(_context(trade), Role.TARGET)]
        for at in dict.fromkeys(targets):
            assert at is not None
            yield from self._target_reached(at)
        kinds: tuple[SignalKind, ...] = ("SHORT", "SELL") if _context(trade).side > 0 else ("BUY",)
        for kind in kinds:
            yield from self._signal_against(kind)
        yield from self._day_over()

    def _stopped(self) -> Iterator[str]:
        """On its way to the stop the price meets the adds."""
        trade = self._entered()
        context, adds = _context(trade), 0
        while trade.context is context and adds < PARTS_MAX:
            resting = alive(context, Role.ADD)
            if not resting:
                break
            adds += 1
            for order in resting:
                self._reach(trade, order)
        if trade.context is context:
            for order in protecting(context, Role.STOP)[:1]:  # all are at one price
                self._reach(trade, order)
        added = f", after {adds} {'add' if adds == 1 else 'adds'}" if adds else ""
        yield f"   the stop{added}: {self._outcome(trade, context)}"

    def _target_reached(self, at: Decimal) -> Iterator[str]:
        trade = self._entered()
        context = _context(trade)
        order = next(one for one in protecting(context, Role.TARGET) if one.spec.limit_price == at)
        self._reach(trade, order)
        yield f"   the target at {price(at)}: {self._outcome(trade, context)}"

    def _signal_against(self, kind: SignalKind) -> Iterator[str]:
        trade = self._entered()
        context, before = _context(trade), len(trade.events)
        trade.wait(60)  # both signals of one moment would be an odd story
        trade.show(*self._quote(self.supposed.price), self.supposed.atr)
        trade.signal(kind, 1.0)
        trade.wait(SETTLED_S)
        refused = [one for one in trade.events[before:] if isinstance(one, RefusalEvent)]
        said = self._outcome(trade, context)
        if trade.context is not context and trade.context is not None:
            other = trade.context
            said += f", then {held(other)}" if other.held else ", then an entry on the other side"
        elif trade.context is context and refused:
            said = f"nothing, {refused[-1].reason.replace('_', ' ')}"
        yield f"   a {kind} signal: {said}"

    def _day_over(self) -> Iterator[str]:
        trade = self._entered()
        context = _context(trade)
        (_, closes_ns), *_ = trade.instrument.sessions
        margin_ns = trade.core.state.closing_margins.get(self.supposed.symbol, 0)
        if not margin_ns:
            yield "   the end of the day: nothing closes it, it is held overnight"
            return
        trade.wait_until(closes_ns - margin_ns - SECOND_NS)
        trade.show(*self._quote(self.supposed.price), self.supposed.atr)
        trade.wait(1 + SETTLED_S)
        at = clock(closes_ns - margin_ns).partition(".")[0]
        yield f"   the end of the day, from {at}: {self._outcome(trade, context)}"

    def _outcome(self, trade: Rehearsal, context: Context) -> str:
        done = [one for one in trade.events if isinstance(one, TradeEvent)]
        if done:
            last = done[-1]
            return f"{money(last.realised)} ({last.reason.replace('_', ' ')})"
        if trade.context is context and context.held:
            made = context.ledger.position.realised
            return f"{money(made)} for a part, {held(context)} goes on"
        return "nothing"


# -- in words ------------------------------------------------------------------------------------


def _context(trade: Rehearsal) -> Context:
    context = trade.context
    assert context is not None
    return context


def _for(rule: Rule, symbol: str) -> bool:
    return not rule.symbols or symbol in rule.symbols


def _judged(rule: Rule, scene: Scene) -> Iterator[str]:
    """Whether it holds; if not, what of it does not."""
    if failing(rule.when, scene) is None:
        yield "      holds"
        return
    parts: tuple[Condition, ...] = (rule.when,)
    if isinstance(rule.when, AndCondition):
        parts = rule.when.conditions
    for part in parts:
        if (reason := failing(part, scene)) is not None:
            said = lacking(part, scene.market) if reason is Reason.NOT_WARM else ""
            why = f"not warm: {said}" if said else reason.replace("_", " ")
            yield f"      does not hold: {to_expression(part)} ({why})"
