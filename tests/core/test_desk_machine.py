"""Anything in any order: signals, markets, requests and faults against the simulated exchange.

Whatever has happened, once faults end and time passes in a quiet market, the core and the
exchange agree, what is held is protected, and nothing lives that should not. The answers that
IB leaves open are drawn with each example.

``HYPOTHESIS_PROFILE=campaign`` plays far longer.
"""

from __future__ import annotations

import os
import random
from decimal import Decimal

import hypothesis.strategies as st
from hypothesis import HealthCheck, Phase, settings
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule

from engine.commands import Place
from engine.config import from_mapping
from engine.core import Core
from engine.inputs import (
    BracketRequested,
    CancelRequested,
    CloseRequested,
    OcoLeg,
    OcoRequested,
    OrderOpened,
    OrderStatusReported,
)
from engine.orders import EXIT_ROLES
from engine.sim.oracle import uncovered
from engine.sim.policies import Policies, choices
from statecharts.vocabulary import ContextState
from tests.core.desk import CLIENT, Desk

settings.register_profile("quick", max_examples=200, stateful_step_count=30)
settings.register_profile("campaign", max_examples=3000, stateful_step_count=50)
_PROFILE = settings.get_profile(os.environ.get("HYPOTHESIS_PROFILE", "quick"))

TRADED = ("AAPL", "MSFT")  # through contexts
OCO_SYMBOL = "TSLA"  # its shares are the caller's, so it is kept apart
_DRAWN = (
    "child_activation", "children_on_parent_cancel", "child_quantity", "oca1_partial",
    "oca_reduction", "oca_on_cancel", "oca_siblings", "oca_reuse", "oca_modify",
    "oca_modify_stripped", "stop_status", "rejected_status", "pending_cancel",
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


class DeskMachine(RuleBasedStateMachine):
    @initialize(
        policies=policies,
        on_opposite=st.sampled_from(("reverse", "close")),
        cooldown_s=st.sampled_from((0.0, 180.0)),
    )
    def open(self, policies: dict[str, object], on_opposite: str, cooldown_s: float) -> None:
        strategy = {
            "symbols": [*TRADED, OCO_SYMBOL],
            "sizing": {"shares": 300},
            "stop": {"atr": 6.0},
            "target": {"atr": 4.0},
            "on_opposite": on_opposite,
            "cooldown_s": cooldown_s,
        }
        self.desk = Desk(from_mapping({"strategy": strategy}), Policies(**policies))
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
    def trade(self, symbol: str, by: int, size: int) -> None:
        self.move(symbol, by)
        self.show(symbol, size)
        self.desk.trade(symbol, float(self.price[symbol]), size)

    @rule(seconds=st.sampled_from((0.01, 0.3, 1.0, 3.1, 6.0, 40.0)))
    def wait(self, seconds: float) -> None:
        self.desk.wait(seconds)

    # -- what is wanted ----------------------------------------------------------------------

    @rule(symbol=symbols, kind=st.sampled_from(("BUY", "SHORT", "SELL")))
    def signal(self, symbol: str, kind: str) -> None:
        self.desk.signal(symbol, kind)

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

    @rule(times=st.integers(1, 3))
    def repeat_messages(self, times: int) -> None:
        self.desk.courier.repeats = times

    @rule(kind=st.sampled_from((OrderStatusReported, OrderOpened)))
    def lose_messages(self, kind: type) -> None:
        self.desk.courier.lost ^= {kind}

    @rule(seed=st.integers(0, 5))
    def reorder_messages(self, seed: int) -> None:
        self.desk.courier.shuffle = random.Random(seed) if seed else None

    @rule(seconds=st.sampled_from((0, 1, 20)))
    def delay_executions(self, seconds: int) -> None:
        self.desk.courier.execution_delay_ns = seconds * 1_000_000_000

    @rule()
    def lose_an_execution(self) -> None:
        self.desk.courier.executions_to_lose = 1

    @rule()
    def lose_a_request(self) -> None:
        self.desk.courier.requests_to_lose = 1

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
        assert context.state in (ContextState.ENTERING, ContextState.PROTECTED), context.state
        floor = self.desk.exchange._floor
        assert uncovered(context.held, floor._covers(symbol)) == 0, "shares without a stop"
        most = abs(context.held) + context.opening_rest
        alone, grouped = Decimal(0), Decimal(0)
        for order in self.desk.exchange.open_orders(CLIENT):
            known = self.desk.core.state.orders[order.order_id]
            if known.symbol != symbol or known.role not in EXIT_ROLES:
                continue
            if order.oca_group == context.tranches[0].oca_group:
                grouped = max(grouped, order.remaining)
            else:
                alone += order.remaining
        assert alone + grouped <= most, f"exits of {alone} + {grouped} for {most} shares"

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
