"""Anything in any order: signals, markets, requests and faults against the simulated exchange.

Whatever has happened, once faults end and time passes in a quiet market, the core and the
exchange agree, what is held is protected tranche by tranche, and nothing lives that should not.
No add is ever sent against an exit that has traded, beyond the stop, or beyond the plan. The
strategy, and the answers that IB leaves open, are drawn with each example.

``HYPOTHESIS_PROFILE=campaign`` plays far longer.
"""

from __future__ import annotations

import os
import random
from decimal import Decimal
from typing import Any

import hypothesis.strategies as st
import orjson
from hypothesis import HealthCheck, Phase, settings
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule

from engine.commands import Command, Place
from engine.config import from_mapping
from engine.contexts import Context
from engine.core import Core
from engine.inputs import (
    BracketRequested,
    CancelRequested,
    CloseRequested,
    Input,
    OcoLeg,
    OcoRequested,
    OrderOpened,
    OrderStatusReported,
    RuleChanged,
)
from engine.orders import EXIT_ROLES, Role
from engine.sim.oracle import uncovered
from engine.sim.policies import Policies, choices
from engine.sim.records import SimOrder
from statecharts.vocabulary import ContextState
from tests.core.desk import CLIENT, SECOND, Desk

settings.register_profile("quick", max_examples=40, stateful_step_count=30)
settings.register_profile("campaign", max_examples=3000, stateful_step_count=50)
_PROFILE = settings.get_profile(os.environ.get("HYPOTHESIS_PROFILE", "quick"))

TRADED = ("AAPL", "MSFT")  # through contexts
OCO_SYMBOL = "TSLA"  # its shares are the caller's, so it is kept apart
_DRAWN = (
    "child_activation", "children_on_parent_cancel", "child_quantity", "oca1_partial",
    "oca_reduction", "oca_on_cancel", "oca_siblings", "oca_reuse", "oca_modify",
    "oca_modify_stripped", "child_modify", "tif_preset", "stop_status", "rejected_status",
    "pending_cancel",
)  # fmt: skip
_DELAYS = st.sampled_from((0, 0, 5_000_000, 200_000_000))
CENT = Decimal("0.01")

symbols = st.sampled_from(TRADED)
cents = st.sampled_from((0, 1, -1, 30, -30, 120, -120, 200, -210, 310, -310, 700, -700))
sizes = st.sampled_from((1, 20, 50, 100, 130, 250, 100_000))


policies = st.fixed_dictionaries(
    {},
    optional={
        **{name: st.sampled_from(choices()[name]) for name in _DRAWN},
        **dict.fromkeys(("oca_delay_ns", "modify_delay_ns", "cancel_delay_ns"), _DELAYS),
    },
)


# The ATR is 0.50: stops are 3.00 away, targets 2.00 and more.
_DOUBLE_DOWNS = (
    None,
    None,
    {"levels": [0.5]},
    {"levels": [0.2, 0.9], "multiplier": 0.5, "reanchor": "average"},
    {"levels": [0.1, 0.4, 0.7], "multiplier": 0.3},
)
_SCALE_INS = (
    None,
    None,
    {"trigger_percent": 1, "portion": 50},
    {"trigger_percent": 0.5, "shares": 70, "times_max": 3, "reanchor": "keep"},
    {"trigger_percent": 1, "portion": 30, "times_max": 2, "stop": {"atr": 3, "percent": 2}},
)
_TARGETS = (
    {"atr": 4.0},
    {"atr": 4.0},
    [],
    [{"atr": 4.0, "portion": 50}, {"atr": 8.0, "portion": 50}],
    [{"atr": 3.0, "portion": 30}, {"percent": 5, "portion": 33}],
)
_TRAILS = (None, None, None, {"atr": 6.0}, {"percent": 2.0}, {"amount": 1.5})
_ENTRIES = (
    {"type": "market"},
    {"type": "market"},
    {"type": "limit", "offset": {"amount": 0.3}},
    {"type": "stop", "offset": {"atr": 1}},
)
strategies = st.fixed_dictionaries(
    {
        "on_opposite": st.sampled_from(("reverse", "close")),
        "cooldown_s": st.sampled_from((0.0, 0.0, 180.0)),
        "target": st.sampled_from(_TARGETS),
        "trailing": st.sampled_from(_TRAILS),
        "entry": st.sampled_from(_ENTRIES),
        "double_down": st.sampled_from(_DOUBLE_DOWNS),
        "scale_in": st.sampled_from(_SCALE_INS),
        "late_fill": st.sampled_from(("flatten", "protect")),
        "entry_partial": st.sampled_from(("keep", "flatten")),
        "entry_partial_timeout_s": st.sampled_from((None, None, 5.0)),
        "stop_unfilled_after_s": st.sampled_from((10.0, 1.0, None)),
        "resize": st.sampled_from(("amend", "amend", "replace")),
        "target_tif": st.sampled_from(("GTC", "DAY")),
    }
)

# Rules that come and go while it runs, each under the same name; a BUY wakes them before the
# strategy's own.
_WOKEN = {"kind": "event", "event": "PredictionSignalEvent", "where": ["signal == BUY"]}
_CHANGED: tuple[dict[str, Any], ...] = (
    {"kind": "adjust", "quantity": 120},
    {"kind": "adjust", "quantity": 400},
    {"kind": "adjust", "quantity": -100},
    {"kind": "adjust", "quantity": 0},
    {"kind": "cancel", "what": "adds"},
    {"kind": "cancel", "what": "entries"},
    {"kind": "double_down", "double_down": {"levels": [0.3, 0.6]}},
    {"kind": "scale_in", "scale_in": {"trigger_percent": 0.1, "portion": 20, "times_max": 2}},
    {"kind": "close_all", "symbols": "all", "reason": "rule"},
)
ADDS_MAX = {"double_down": 5, "scale_in": 5}  # of all plans above, and a rule's with them


faults = st.one_of(
    st.tuples(st.just("repeats"), st.integers(1, 3)),
    st.tuples(st.just("lost"), st.sampled_from((OrderStatusReported, OrderOpened))),
    st.tuples(st.just("shuffle"), st.integers(0, 5)),
    st.tuples(st.just("execution_delay_ns"), st.sampled_from((0, 1, 20)).map(SECOND.__mul__)),
    st.tuples(st.sampled_from(("executions_to_lose", "requests_to_lose")), st.just(1)),
)
# Ways of a price, in cents and with the size that is shown: to the target, to the stop, to an add
# and on, to a scale-in and back.
ways = st.lists(st.tuples(cents, sizes), min_size=1, max_size=5) | st.sampled_from(
    (
        [(-110, 60), (0, 100_000), (-250, 100_000)],
        [(-160, 100_000), (370, 100_000)],
        [(120, 20), (0, 100_000), (-160, 100)],
        [(110, 100_000), (110, 100_000), (-400, 130)],
        [(205, 50), (0, 100), (210, 100_000)],
    )
)


class WatchedDesk(Desk):
    """Looks at every add as it is sent, with what the core knew then."""

    def carry_out(self, command: Command) -> list[Input]:
        if isinstance(command, Place):
            order = self.core.state.orders[command.order_id]
            if order.role is Role.ADD:
                self.check_add(self.core.state.contexts[order.owner], command)
        return super().carry_out(command)

    def check_add(self, context: Context, command: Place) -> None:
        assert not context.exits_traded, "an add against exits that trade"
        assert context.held * context.side > 0, "an add to nothing"
        stop = context.stop_level(self.instruments[context.symbol].grid)
        limit = command.spec.limit_price
        assert limit is None or (limit - stop) * context.side > 0, f"{limit} is beyond {stop}"
        for kind, most in ADDS_MAX.items():
            sent = [one for one in context.intents if one.kind == kind]
            assert len(sent) <= most, f"{len(sent)} adds by {kind}"


class DeskMachine(RuleBasedStateMachine):
    @initialize(policies=policies, drawn=strategies)
    def open(self, policies: dict[str, object], drawn: dict[str, object]) -> None:
        strategy = {
            "symbols": [*TRADED, OCO_SYMBOL],
            "sizing": {"shares": 300},
            "stop": {"atr": 6.0},
            **drawn,
        }
        limits = {"orders_per_minute_max": 100_000}  # the clock stands still in a sequence
        config = from_mapping({"strategy": strategy, "limits": limits})
        self.desk = WatchedDesk(config, Policies(**policies))
        self.rule_there = False
        self.price = dict.fromkeys((*TRADED, OCO_SYMBOL), Decimal(100))
        self.references: list[str] = []
        for symbol in self.price:
            self.show(symbol, 100_000)

    def show(self, symbol: str, size: int) -> None:
        price = self.price[symbol]
        self.desk.quote(symbol, float(price - CENT), float(price), size, atr=0.5)

    def move(self, symbol: str, by_cents: int) -> None:
        self.price[symbol] = max(self.price[symbol] + by_cents * CENT, Decimal(20))

    # -- the market --------------------------------------------------------------------------

    @rule(symbol=st.sampled_from((*TRADED, OCO_SYMBOL)), by=cents, size=sizes)
    def quote(self, symbol: str, by: int, size: int) -> None:
        self.move(symbol, by)
        self.show(symbol, size)

    @rule(symbol=st.sampled_from((*TRADED, OCO_SYMBOL)), by=cents, size=sizes)
    def trade_at(self, symbol: str, by: int, size: int) -> None:
        self.trade(symbol, by, size)

    def trade(self, symbol: str, by: int, size: int) -> None:
        self.move(symbol, by)
        self.show(symbol, size)
        self.desk.trade(symbol, float(self.price[symbol]), size)

    @rule(seconds=st.sampled_from((0.01, 0.3, 1.0, 3.1, 6.0, 40.0)))
    def wait(self, seconds: float) -> None:
        self.desk.wait(seconds)

    # -- what is wanted ----------------------------------------------------------------------

    @rule(symbol=symbols, buys=st.booleans(), size=sizes, way=ways)
    def trade_goes(self, symbol: str, buys: bool, size: int, way: list[tuple[int, int]]) -> None:
        """A signal, and what the price does after it, as the side of the trade sees it."""
        self.show(symbol, size)
        self.desk.signal(symbol, "BUY" if buys else "SHORT")
        for by, shown in way:
            self.trade(symbol, by if buys else -by, shown)

    @rule(symbol=symbols, kind=st.sampled_from(("BUY", "SHORT", "SELL")))
    def signal(self, symbol: str, kind: str) -> None:
        self.desk.signal(symbol, kind)

    @rule(then=st.sampled_from(_CHANGED))
    def change_a_rule(self, then: dict[str, Any]) -> None:
        plain = {"id": "drawn", "priority": 60, "when": _WOKEN, "then": then}
        change = "replace" if self.rule_there else "add"
        self.rule_there = True
        self.desk.feed(RuleChanged(change, "drawn", orjson.dumps(plain).decode()))  # type: ignore[arg-type]

    @rule(
        name=st.sampled_from(("drawn", "pattern.buy", "pattern.scale_in", "pattern.short")),
        change=st.sampled_from(("enable", "disable")),
    )
    def switch_a_rule(self, name: str, change: str) -> None:
        self.desk.feed(RuleChanged(change, name))  # type: ignore[arg-type]

    @rule(symbol=st.sampled_from((*TRADED, None)))
    def close(self, symbol: str | None) -> None:
        self.desk.feed(CloseRequested(symbol, "operator"))

    @rule(symbol=symbols, buys=st.booleans(), entry=st.sampled_from((None, 0, 40, 150)))
    def bracket(self, symbol: str, buys: bool, entry: int | None) -> None:
        sign = 1 if buys else -1
        basis = self.price[symbol] - sign * (entry or 0) * CENT
        reference = f"b{len(self.references)}"
        self.references.append(reference)
        self.desk.feed(
            BracketRequested(
                reference,
                symbol,
                "BUY" if buys else "SELL",
                Decimal(200),
                basis - sign * 3,
                basis + sign * 2,
                None if entry is None else basis,
                self.desk.quotes[symbol],
            )
        )

    @rule(buys=st.booleans(), opposite=st.booleans())
    def oco(self, buys: bool, opposite: bool) -> None:
        price = self.price[OCO_SYMBOL]
        first, second = ("BUY", "SELL") if buys else ("SELL", "BUY")
        sign = 1 if buys else -1
        legs = (
            OcoLeg(first, "LMT", price - sign * 2),
            OcoLeg(second, "STP", price - sign * 4)
            if opposite
            else OcoLeg(first, "STP", price + sign * 2),
        )
        reference = f"o{len(self.references)}"
        self.references.append(reference)
        view = self.desk.quotes[OCO_SYMBOL]
        self.desk.feed(OcoRequested(reference, OCO_SYMBOL, Decimal(100), legs, view))

    @precondition(lambda self: self.references)
    @rule(number=st.integers(0, 20))
    def cancel(self, number: int) -> None:
        self.desk.feed(CancelRequested(self.references[number % len(self.references)]))

    # -- what goes wrong ---------------------------------------------------------------------

    @rule(number=st.integers(0, 20))
    def broker_cancels(self, number: int) -> None:
        orders = self.desk.exchange.open_orders(CLIENT)
        if orders:
            chosen = orders[number % len(orders)]
            self.desk.deliver(self.desk.exchange.cancel(CLIENT, chosen.order_id))

    @precondition(lambda self: self.desk.linked)
    @rule()
    def lose_the_link(self) -> None:
        self.desk.lose()

    @precondition(lambda self: not self.desk.linked)
    @rule()
    def find_the_link(self) -> None:
        self.desk.connect()

    @rule()
    def restart(self) -> None:
        self.desk.restart()

    @rule(fault=faults)
    def disturb(self, fault: tuple[str, Any]) -> None:
        what, value = fault
        courier = self.desk.courier
        if what == "lost":
            courier.lost ^= {value}
        elif what == "shuffle":
            courier.shuffle = random.Random(value) if value else None
        else:
            setattr(courier, what, value)

    # -- what must be true -------------------------------------------------------------------

    @rule()
    def come_to_rest(self) -> None:
        self.desk.heal()
        state = self.desk.core.state
        assert not state.frozen, state.frozen
        for symbol, held in self.desk.broker_positions().items():
            assert state.held(symbol) == held, f"{symbol}: broker {held}"
        live = {one.order_id: one for one in self.desk.exchange.open_orders(CLIENT)}
        believed = {number for number, one in state.orders.items() if not one.dead}
        assert live.keys() == believed, f"live {live.keys()}, believed {believed}"
        for symbol in TRADED:
            self.check_context(symbol)
        numbers = [one.order_id for one in self.desk.commands if isinstance(one, Place)]
        assert numbers == sorted(set(numbers)), "order ids must rise"

    def check_context(self, symbol: str) -> None:
        context = self.desk.core.state.current.get(symbol)
        if context is None:
            assert self.desk.core.state.held(symbol) == 0
            assert not self.desk.live(symbol)
            return
        resting = (ContextState.ENTERING, ContextState.PROTECTED, ContextState.ADDING)
        assert context.state in resting, context.state
        covers = self.desk.exchange.covers(symbol)
        assert uncovered(context.held, covers) == 0, "shares without a stop"
        live = {one.order_id: one for one in self.desk.exchange.open_orders(CLIENT)}
        for tranche, held in context.shares():
            own = [live[number] for number in tranche.orders if number in live]
            exits = [o for o in own if tranche.orders[o.order_id].role in EXIT_ROLES]
            stops = [o.remaining for o in exits if o.order_type in ("STP", "TRAIL")]
            assert max(stops, default=Decimal(0)) >= abs(held), "a tranche without its stop"
            grouped = [o.remaining for o in exits if o.oca_group == tranche.oca_group]
            alone = sum(
                (o.remaining for o in exits if o.oca_group != tranche.oca_group), Decimal(0)
            )
            worst = alone + max(grouped, default=Decimal(0))
            most = abs(held) + tranche.entry_rest
            assert worst <= most, f"exits of {worst} for {most} shares"
        self.check_adds(context, live)

    def check_adds(self, context: Context, live: dict[int, SimOrder]) -> None:
        """By what the exchange says: no add rests at or beyond a stop of what is held."""
        shown = [live[number] for number in context.orders if number in live]
        stops = [
            one.trail_stop_price or one.aux_price
            for one in shown
            if context.orders[one.order_id].role is Role.STOP
            and not one.why_held.startswith("child")
        ]
        for one in shown:
            if context.orders[one.order_id].role is Role.ADD and one.limit_price is not None:
                beyond = [s for s in stops if s and (one.limit_price - s) * context.side <= 0]
                assert not beyond, f"an add at {one.limit_price}, stops at {beyond}"

    def teardown(self) -> None:
        if not hasattr(self, "desk"):
            return
        self.come_to_rest()
        replayed = Core(self.desk.config)
        for (now_ns, inputs), answer in zip(self.desk.records, self.desk.answers, strict=True):
            assert replayed.step(inputs, now_ns).commands == answer
        assert replayed.state.digest() == self.desk.core.state.digest(), "replay differs"


TestDesk = DeskMachine.TestCase
TestDesk.settings = settings(
    _PROFILE,
    deadline=None,
    print_blob=True,
    suppress_health_check=list(HealthCheck),
    phases=[Phase.explicit, Phase.reuse, Phase.generate, Phase.shrink],
)
