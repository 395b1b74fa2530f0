"""Failures of such systems, by number and name, that do not happen here: trades and their exits.

Some live with the module that keeps them away (10 with the sizes, 21 with the orders, 23 and 27
with the writer thread); ``tests/test_contract.py`` sees to it that none is missing.
"""

from __future__ import annotations

from decimal import Decimal

import attrs
import pytest

from engine.commands import Amend, Place
from engine.errors import ConfigError
from engine.inputs import (
    ConditionFired,
    PositionReported,
)
from engine.orders import Role
from engine.reasons import Reason
from engine.sim.policies import Policies
from tests.core.desk import ACCOUNT, CLIENT, CLOSE_NS, OPEN_NS, SECOND, Desk
from tests.core.sided_desk import SidedDesk, desk
from tests.core.test_core import HOUR, config, placed, reasons, sent


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


LEAVE = {"id": "leave", "when": {"kind": "time", "start": "15:30", "end": "15:40"}}


@pytest.mark.parametrize(
    ("then", "minute", "closes"),
    [
        ({"kind": "close"}, 29, False),  # it comes back in time for the beginning
        ({"kind": "close"}, 35, True),
        ({"kind": "close"}, 41, False),
        ({"kind": "enter", "side": "SELL"}, 35, False),
    ],
)
def test_failure_26_a_restart_forgets_the_time_at_which_a_rule_closes(
    then: dict[str, str], minute: int, closes: bool
) -> None:
    """The process is not there when the window begins. Late is better than the night with shares
    that were to go; what opens is not done late."""
    d = Desk(config(rules=[{**LEAVE, "then": then}]))
    d.wait(5 * HOUR)
    d.quote("AAPL", 99.99, 100.0)
    d.signal("AAPL", "BUY")
    d.now_ns = OPEN_NS + (11 * HOUR // 2 + 60 * minute) * SECOND  # 15:00 and so many minutes
    d.deliver(d.exchange.advance(d.now_ns))
    d.restart()
    d.wait(1)
    assert d.context_state("AAPL") == ("flat" if closes else "protected")
    assert d.core.state.held("AAPL") == (0 if closes else 300)
    d.restart()
    d.wait(120)
    gone = closes or minute == 29
    assert d.context_state("AAPL") == ("flat" if gone else "protected")


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
