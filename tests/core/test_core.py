"""Failures that such systems have had, each named; here they do not happen."""

from __future__ import annotations

from decimal import Decimal
from itertools import pairwise

import attrs
import pytest

from engine.commands import Amend, Cancel, Command, LookAtMarket, Place, Snapshot
from engine.config import Config, from_mapping
from engine.core import Core
from engine.events import (
    AlertEvent,
    FillEvent,
    PositionCloseEvent,
    PositionOpenEvent,
    RefusalEvent,
    RejectEvent,
    TradeEvent,
)
from engine.inputs import (
    BracketRequested,
    CloseRequested,
    ErrorReported,
    ExecutionReported,
    MarketView,
    OcoLeg,
    OcoRequested,
    OrderIdGranted,
    OrderStatusReported,
    PositionReported,
    Signal,
    SignalArrived,
    Started,
    Stopped,
)
from engine.orders import Role
from engine.reasons import Reason
from engine.sim.policies import Policies
from engine.sim.records import MarketTick
from statecharts.vocabulary import OrderReport
from tests.core.desk import ACCOUNT, CLIENT, CLOSE_NS, OPEN_NS, SECOND, Desk

HOUR = 3600


def config(**strategy: object) -> Config:
    return from_mapping(
        {
            "strategy": {
                "symbols": ["AAPL", "MSFT", "TSLA"],
                "sizing": {"shares": 300},
                "cooldown_s": 0.0,
                **strategy,
            }
        }
    )


def desk(policies: Policies | None = None, **strategy: object) -> Desk:
    made = Desk(config(**strategy), policies)
    for symbol in made.instruments:
        made.quote(symbol, 99.99, 100.0)
    return made


def sent(one: Desk, kind: type[Command]) -> list[Command]:
    return [command for command in one.commands if isinstance(command, kind)]


def placed(one: Desk, role: Role | None = None) -> list[Place]:
    letter = {Role.ENTRY: "-E", Role.STOP: "-S", Role.TARGET: "-T", Role.CLOSE: "-C"}
    return [
        command
        for command in one.commands
        if isinstance(command, Place) and (role is None or letter[role] in command.spec.order_ref)
    ]


def reasons(one: Desk) -> list[str]:
    return [event.reason for event in one.events if isinstance(event, RefusalEvent)]


def bracket(
    symbol: str, entry: str | None, stop: str, reference: str = "b1", quantity: int = 300
) -> BracketRequested:
    return BracketRequested(
        reference, symbol, "BUY", Decimal(quantity), Decimal(stop), Decimal(104),
        None if entry is None else Decimal(entry), MarketView(symbol, 99.99, 100.0, 100.0, 0),
    )  # fmt: skip


def test_failure_01_end_of_day_closes_one_symbol_and_abandons_the_rest() -> None:
    """Long, short, and one whose close finds no liquidity at first: each has its own process."""
    d = desk()
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


def test_failure_01_a_frozen_symbol_is_closed_as_soon_as_its_truth_is_known() -> None:
    d = desk()
    d.wait((CLOSE_NS - d.now_ns) / SECOND - 120)
    d.signal("AAPL", "BUY")
    con_id = d.instruments["AAPL"].con_id
    d.feed(PositionReported(ACCOUNT, con_id, "AAPL", Decimal(310), Decimal(100)))
    context = d.core.state.current["AAPL"]
    d.core.state.foreign[con_id] = Decimal(5)  # what a manual trade elsewhere would do
    d.wait(20)
    assert d.context_state("AAPL") == "frozen"
    d.wait(50)
    assert (d.context_state("AAPL"), d.core.state.held("AAPL")) == ("frozen", 300)
    d.core.state.foreign[con_id] = Decimal(0)
    d.wait(20)
    assert d.context_state("AAPL") == "flat"
    assert context.held == 0


def test_failure_02_end_of_day_sells_what_was_stopped_out() -> None:
    d = desk()
    d.wait(6 * HOUR)
    d.signal("AAPL", "BUY")
    d.trade("AAPL", 93.99, 100_000)
    before = len(d.commands)
    d.wait((CLOSE_NS - d.now_ns) / SECOND)
    assert not [c for c in d.commands[before:] if isinstance(c, Place | Amend)]
    assert d.exchange.oracle.crossings == 0


@pytest.mark.parametrize("request_kind", ["reversal", "close"])
def test_failure_02_a_reversal_sells_what_was_stopped_out(request_kind: str) -> None:
    """The stop has filled and its status says so, but the execution is still on its way; the
    broker would take the close, its group being of the past."""
    d = desk(Policies(oca_reuse="allow", oca_siblings="forget"))
    d.signal("AAPL", "BUY")
    d.courier.execution_delay_ns = 2 * SECOND
    d.trade("AAPL", 93.99, 100_000)
    d.quotes["AAPL"] = MarketView("AAPL", 93.98, 94.0, 93.99, 0, 1.0)
    if request_kind == "close":
        d.feed(CloseRequested("AAPL", "operator"))
    else:
        d.signal("AAPL", "SHORT")
    assert not placed(d, Role.CLOSE)
    d.wait(1)
    d.courier.execution_delay_ns = 0
    d.wait(10)
    assert not placed(d, Role.CLOSE)
    assert d.exchange.oracle.crossings == 0
    assert d.broker_positions()["AAPL"] == (0 if request_kind == "close" else -300)


@pytest.mark.parametrize("atr", [None, 0.0, float("nan"), float("inf"), -1.0, 20.0])
def test_failure_03_an_entry_goes_out_without_a_computable_stop(atr: float | None) -> None:
    d = desk(stop={"atr": 6.0})
    d.quote("AAPL", 99.99, 100.0, atr=atr)
    d.signal("AAPL", "BUY")
    assert reasons(d) == [Reason.NO_STOP]
    assert not sent(d, Place)


def test_failure_04_stop_or_target_live_while_the_entry_never_filled() -> None:
    """A refused, a cancelled and an expired entry: nothing of them is left, nor was it ever
    able to trade."""
    d = desk(Policies(margin="refuse", cash=Decimal(40_000), margin_rate=Decimal(1)))
    d.feed(bracket("AAPL", None, "94", quantity=500))
    assert d.live("AAPL") == []
    assert d.context_state("AAPL") == "flat"
    d.feed(bracket("MSFT", "98", "94", "b2"))
    d.trade("MSFT", 104.5, 100_000)
    d.deliver(d.exchange.cancel(CLIENT, placed(d, Role.ENTRY)[-1].order_id))
    d.trade("MSFT", 93.0, 100_000)
    assert (d.live("MSFT"), d.context_state("MSFT")) == ([], "flat")
    assert not d.exchange.executions()


def test_failure_05_exit_size_taken_from_ordered_not_executed_quantity() -> None:
    d = desk()
    d.quote("AAPL", 99.99, 100.0, size=100)
    d.feed(bracket("AAPL", "100", "94"))
    assert d.core.state.held("AAPL") == 100
    d.deliver(d.exchange.cancel(CLIENT, placed(d, Role.ENTRY)[0].order_id))
    assert d.live("AAPL") == ["SELL 100 LMT 104.00", "SELL 100 STP 94.00"]
    d.feed(CloseRequested("AAPL", "operator"))
    assert [p.spec.quantity for p in placed(d, Role.CLOSE)] == [100]


def test_failure_06_lost_updates_under_rapid_partial_fills() -> None:
    """Ten fills of 100 on 1,000 leave 0, not 900; the stop shrinks with each of them."""
    d = desk(sizing={"shares": 1000})
    d.signal("AAPL", "BUY")
    for number in range(1, 11):
        d.quote("AAPL", 104.0, 104.01, size=100)
        assert d.core.state.held("AAPL") == 1000 - 100 * number
        if number < 10:
            assert f"SELL {1000 - 100 * number} STP 94.00" in d.live("AAPL")
    assert d.live("AAPL") == []
    assert d.context_state("AAPL") == "flat"


@pytest.mark.parametrize("modify", ["allow", "refuse_keep", "refuse_cancel"])
def test_failure_06_old_and_new_stop_both_live_after_a_replace(modify: str) -> None:
    d = desk(Policies(oca_modify=modify), sizing={"shares": 200})
    d.quote("AAPL", 99.99, 100.0, size=100)
    d.signal("AAPL", "BUY")
    d.quote("AAPL", 100.39, 100.4, size=100)
    d.wait(5)
    assert [line for line in d.live("AAPL") if "STP" in line] == ["SELL 200 STP 94.20"]


def test_failure_07_a_queued_cancel_all_strips_the_next_trades_protection() -> None:
    """The cancels of the old trade are slow; the next trade's exits are other orders."""
    d = desk(Policies(cancel_delay_ns=200_000_000, oca_siblings="forget"))
    d.signal("AAPL", "BUY")
    d.feed(CloseRequested("AAPL", "operator"))
    d.signal("AAPL", "BUY")  # too early: refused, not queued
    assert reasons(d) == [Reason.BUSY]
    d.wait(0.2)
    d.signal("AAPL", "BUY")
    d.wait(5)
    assert d.live("AAPL") == ["SELL 300 LMT 104.00", "SELL 300 STP 94.00"]


def test_failure_08_one_signal_fires_again_when_its_cooldown_ends() -> None:
    d = desk(cooldown_s=60.0)
    d.signal("AAPL", "BUY", identity="first")
    d.feed(CloseRequested("AAPL", "operator"))
    d.signal("AAPL", "BUY", identity="second")
    assert reasons(d) == [Reason.COOLDOWN]
    d.wait(120)
    assert len(placed(d, Role.ENTRY)) == 1
    for identity in ("first", "second"):
        d.signal("AAPL", "BUY", identity=identity)
    assert reasons(d)[1:] == [Reason.DUPLICATE_SIGNAL] * 2
    assert len(placed(d, Role.ENTRY)) == 1


def test_failure_09_a_rejection_leaves_a_phantom_trade_that_blocks_the_symbol() -> None:
    d = desk(Policies(margin="refuse", cash=Decimal(100), margin_rate=Decimal(1)))
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
def test_failure_11_buy_and_sell_arriving_together_both_enter(on_opposite: str) -> None:
    d = desk(on_opposite=on_opposite)
    view = d.quotes["AAPL"]
    before = len(d.answers)
    d.feed(
        *[
            SignalArrived(Signal(f"x:{kind}", "test", "AAPL", kind, 1.0, d.now_ns), view)
            for kind in ("BUY", "SHORT")
        ]
    )
    first = [c for c in d.answers[before] if isinstance(c, Place) and not c.spec.parent_id]
    assert [c.spec.action for c in first] == ["BUY"]
    d.wait(5)
    assert d.exchange.oracle.crossings == 0
    ends = {"reverse": -300, "close": 0, "ignore": 300}
    assert d.broker_positions()["AAPL"] == ends[on_opposite]


def test_failure_12_flatten_repeated_on_every_opposite_signal() -> None:
    d = desk(on_opposite="close")
    d.signal("AAPL", "BUY")
    d.quote("AAPL", 99.99, 100.0, size=1)
    for _ in range(5):
        d.signal("AAPL", "SHORT")
    assert len(placed(d, Role.CLOSE)) == 1
    assert reasons(d) == [Reason.BUSY] * 4


@pytest.mark.parametrize("status", ["", "Gone Fishing", "Sübmitted", "PendingReplace"])
def test_failure_14_a_status_callback_that_raises_and_is_swallowed(status: str) -> None:
    """What makes no sense is told and asked about; the step is not lost."""
    d = desk()
    d.signal("AAPL", "BUY")
    stop = placed(d, Role.STOP)[0].order_id
    before = len(sent(d, Snapshot))
    d.wait(1)
    d.feed(
        OrderStatusReported(
            stop, 0, CLIENT, 0, status, Decimal(0), Decimal(300), Decimal(0), "trigger"
        )
    )
    assert any("unknown status" in e.text for e in d.events if isinstance(e, AlertEvent))
    assert len(sent(d, Snapshot)) > before
    assert d.core.state.orders[stop].reported == OrderReport.HELD
    assert d.live("AAPL") == ["SELL 300 LMT 104.00", "SELL 300 STP 94.00"]


@pytest.mark.parametrize("seed", range(6))
def test_failure_15_fills_lost_or_doubled(seed: int) -> None:
    """Status before execution, everything three times, in any order, and a fill that meets the
    cancel of its order."""
    import random

    d = desk(Policies(cancel_delay_ns=100_000_000, pending_cancel=True))
    d.courier.repeats, d.courier.shuffle, d.courier.used = 3, random.Random(seed), True
    d.quote("AAPL", 99.99, 100.0, size=100)
    d.feed(bracket("AAPL", "100", "94"))
    d.feed(CloseRequested("AAPL", "operator"))
    d.quote("AAPL", 99.99, 100.0, size=150)  # into the cancel of the entry
    assert len(d.said(FillEvent)) == len(d.exchange.executions())
    d.heal()
    assert d.core.state.held("AAPL") == d.broker_positions()["AAPL"] == 0
    assert len(d.said(FillEvent)) == len(d.exchange.executions())
    traded = sum(event.quantity for event in d.events if isinstance(event, TradeEvent))
    assert traded == sum(e.quantity for e in d.exchange.executions() if e.side == "SELL")


def test_failure_17_bracket_children_or_oco_cancels_that_never_reach_the_broker() -> None:
    d = desk(Policies(oca_siblings="forget"))
    d.feed(bracket("AAPL", "99", "94"))
    burst = placed(d)
    assert [p.spec.transmit for p in burst] == [False, False, True]
    assert {p.spec.parent_id for p in burst[1:]} == {burst[0].order_id}
    assert len(d.live("AAPL")) == 3
    legs = (OcoLeg("BUY", "LMT", Decimal(98)), OcoLeg("BUY", "STP", Decimal(102)))
    d.feed(OcoRequested("o1", "MSFT", Decimal(100), legs, d.quotes["MSFT"]))
    d.trade("MSFT", 102.0, 100_000)
    assert d.live("MSFT") == []  # the broker has forgotten the sibling; we have not


def test_failure_18_order_types_or_time_in_force_sent_empty() -> None:
    d = desk()
    d.signal("AAPL", "BUY")
    d.signal("AAPL", "SHORT")
    d.feed(CloseRequested(None, "operator"), bracket("MSFT", "98", "94"))
    specs = [c.spec for c in d.commands if isinstance(c, Place | Amend)]
    assert len(specs) == 11
    for spec in specs:
        assert spec.order_type in ("MKT", "LMT", "STP")
        assert spec.tif in ("DAY", "GTC")
        assert spec.account == ACCOUNT
        assert (spec.limit_price is not None) == (spec.order_type == "LMT")
        assert (spec.aux_price is not None) == (spec.order_type == "STP")
        assert spec.order_ref.replace("-", "").isalnum()
    protective = [s for s in specs if s.order_type == "STP"]
    assert all(s.tif == "GTC" and s.oca_type == 2 and s.oca_group for s in protective)


@pytest.mark.parametrize("status", ["Inactive", "Cancelled", "none"])
def test_failure_19_a_broker_rejection_nobody_handles(status: str) -> None:
    d = desk(Policies(margin="refuse", cash=Decimal(1), rejected_status=status))
    d.signal("AAPL", "BUY")
    d.wait(5)
    (rejected,) = [e for e in d.said(RejectEvent) if e.role == "entry"]
    assert rejected.code == 201
    assert "buying power" in rejected.reason
    assert not [o for o in d.core.state.orders.values() if not o.dead]
    assert d.context_state("AAPL") == "flat"


def test_failure_20_decimal_quantities_mixed_with_floats() -> None:
    d = desk(sizing={"shares": 0.3})
    tiny = {symbol: attrs.evolve(one, lot=Decimal("0.1")) for symbol, one in d.instruments.items()}
    d.core.state.instruments.update(tiny)
    d.signal("AAPL", "BUY")
    for command in d.commands:
        if isinstance(command, Place | Amend):
            spec = command.spec
            for number in (spec.quantity, spec.limit_price, spec.aux_price):
                assert number is None or type(number) is Decimal
    assert placed(d)[0].spec.quantity == Decimal("0.3")


def test_failure_22_order_ids_reused_or_reset() -> None:
    """TWS grants a lower id after a restart; ours only rise, also across our own restart."""
    d = desk()
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
    d.feed(CloseRequested("TSLA", "operator"))
    assert placed(d)[-1].order_id == 5000


def test_failure_25_several_copies_of_the_truth_about_a_position() -> None:
    """Whatever statuses and positions say, the position is the fold of executions."""
    d = desk()
    d.signal("AAPL", "BUY")
    entry = placed(d, Role.ENTRY)[0].order_id
    d.courier.used = True  # the broker is about to lie
    d.feed(
        OrderStatusReported(
            entry, 0, CLIENT, 0, "Filled", Decimal(900), Decimal(0), Decimal(1), ""
        ),
        PositionReported(ACCOUNT, d.instruments["AAPL"].con_id, "AAPL", Decimal(900), Decimal(100)),
    )
    assert d.core.state.held("AAPL") == 300
    assert d.core.state.current["AAPL"].held == 300
    assert d.core.state.orders[entry].filled == 300


def test_failure_26_restart_forgets_positions_and_executes_the_last_signal_again() -> None:
    d = desk()
    d.signal("AAPL", "BUY", identity="the last")
    d.signal("MSFT", "SHORT")
    before = len(placed(d))
    d.restart()
    d.signal("AAPL", "BUY", identity="the last")
    assert reasons(d)[-1] == Reason.DUPLICATE_SIGNAL
    assert (d.core.state.held("AAPL"), d.core.state.held("MSFT")) == (300, -300)
    d.wait(60)
    assert len(placed(d)) == before
    assert not d.core.state.frozen


def test_failure_28_shutdown_leaves_positions_unmanaged_without_saying_so() -> None:
    d = desk()
    d.signal("AAPL", "BUY")
    d.feed(Stopped("signal 15"))
    (alert,) = [e for e in d.events if isinstance(e, AlertEvent) and e.level == "warning"]
    assert alert.symbol == "AAPL"
    assert "300 shares held" in alert.text


def test_failure_30_local_time_taken_for_exchange_time() -> None:
    """An early close: the exchange's own session decides, not the clock on a wall."""
    d = Desk(config(close_before_end_s=60), connect=False)
    early = OPEN_NS + 3 * HOUR * SECOND + HOUR * SECOND // 2  # 13:00 in New York
    d.instruments = {
        symbol: attrs.evolve(one, sessions=((OPEN_NS, early),))
        for symbol, one in d.instruments.items()
    }
    d.start()
    d.quote("AAPL", 99.99, 100.0)
    d.signal("AAPL", "BUY")
    d.wait((early - d.now_ns) / SECOND - 61)
    assert d.context_state("AAPL") == "protected"
    d.wait(2)
    assert d.context_state("AAPL") == "flat"
    d.signal("AAPL", "BUY")
    assert reasons(d)[-1] == Reason.SESSION_CLOSED


def test_failure_32_commissions_ignored_in_profit_and_loss() -> None:
    d = desk(Policies(commission_per_share=Decimal("0.01")))
    d.signal("AAPL", "BUY")
    d.feed(CloseRequested("AAPL", "operator"))
    (trade,) = d.said(TradeEvent)
    assert trade.commission == 6
    assert trade.realised == Decimal("-0.01") * 300 - 6


# -- the step itself ---------------------------------------------------------------------------


def test_a_link_that_is_down_gets_no_bytes() -> None:
    """Everything that can be asked for, while the link is down: the desk refuses any command."""
    d = desk()
    d.signal("AAPL", "BUY")
    d.feed(bracket("MSFT", "98", "94"))
    d.lose()
    d.signal("AAPL", "SHORT")
    d.signal("TSLA", "BUY")
    d.feed(CloseRequested("MSFT", "operator"))
    d.wait(10)
    d.connect()
    d.wait(1)
    assert (d.context_state("MSFT"), d.live("MSFT")) == ("flat", [])
    assert not d.core.state.held("TSLA")


def test_a_position_is_told_as_it_opens_and_closes() -> None:
    d = desk()
    d.signal("AAPL", "BUY")
    d.trade("AAPL", 104.02, 100_000)
    (opened,) = d.said(PositionOpenEvent)
    assert (opened.symbol, opened.side, opened.quantity) == ("AAPL", "long", 300)
    (closed,) = d.said(PositionCloseEvent)
    assert (closed.exit_price, closed.reason) == (104, "target")
    assert [e.sequence for e in d.events] == sorted({e.sequence for e in d.events})


def test_a_limit_far_from_the_market_is_outside_the_collar() -> None:
    d = desk()
    d.feed(bracket("AAPL", "80", "70"))
    assert reasons(d) == [Reason.OUTSIDE_COLLAR]
    assert not sent(d, Place)


def test_errors_about_nothing_of_ours_change_no_order() -> None:
    d = desk()
    d.signal("AAPL", "BUY")
    before = d.core.state.orders.copy()
    reports = [o.reported for o in before.values()]
    for code in (2104, 10197, 354, 1100, 162, 399, 10349, 2109):
        d.feed(ErrorReported(-1, code, "text"))
        d.feed(ErrorReported(2, code, "text") if code in (399, 10349, 2109) else Stopped("x"))
    assert [o.reported for o in d.core.state.orders.values()] == reports


def test_a_reversal_looks_at_the_market_of_its_own_moment() -> None:
    d = desk()
    d.signal("AAPL", "BUY")
    d.quote("AAPL", 99.99, 100.0, size=100)
    d.signal("AAPL", "SHORT")
    d.quotes["AAPL"] = attrs.evolve(d.quotes["AAPL"], quote_age_ns=61 * SECOND)
    notices = d.exchange.on_tick(MarketTick(d.now_ns, "AAPL", "B", 99.99, 100_000))
    d.deliver(notices)
    assert sent(d, LookAtMarket)
    assert reasons(d)[-1] == Reason.STALE_PRICE
    assert d.context_state("AAPL") == "flat"


def test_a_reversal_that_took_too_long_is_given_up() -> None:
    d = desk()
    d.signal("AAPL", "BUY")
    d.quote("AAPL", 99.99, 100.0, size=100)
    d.signal("AAPL", "SHORT")
    d.wait(31)
    d.quote("AAPL", 99.99, 100.0)
    assert reasons(d)[-1] == Reason.REVERSAL_TIMED_OUT


def test_a_core_without_inputs_has_nothing_to_do() -> None:
    core = Core(config())
    assert core.next_deadline_ns is None
    assert core.step((), OPEN_NS).commands == []
    core.step((Started("sx1", "test", _settings(), CLIENT, ACCOUNT),), OPEN_NS)
    fill = ExecutionReported(
        "x.01", 1, 0, CLIENT, "", ACCOUNT, 999, "ELSE", "BUY", Decimal(1), Decimal(1),
        Decimal(1), "ISLAND", "", False,
    )  # fmt: skip
    assert core.step((fill,), OPEN_NS).commands == []
    assert sent(desk(), Cancel) == []


def _settings() -> str:
    import orjson

    from engine.config import CONVERTER

    return orjson.dumps(CONVERTER.unstructure(config())).decode()
