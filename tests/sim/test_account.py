"""Money at the simulated broker, to the last digit."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.sim.account import Account, Position, commission
from engine.sim.instruments import instrument
from engine.sim.policies import Policies

IBM = instrument("IBM")


@pytest.mark.parametrize(
    ("quantity", "value", "expected"),
    [
        (100, 10_000, "1.00"),  # the minimum
        (1000, 25_000, "5.000"),  # half a cent a share
        (1000, 250, "2.50"),  # one per cent of the value
        (10, 2, "0.02"),  # the maximum wins over the minimum
    ],
)
def test_fixed_commission(quantity, value, expected):
    assert commission(Policies(), Decimal(quantity), Decimal(value)) == Decimal(expected)


def test_an_order_pays_its_minimum_once_over_all_its_fills(trial):
    t = trial()
    t.quote(99.98, 100.0, 60)
    t.place(1, "BUY", 300, "MKT")
    for _ in range(4):
        t.quote(99.98, 100.0, 60)
    fees = [one.commission for one in t.exchange.commissions()]
    assert fees == [Decimal(text) for text in ("1", "0", "0", "0.2", "0.3")]
    assert sum(fees) == Decimal("1.5")


def test_the_average_cost_holds_the_opening_commission_and_profit_is_net_of_both(trial):
    t = trial()
    t.quote(99.0, 100.0, 100)
    t.place(1, "BUY", 100, "MKT")
    assert t.exchange.positions()[0].average_cost == Decimal("100.01")
    t.quote(103.0, 104.0, 100)
    t.place(2, "SELL", 40, "MKT")
    realised = t.exchange.commissions()[-1].realised
    assert realised == 40 * (Decimal(103) - Decimal("100.01")) - 1
    assert {k: v for k, v, _ in t.exchange.account_values()}["RealizedPnL"] == "118.60"


def test_crossing_zero_closes_one_position_and_opens_another():
    held = Position(IBM)
    assert held.apply("BUY", Decimal(100), Decimal(10), Decimal(1)) is None
    realised = held.apply("SELL", Decimal(150), Decimal(12), Decimal(3))
    assert realised == Decimal(100 * 12) - Decimal(1001) - Decimal(2)
    assert held.quantity == -50
    assert held.average_cost == Decimal("11.98")  # 12 less the share of the commission
    assert held.apply("BUY", Decimal(50), Decimal(11), Decimal(1)) == Decimal(599 - 550 - 1)
    assert (held.quantity, held.cost) == (0, 0)


def test_account_values_state_margin_and_buying_power(trial):
    t = trial(cash=Decimal(100_000))
    t.quote(99.99, 100.0, 500)
    t.place(1, "SELL", 500, "MKT")
    t.trade(90.0)
    values = {
        key: Decimal(value) for key, value, currency in t.exchange.account_values() if currency
    }
    assert values["GrossPositionValue"] == 45_000
    assert values["NetLiquidation"] == Decimal("100000") + 500 * Decimal("9.99") - Decimal("2.5")
    assert values["InitMarginReq"] == values["MaintMarginReq"] == 11_250
    assert values["AvailableFunds"] == values["NetLiquidation"] - 11_250
    assert values["BuyingPower"] == 4 * values["AvailableFunds"]
    assert values["UnrealizedPnL"] == 500 * Decimal("9.99") - Decimal("2.5")
    assert values["RealizedPnL"] == 0
    assert values["EquityWithLoanValue"] == values["NetLiquidation"]


TRADES = st.lists(
    st.tuples(
        st.sampled_from(["BUY", "SELL"]),
        st.integers(1, 997),
        st.integers(1, 30_000),
        st.integers(0, 999),
    ),
    max_size=60,
)


@given(TRADES)
def test_nothing_is_ever_lost_to_rounding(trades):
    account = Account("DU1", Policies(), lambda symbol: None)
    start, profit, position = account.cash, Decimal(0), 0
    for side, quantity, cents, fee in trades:
        before = account.position("IBM")
        realised = account.apply(
            IBM, side, Decimal(quantity), Decimal(cents) / 100, Decimal(fee) / 1000
        )
        change = quantity if side == "BUY" else -quantity
        position += change
        assert (realised is None) == (before * change >= 0)
        profit += realised or 0
        held = account.book["IBM"]
        assert held.quantity == position
        assert account.cash + held.cost == start + profit
        if position == 0:
            assert held.cost == 0
            assert account.net_liquidation() == account.cash
