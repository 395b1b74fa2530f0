"""Failures that such systems have had, each by its number and name; here they do not happen.

Where a trade has a side, both are played: the desk shows a short trade as if it were long. Some
failures live with the module that keeps them away (10 with the sizes, 21 with the orders, 23 and
27 with the writer thread); ``tests/test_contract.py`` sees to it that none is missing.
"""

from __future__ import annotations

import random
from decimal import Decimal
from itertools import pairwise

import attrs
import orjson
import pytest

from engine.commands import Amend, Cancel, Place, Snapshot
from engine.errors import ConfigError
from engine.events import (
    AlertEvent,
    FillEvent,
    RejectEvent,
    TradeEvent,
)
from engine.inputs import (
    AccountReported,
    AccountValue,
    BracketRequested,
    CloseRequested,
    ConditionFired,
    MarketView,
    OcoLeg,
    OcoRequested,
    OrderIdGranted,
    OrderStatusReported,
    PositionReported,
    RuleChanged,
    Signal,
    SignalArrived,
    Stopped,
)
from engine.orders import Role
from engine.reasons import Reason
from engine.sim.exchange import Exchange
from engine.sim.policies import Policies
from statecharts.vocabulary import OrderReport
from tests.core.desk import ACCOUNT, CLIENT, CLOSE_NS, OPEN_NS, SECOND, Desk
from tests.core.test_core import HOUR, config, placed, reasons, sent

WORDS = {"BUY": "SELL", "SELL": "BUY"}
SIGNALS = {"BUY": "SHORT", "SHORT": "BUY"}
PROTECTED = ["SELL 300 LMT 104.00", "SELL 300 STP 94.00"]


class SidedDesk(Desk):
    """A desk seen from a long trade: of a short one, prices are mirrored at 100 and sides are
    swapped, on the way in and on the way out."""

    side = 1

    def price(self, price: Decimal | float | str) -> Decimal:
        """What this price is on the other side of 100, if the trade is short."""
        exact = Decimal(str(price))
        return exact if self.side > 0 else 200 - exact

    def word(self, action: str) -> str:
        return action if self.side > 0 else WORDS[action]

    def quote(
        self, symbol: str, bid: float, ask: float, size: int = 100_000, atr: float | None = 1.0
    ) -> None:
        low, high = sorted((float(self.price(bid)), float(self.price(ask))))
        super().quote(symbol, low, high, size, atr)

    def trade(self, symbol: str, price: float, size: int = 100_000) -> None:
        super().trade(symbol, float(self.price(price)), size)

    def signal(
        self, symbol: str, kind: str, confidence: float = 1.0, identity: str | None = None
    ) -> None:
        kind = kind if self.side > 0 else SIGNALS[kind]
        super().signal(symbol, kind, confidence, identity)

    def bracket(
        self, symbol: str, entry: str | None, stop: str, reference: str = "b1", quantity: int = 300
    ) -> None:
        view = self.quotes[symbol]
        at = None if entry is None else self.price(entry)
        side = self.word("BUY")
        shares, stop_at, target = Decimal(quantity), self.price(stop), self.price(104)
        self.feed(
            BracketRequested(reference, symbol, side, shares, stop_at, target, at, view)  # type: ignore[arg-type]
        )

    def close(self, symbol: str | None) -> None:
        self.feed(CloseRequested(symbol, "operator"))

    def held(self, symbol: str) -> Decimal:
        return self.side * self.core.state.held(symbol)

    def position(self, symbol: str) -> Decimal:
        return self.side * self.exchange.position(symbol)

    def live(self, symbol: str) -> list[str]:
        lines = [line.split() for line in super().live(symbol)]
        return sorted(
            " ".join(
                [self.word(words[0]), *words[1:3], *(f"{self.price(p):.2f}" for p in words[3:])]
            )
            for words in lines
        )


@pytest.fixture(params=[1, -1], ids=["long", "short"])
def side(request: pytest.FixtureRequest) -> int:
    return int(request.param)


def desk(side: int, policies: Policies | None = None, **strategy: object) -> SidedDesk:
    made = SidedDesk(config(**strategy), policies)
    made.side = side
    for symbol in made.instruments:
        made.quote(symbol, 99.99, 100.0)
    return made


def told(d: Desk, *levels: str) -> list[str]:
    return [e.text for e in d.events if isinstance(e, AlertEvent) and e.level in levels]


# -- 1 and 2: the end of the day -----------------------------------------------------------------


def test_failure_01_end_of_day_closes_one_symbol_and_abandons_the_rest(side: int) -> None:
    """Long, short, and one whose close finds no liquidity at first: each has its own process."""
    d = desk(side)
    d.wait(6 * HOUR)
    for symbol, kind in (("AAPL", "BUY"), ("MSFT", "SHORT"), ("TSLA", "BUY")):
        d.signal(symbol, kind)
    d.quote("AAPL", 99.99, 100.0, size=100)
    d.wait((CLOSE_NS - d.now_ns) / SECOND - 59)
    assert d.context_state("AAPL") == "closing"
    assert (d.context_state("MSFT"), d.context_state("TSLA")) == ("flat", "flat")
    d.quote("AAPL", 99.99, 100.0)
    assert d.context_state("AAPL") == "flat"
    assert not any(d.broker_positions().values())
    d.signal("AAPL", "BUY")
    assert reasons(d)[-1] == Reason.SESSION_CLOSED


def test_failure_01_a_frozen_symbol_is_closed_as_soon_as_its_truth_is_known(side: int) -> None:
    d = desk(side)
    d.wait((CLOSE_NS - d.now_ns) / SECOND - 120)
    d.signal("AAPL", "BUY")
    con_id = d.instruments["AAPL"].con_id
    d.feed(PositionReported(ACCOUNT, con_id, "AAPL", side * Decimal(310), Decimal(100)))
    context = d.core.state.current["AAPL"]
    d.core.state.foreign[con_id] = Decimal(5)  # what a manual trade elsewhere would do
    d.wait(20)
    assert d.context_state("AAPL") == "frozen"
    d.wait(50)
    assert (d.context_state("AAPL"), d.held("AAPL")) == ("frozen", 300)
    d.core.state.foreign[con_id] = Decimal(0)
    d.wait(20)
    assert d.context_state("AAPL") == "flat"
    assert context.held == 0


def test_failure_02_end_of_day_sells_what_was_stopped_out(side: int) -> None:
    d = desk(side)
    d.wait(6 * HOUR)
    d.signal("AAPL", "BUY")
    d.trade("AAPL", 93.99)
    before = len(d.commands)
    d.wait((CLOSE_NS - d.now_ns) / SECOND)
    assert not [c for c in d.commands[before:] if isinstance(c, Place | Amend)]
    assert d.exchange.oracle.crossings == 0


@pytest.mark.parametrize("request_kind", ["reversal", "close"])
def test_failure_02_a_reversal_sells_what_was_stopped_out(side: int, request_kind: str) -> None:
    """The stop has filled and its status says so, but the execution is still on its way; the
    broker would take the close, its group being of the past."""
    d = desk(side, Policies(oca_reuse="allow", oca_siblings="forget"))
    d.signal("AAPL", "BUY")
    d.courier.execution_delay_ns = 2 * SECOND
    d.trade("AAPL", 93.99)
    if request_kind == "close":
        d.close("AAPL")
    else:
        d.signal("AAPL", "SHORT")
    assert not placed(d, Role.CLOSE)
    d.wait(1)
    d.courier.execution_delay_ns = 0
    d.wait(10)
    assert not placed(d, Role.CLOSE)
    assert d.exchange.oracle.crossings == 0
    assert d.position("AAPL") == (0 if request_kind == "close" else -300)


# -- 3 to 6: entries and their exits -------------------------------------------------------------


@pytest.mark.parametrize("atr", [None, 0.0, float("nan"), float("inf"), -1.0, 20.0])
def test_failure_03_an_entry_goes_out_without_a_computable_stop(atr: float | None) -> None:
    d = desk(1, stop={"atr": 6.0})
    d.quote("AAPL", 99.99, 100.0, atr=atr)
    d.signal("AAPL", "BUY")
    assert reasons(d) == [Reason.NO_STOP]
    assert not sent(d, Place)


@pytest.mark.parametrize("atr", [None, 0.0, float("nan"), float("inf"), -1.0])
def test_failure_03_nor_does_a_short_entry(atr: float | None) -> None:
    """20 ATR above a short entry there is a price, below a long one there is none."""
    d = desk(-1, stop={"atr": 6.0})
    d.quote("AAPL", 99.99, 100.0, atr=atr)
    d.signal("AAPL", "BUY")
    assert reasons(d) == [Reason.NO_STOP]
    assert not sent(d, Place)


@pytest.mark.parametrize("end", ["refused", "cancelled", "expired", "cancelled alone"])
def test_failure_04_stop_or_target_live_while_the_entry_never_filled(side: int, end: str) -> None:
    """Nothing of such an entry is left, nor was it ever able to trade; not even at a broker that
    forgets the exits of an entry that it ends."""
    poor = Policies(margin="refuse", cash=Decimal(40_000), margin_rate=Decimal(1))
    d = desk(side, poor if end == "refused" else None, close_before_end_s=0)
    d.bracket("AAPL", "98", "94", quantity=500 if end == "refused" else 100)
    d.trade("AAPL", 104.5)
    if end == "cancelled alone":
        d.exchange._floor._orphan = lambda _: None  # type: ignore[method-assign]
    if end.startswith("cancelled"):
        d.deliver(d.exchange.cancel(CLIENT, placed(d, Role.ENTRY)[-1].order_id))
    elif end == "expired":
        assert len(d.live("AAPL")) == 3
        d.wait((CLOSE_NS - d.now_ns) / SECOND + 1)
    d.trade("AAPL", 93.0)
    assert (d.live("AAPL"), d.context_state("AAPL")) == ([], "flat")
    assert not d.exchange.executions()


def test_failure_05_exit_size_taken_from_ordered_not_executed_quantity(side: int) -> None:
    d = desk(side)
    d.quote("AAPL", 99.99, 100.0, size=100)
    d.bracket("AAPL", "100", "94")
    assert d.held("AAPL") == 100
    d.deliver(d.exchange.cancel(CLIENT, placed(d, Role.ENTRY)[0].order_id))
    assert d.live("AAPL") == ["SELL 100 LMT 104.00", "SELL 100 STP 94.00"]
    d.close("AAPL")
    assert [p.spec.quantity for p in placed(d, Role.CLOSE)] == [100]


def test_failure_06_lost_updates_under_rapid_partial_fills(side: int) -> None:
    """Ten fills of 100 on 1,000 leave 0, not 900; the stop shrinks with each of them."""
    d = desk(side, sizing={"shares": 1000})
    d.signal("AAPL", "BUY")
    for number in range(1, 11):
        d.quote("AAPL", 104.0, 104.01, size=100)
        assert d.held("AAPL") == 1000 - 100 * number
        if number < 10:
            assert f"SELL {1000 - 100 * number} STP 94.00" in d.live("AAPL")
    assert d.live("AAPL") == []
    assert d.context_state("AAPL") == "flat"


@pytest.mark.parametrize("modify", ["allow", "refuse_keep", "refuse_cancel"])
def test_failure_06_old_and_new_stop_both_live_after_a_replace(side: int, modify: str) -> None:
    d = desk(side, Policies(oca_modify=modify), sizing={"shares": 200})
    d.quote("AAPL", 99.99, 100.0, size=100)
    d.signal("AAPL", "BUY")
    d.quote("AAPL", 100.39, 100.4, size=100)
    d.wait(5)
    assert [line for line in d.live("AAPL") if "STP" in line] == ["SELL 200 STP 94.20"]


# -- 7 to 9, 11 and 12: signals -------------------------------------------------------------------


def test_failure_07_a_queued_cancel_all_strips_the_next_trades_protection(side: int) -> None:
    """The cancels of the old trade are slow; the next trade's exits are other orders."""
    d = desk(side, Policies(cancel_delay_ns=200_000_000, oca_siblings="forget"))
    d.signal("AAPL", "BUY")
    d.close("AAPL")
    d.signal("AAPL", "BUY")  # too early: refused, not queued
    assert reasons(d) == [Reason.BUSY]
    d.wait(0.2)
    d.signal("AAPL", "BUY")
    d.wait(5)
    assert d.live("AAPL") == PROTECTED


def test_failure_08_one_signal_fires_again_when_its_cooldown_ends(side: int) -> None:
    d = desk(side, cooldown_s=60.0)
    d.signal("AAPL", "BUY", identity="first")
    d.close("AAPL")
    d.signal("AAPL", "BUY", identity="second")
    assert reasons(d) == [Reason.COOLDOWN]
    d.wait(120)
    assert len(placed(d, Role.ENTRY)) == 1
    for identity in ("first", "second"):
        d.signal("AAPL", "BUY", identity=identity)
    assert reasons(d)[1:] == [Reason.DUPLICATE_SIGNAL] * 2
    assert len(placed(d, Role.ENTRY)) == 1


def test_failure_09_a_rejection_leaves_a_phantom_trade_that_blocks_the_symbol(side: int) -> None:
    d = desk(side, Policies(margin="refuse", cash=Decimal(100), margin_rate=Decimal(1)))
    d.signal("AAPL", "BUY")
    assert Reason.BROKER_REJECTED in reasons(d)
    assert d.context_state("AAPL") == "flat"
    d.quotes["AAPL"] = MarketView("AAPL")
    d.signal("AAPL", "BUY")
    assert reasons(d)[-1] == Reason.NO_PRICE
    d.quote("AAPL", 99.99, 100.0)
    d.signal("AAPL", "BUY")
    assert reasons(d)[-1] == Reason.BROKER_REJECTED
    assert len(placed(d, Role.ENTRY)) == 2
    assert not d.core.state.executions_today  # only executions count


@pytest.mark.parametrize("on_opposite", ["reverse", "close", "ignore"])
def test_failure_11_buy_and_sell_arriving_together_both_enter(side: int, on_opposite: str) -> None:
    d = desk(side, on_opposite=on_opposite)
    view = d.quotes["AAPL"]
    before = len(d.answers)
    kinds = ("BUY", "SHORT") if side > 0 else ("SHORT", "BUY")
    d.feed(
        *[
            SignalArrived(Signal(f"x:{kind}", "test", "AAPL", kind, 1.0, d.now_ns), view)
            for kind in kinds
        ]
    )
    first = [c for c in d.answers[before] if isinstance(c, Place) and not c.spec.parent_id]
    assert [d.word(c.spec.action) for c in first] == ["BUY"]
    d.wait(5)
    assert d.exchange.oracle.crossings == 0
    ends = {"reverse": -300, "close": 0, "ignore": 300}
    assert d.position("AAPL") == ends[on_opposite]


def test_failure_12_flatten_repeated_on_every_opposite_signal(side: int) -> None:
    d = desk(side, on_opposite="close")
    d.signal("AAPL", "BUY")
    d.quote("AAPL", 99.99, 100.0, size=1)
    for _ in range(5):
        d.signal("AAPL", "SHORT")
    assert len(placed(d, Role.CLOSE)) == 1
    assert reasons(d) == [Reason.BUSY] * 4


# -- 13 and 16: adds -----------------------------------------------------------------------------


@pytest.mark.parametrize("level", [0.01, 0.5, 0.9, 0.999])
def test_failure_13_double_down_beyond_the_stop(side: int, level: float) -> None:
    """On a coarse grid a level near the stop would be rounded onto it: there is none then."""
    d = desk(side, double_down={"levels": [level]}, stop={"amount": 0.05})
    d.signal("AAPL", "BUY")
    adds = [p for p in placed(d) if p.order_id > 3 and not p.spec.parent_id]
    assert len(adds) == 1
    assert Decimal("99.95") < d.price(adds[0].spec.limit_price or 0) <= 100


@pytest.mark.parametrize("level", [0.0, 1.0, 1.5, -0.5])
def test_failure_13_a_level_at_the_stop_or_beyond_is_no_setting(level: float) -> None:
    with pytest.raises(ConfigError, match="levels lie between"):
        config(double_down={"levels": [level]})


def test_failure_13_double_down_never_checked_for_risk(side: int) -> None:
    """300 at 6.00 and 300 at 3.00 are 2,700 at the stop; what is already held counts, and every
    limit of an entry holds for an add too."""
    for limits, reason in (
        ({"position_risk_max": Decimal(2_699)}, Reason.RISK_TOO_LARGE),
        ({"position_notional_max": Decimal(59_000)}, Reason.NOTIONAL_TOO_LARGE),
        ({"gross_notional_max": Decimal(59_000)}, Reason.GROSS_TOO_LARGE),
        ({"orders_per_minute_max": 5}, Reason.TOO_MANY_ORDERS),
        ({"position_risk_max": Decimal(2_700)}, None),
    ):
        settings = config(double_down={"levels": [0.5]})
        limited = attrs.evolve(settings.limits, **limits)
        d = SidedDesk(attrs.evolve(settings, limits=limited))
        d.side = side
        d.quote("AAPL", 99.99, 100.0)
        d.signal("AAPL", "BUY")
        assert reasons(d) == ([] if reason is None else [reason])
        assert len(placed(d)) == (6 if reason is None else 3)
        d.wait(100)
        assert len(reasons(d)) == (0 if reason is None else 1), "refused once, not asked again"
        assert d.held("AAPL") == 300


def test_failure_13_double_down_into_an_exit_that_trades(side: int) -> None:
    """The target has begun to fill: what is lower now is bought by somebody else."""
    d = desk(side, double_down={"levels": [0.5]})
    d.signal("AAPL", "BUY")
    assert "BUY 300 LMT 97.00" in d.live("AAPL")
    d.quote("AAPL", 104.0, 104.01, size=100)
    assert not [line for line in d.live("AAPL") if line.startswith("BUY")]


def test_failure_16_scale_in_repeats_each_evaluation(side: int) -> None:
    """Price above the trigger for long, the rule asked again and again, also after a restart."""
    d = desk(side, scale_in={"portion": 50})
    d.signal("AAPL", "BUY")
    for step in range(10):
        d.quote("AAPL", 102.99 + step / 100, 103.0 + step / 100)
        d.quote("AAPL", 101.0, 101.01)
    watch = next(w for w in d.core.state.watches if w.startswith("profit:"))
    number = d.core.state.watches[watch].number
    for _ in range(5):
        d.feed(ConditionFired(number, d.quotes["AAPL"]))
    d.restart()
    d.quote("AAPL", 103.49, 103.5)
    adds = [p for p in placed(d) if "-A" in p.spec.order_ref]
    assert len(adds) == 1
    assert d.held("AAPL") == 450
    assert (
        {Reason.ADDS_USED_UP}
        <= set(reasons(d))
        <= {
            Reason.ADDS_USED_UP,
            Reason.PROFIT_TOO_SMALL,  # the watch had fired, and the price was gone again
        }
    )


def test_failure_16_scale_in_repeats_while_its_order_waits(side: int) -> None:
    d = desk(side, scale_in={"portion": 50, "times_max": 5})
    d.signal("AAPL", "BUY")
    d.quote("AAPL", 102.99, 103.0, size=50)
    watch = next(w for w in d.core.state.watches if w.startswith("profit:"))
    for _ in range(5):
        number = d.core.state.watches[watch].number
        d.feed(ConditionFired(number, d.quotes["AAPL"]))
    assert len([p for p in placed(d) if "-A" in p.spec.order_ref]) == 1
    assert set(reasons(d)) == {Reason.ADD_PENDING}


# -- 14, 15, 17 to 20, 22: the broker's words ----------------------------------------------------


@pytest.mark.parametrize("status", ["", "Gone Fishing", "Sübmitted", "PendingReplace"])
def test_failure_14_a_status_callback_that_raises_and_is_swallowed(side: int, status: str) -> None:
    """What makes no sense is told and asked about; the step is not lost."""
    d = desk(side)
    d.signal("AAPL", "BUY")
    stop = placed(d, Role.STOP)[0].order_id
    before = len(sent(d, Snapshot))
    d.wait(1)
    d.feed(
        OrderStatusReported(
            stop, 0, CLIENT, 0, status, Decimal(0), Decimal(300), Decimal(0), "trigger"
        )
    )
    assert any("unknown status" in text for text in told(d, "warning"))
    assert len(sent(d, Snapshot)) > before
    assert d.core.state.orders[stop].reported == OrderReport.HELD
    assert d.live("AAPL") == PROTECTED


@pytest.mark.parametrize("seed", range(6))
def test_failure_15_fills_lost_or_doubled(side: int, seed: int) -> None:
    """Status before execution, everything three times, in any order, and a fill that meets the
    cancel of its order."""
    d = desk(side, Policies(cancel_delay_ns=100_000_000, pending_cancel=True))
    d.courier.repeats, d.courier.shuffle, d.courier.used = 3, random.Random(seed), True
    d.quote("AAPL", 99.99, 100.0, size=100)
    d.bracket("AAPL", "100", "94")
    d.close("AAPL")
    d.quote("AAPL", 99.99, 100.0, size=150)  # into the cancel of the entry
    assert len(d.said(FillEvent)) == len(d.exchange.executions())
    d.heal()
    assert d.held("AAPL") == d.position("AAPL") == 0
    assert len(d.said(FillEvent)) == len(d.exchange.executions())
    traded = sum(event.quantity for event in d.events if isinstance(event, TradeEvent))
    left = [e for e in d.exchange.executions() if e.side == d.word("SELL")]
    assert traded == sum(e.quantity for e in left)


def test_failure_17_bracket_children_or_oco_cancels_that_never_reach_the_broker(side: int) -> None:
    d = desk(side, Policies(oca_siblings="forget"))
    d.bracket("AAPL", "99", "94")
    burst = placed(d)
    assert [p.spec.transmit for p in burst] == [False, False, True]
    assert {p.spec.parent_id for p in burst[1:]} == {burst[0].order_id}
    assert len(d.live("AAPL")) == 3
    legs = [OcoLeg(d.word("BUY"), kind, d.price(at)) for kind, at in (("LMT", 98), ("STP", 102))]  # type: ignore[arg-type]
    d.feed(OcoRequested("o1", "MSFT", Decimal(100), (legs[0], legs[1]), d.quotes["MSFT"]))
    d.trade("MSFT", 102.0)
    assert d.live("MSFT") == []  # the broker has forgotten the sibling; we have not


def test_failure_18_order_types_or_time_in_force_sent_empty(side: int) -> None:
    """Of every order that a trade can have: entries, adds, exits, trailing ones, a close."""
    plain = desk(side, double_down={"levels": [0.5]}, scale_in={"portion": 50})
    trailing = desk(side, trailing={"percent": 5}, outside_rth=True, entry=_LIMIT)
    for d in (plain, trailing):
        d.signal("AAPL", "BUY")
        d.quote("AAPL", 102.99, 103.0)
        d.quote("AAPL", 98.98, 98.99)
        d.signal("AAPL", "SHORT")
        d.close(None)
        d.bracket("MSFT", "98", "94")
    specs = [c.spec for d in (plain, trailing) for c in d.commands if isinstance(c, Place | Amend)]
    assert {spec.order_type for spec in specs} == {"MKT", "LMT", "STP", "TRAIL"}
    for spec in specs:
        assert spec.tif in ("DAY", "GTC")
        assert spec.account == ACCOUNT
        assert (spec.limit_price is not None) == (spec.order_type == "LMT")
        assert (spec.aux_price is not None) == (spec.order_type == "STP")
        trails = spec.trail_percent is not None and spec.trail_stop_price is not None
        assert trails == (spec.order_type == "TRAIL")
        assert spec.order_ref.replace("-", "").isalnum()
    protective = [s for s in specs if s.order_type in ("STP", "TRAIL")]
    assert all(s.tif == "GTC" and s.oca_type == 2 and s.oca_group for s in protective)


_LIMIT = {"type": "limit", "offset": {"amount": 1}}


@pytest.mark.parametrize("status", ["Inactive", "Cancelled", "none"])
def test_failure_19_a_broker_rejection_nobody_handles(side: int, status: str) -> None:
    d = desk(side, Policies(margin="refuse", cash=Decimal(1), rejected_status=status))
    d.signal("AAPL", "BUY")
    d.wait(5)
    (rejected,) = [e for e in d.said(RejectEvent) if e.role == "entry"]
    assert rejected.code == 201
    assert "buying power" in rejected.reason
    assert not [o for o in d.core.state.orders.values() if not o.dead]
    assert d.context_state("AAPL") == "flat"


@pytest.mark.parametrize("order_type", ["STP", "LMT"])
def test_failure_19_of_an_add_that_is_rejected_the_trade_goes_on(
    side: int, order_type: str
) -> None:
    """A rejected add, or one whose stop is rejected: what is held keeps its own protection."""
    d = desk(side, double_down={"levels": [0.5, 0.8]})
    d.quote("AAPL", 99.99, 100.0, size=299)
    d.signal("AAPL", "BUY")
    d.refusals[order_type] = 1
    d.quote("AAPL", 99.99, 100.0)
    d.wait(5)
    assert d.cover("AAPL", ("STP",)) == {d.price(94): 300}
    assert d.held("AAPL") == 300
    assert [line for line in d.live("AAPL") if line.startswith("BUY")] == ["BUY 300 LMT 95.20"]


def test_failure_20_decimal_quantities_mixed_with_floats(side: int) -> None:
    """Three fills of 0.1 are 0.3, and so is the stop."""
    d = SidedDesk(config(sizing={"shares": 0.3}, entry=_LIMIT), connect=False)
    d.side = side
    for symbol, one in d.instruments.items():
        d.instruments[symbol] = attrs.evolve(one, lot=Decimal("0.1"))
    d.exchange = Exchange(list(d.instruments.values()), ACCOUNT, Policies(), 1, d.now_ns, 7)
    d.start()
    d.quote("AAPL", 99.99, 100.0)
    d.signal("AAPL", "BUY")
    for _ in range(3):
        d.broker_fills("AAPL", ["LMT"], Decimal("0.1"))
    assert d.held("AAPL") == Decimal("0.3")
    assert d.live("AAPL") == ["SELL 0.3 LMT 103.00", "SELL 0.3 STP 93.00"]
    for command in d.commands:
        if isinstance(command, Place | Amend):
            spec = command.spec
            for number in (spec.quantity, spec.limit_price, spec.aux_price):
                assert number is None or type(number) is Decimal


def test_failure_22_order_ids_reused_or_reset() -> None:
    """TWS grants a lower id after a restart; ours only rise, also across our own restart."""
    d = desk(1)
    d.signal("AAPL", "BUY")
    d.feed(OrderIdGranted(1))
    d.signal("MSFT", "BUY")
    d.restart()
    d.feed(OrderIdGranted(2))
    d.signal("TSLA", "BUY")
    numbers = [p.order_id for p in placed(d)]
    assert all(a < b for a, b in pairwise(numbers))
    assert len(numbers) == 9
    d.feed(OrderIdGranted(5000))
    d.close("TSLA")
    assert placed(d)[-1].order_id == 5000


# -- 24: rules -----------------------------------------------------------------------------------


def _logging(name: str, priority: int, event: str = "PredictionSignalEvent") -> str:
    when = {"kind": "event", "event": event}
    then = {"kind": "log", "level": "critical", "text": name}
    return orjson.dumps({"id": name, "priority": priority, "when": when, "then": then}).decode()


def test_failure_24_rule_registered_during_evaluation_breaks_the_loop() -> None:
    """Signals and changes of rules in one step: each signal is asked of exactly the rules that
    stood when it came, in their order, each once."""
    d = desk(1, pattern=False)
    view = d.quotes["AAPL"]

    def signal(name: str) -> SignalArrived:
        return SignalArrived(Signal(name, "test", "AAPL", "BUY", 1.0, d.now_ns), view)

    d.feed(
        RuleChanged("add", "b", _logging("b", 50)),
        RuleChanged("add", "d", _logging("d", 10)),
        signal("1"),
        RuleChanged("add", "a", _logging("a", 100)),
        RuleChanged("add", "c", _logging("c", 50)),
        signal("2"),
        RuleChanged("remove", "b"),
        RuleChanged("replace", "d", _logging("d", 70)),
        signal("3"),
        RuleChanged("disable", "a"),
        signal("4"),
    )
    assert told(d, "critical") == [*"bd", *"abcd", *"adc", *"dc"]


def test_failure_24_a_rule_that_is_gone_when_its_turn_comes_does_nothing() -> None:
    """It was woken by an event, and waits for the market of the moment."""
    d = desk(1)
    d.feed(RuleChanged("add", "x", _logging("x", 0, "PositionOpenEvent")))
    d.carry_out = _first_removing(d, "x")  # type: ignore[method-assign]
    d.signal("AAPL", "BUY")
    assert told(d, "critical") == []
    assert d.held("AAPL") == 300


def _first_removing(d: Desk, rule: str) -> object:
    """What the desk carries out; before it answers a look at the market a rule is removed."""
    carry_out = d.carry_out

    def answered(command: object) -> list[object]:
        told = list(carry_out(command))  # type: ignore[arg-type]
        seen = type(command).__name__ == "LookAtMarket"
        return [RuleChanged("remove", rule), *told] if seen else told

    return answered


# -- 25, 26, 28: what is known, and kept ----------------------------------------------------------


def test_failure_25_several_copies_of_the_truth_about_a_position(side: int) -> None:
    """Whatever statuses and positions say, the position is the fold of executions."""
    d = desk(side)
    d.signal("AAPL", "BUY")
    entry = placed(d, Role.ENTRY)[0].order_id
    d.courier.used = True  # the broker is about to lie
    con_id = d.instruments["AAPL"].con_id
    d.feed(
        OrderStatusReported(
            entry, 0, CLIENT, 0, "Filled", Decimal(900), Decimal(0), Decimal(1), ""
        ),
        PositionReported(ACCOUNT, con_id, "AAPL", side * Decimal(900), Decimal(100)),
    )
    assert d.held("AAPL") == 300
    assert d.core.state.current["AAPL"].held == side * 300
    assert d.core.state.orders[entry].filled == 300


def test_failure_26_restart_forgets_positions_and_executes_the_last_signal_again(
    side: int,
) -> None:
    d = desk(side, double_down={"levels": [0.5]})
    d.signal("AAPL", "BUY", identity="the last")
    d.signal("MSFT", "SHORT")
    before = len(placed(d))
    lines = d.live("AAPL")
    d.restart()
    d.signal("AAPL", "BUY", identity="the last")
    assert reasons(d)[-1] == Reason.DUPLICATE_SIGNAL
    assert (d.held("AAPL"), d.held("MSFT")) == (300, -300)
    d.wait(60)
    assert len(placed(d)) == before
    assert d.live("AAPL") == lines
    assert not d.core.state.frozen


def test_failure_28_shutdown_leaves_positions_unmanaged_without_saying_so(side: int) -> None:
    """What is held is told with its symbol; what is flat is not, and no protection is taken."""
    d = desk(side)
    d.signal("AAPL", "BUY")
    d.signal("MSFT", "BUY")
    d.close("MSFT")
    sent_before = len(d.commands)
    d.feed(Stopped("signal 15"))
    (alert,) = [e for e in d.events if isinstance(e, AlertEvent) and e.level == "warning"]
    assert alert.symbol == "AAPL"
    assert "300 shares held" in alert.text
    assert len(d.commands) == sent_before
    assert d.live("AAPL") == PROTECTED


# -- 29 to 32: time, account and costs -----------------------------------------------------------


def test_failure_29_atr_cached_for_the_whole_day(side: int) -> None:
    """Every decision takes the ATR of its own moment, a reversal that waited too."""
    d = desk(side, sizing={"shares": 300})
    d.signal("AAPL", "BUY")
    assert d.live("AAPL") == PROTECTED
    d.close("AAPL")
    d.quote("AAPL", 99.99, 100.0, atr=2.0)
    d.signal("AAPL", "BUY")
    assert d.live("AAPL") == ["SELL 300 LMT 108.00", "SELL 300 STP 88.00"]
    d.quote("AAPL", 99.99, 100.0, size=100, atr=2.0)
    d.signal("AAPL", "SHORT")
    assert d.context_state("AAPL") == "reversing"
    d.quote("AAPL", 99.99, 100.0, size=500, atr=0.5)
    assert d.live("AAPL") == ["BUY 300 LMT 97.99", "BUY 300 STP 102.99"]


@pytest.mark.parametrize("early_hour", [13, 16])
def test_failure_30_local_time_taken_for_exchange_time(side: int, early_hour: int) -> None:
    """An early close: the exchange's own session decides, not the clock on a wall."""
    early = OPEN_NS + (early_hour * HOUR - 9 * HOUR - HOUR // 2) * SECOND
    d = SidedDesk(config(close_before_end_s=60), sessions=((OPEN_NS, early),))
    d.side = side
    d.quote("AAPL", 99.99, 100.0)
    d.signal("AAPL", "BUY")
    d.wait((early - d.now_ns) / SECOND - 61)
    assert d.context_state("AAPL") == "protected"
    d.wait(2)
    assert d.context_state("AAPL") == "flat"
    d.signal("AAPL", "BUY")
    assert reasons(d)[-1] == Reason.SESSION_CLOSED


def test_failure_31_constant_equity_and_no_account_checks(side: int) -> None:
    """The size follows what our account is worth now, as the broker last told; nothing is
    assumed when it has told nothing, or nothing that is a number, or of another account."""

    def worth(amount: str, account: str = ACCOUNT) -> None:
        d.feed(AccountReported(account, (AccountValue("NetLiquidation", amount, "USD"),)))

    d = desk(side, sizing={"risk_percent": 1})
    for amount, account in ((None, ""), ("1000000", "U7"), ("n/a", ACCOUNT), ("-5", ACCOUNT)):
        if amount is not None:
            worth(amount, account)
        d.signal("AAPL", "BUY")
        assert reasons(d)[-1] in (Reason.NO_EQUITY, Reason.NO_SIZE)
    assert not placed(d)
    for amount, shares in (("60000", 100), ("45000", 75), ("90000", 150)):
        worth(amount)
        d.signal("AAPL", "BUY")
        assert d.held("AAPL") == shares
        d.close("AAPL")


def test_failure_32_commissions_ignored_in_profit_and_loss(side: int) -> None:
    d = desk(side, Policies(commission_per_share=Decimal("0.01")))
    d.signal("AAPL", "BUY")
    d.close("AAPL")
    (trade,) = d.said(TradeEvent)
    assert trade.commission == 6
    assert trade.realised == Decimal("-0.01") * 300 - 6


def test_a_desk_of_a_short_trade_looks_like_one_of_a_long_trade() -> None:
    """The mirror itself: it must not hide that the other side was traded."""
    d = desk(-1)
    d.signal("AAPL", "BUY")
    assert d.exchange.position("AAPL") == -300
    assert Desk.live(d, "AAPL") == ["BUY 300 LMT 96.00", "BUY 300 STP 106.00"]
    assert d.live("AAPL") == PROTECTED
    assert not sent(d, Cancel)
