"""Failures of such systems, by number and name, that do not happen here: what is known and kept."""

from __future__ import annotations

from decimal import Decimal

import pytest

from engine.commands import Cancel
from engine.events import (
    AlertEvent,
    TradeEvent,
)
from engine.inputs import (
    AccountReported,
    AccountValue,
    OrderStatusReported,
    PositionReported,
    Stopped,
)
from engine.orders import Role
from engine.reasons import Reason
from engine.sim.policies import Policies
from tests.core.desk import ACCOUNT, CLIENT, OPEN_NS, SECOND, Desk
from tests.core.sided_desk import PROTECTED, SidedDesk, desk
from tests.core.test_core import HOUR, config, placed, reasons, sent


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
