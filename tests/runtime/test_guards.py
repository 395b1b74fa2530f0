"""What pulls the kill switch by itself, and what only looks."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path

import attrs
import pytest

from engine.config import Guards as Settings
from engine.config import LimitGroup, from_mapping
from engine.daybook import DayBook
from engine.engine import Engine
from engine.events import AlertEvent, RejectEvent
from engine.guards import Guards
from engine.headroom import WARN_AT, far, uses
from engine.inputs import HaltRequested, Noticed
from engine.sim.tws_sim import TwsSim
from tests.core.desk import Desk, account_worth

DAY_1, DAY_2 = 1, 2
LIMITS = Settings(
    day_loss_max=Decimal(1_000),
    day_drawdown_max=Decimal(2_000),
    rejects_per_minute_max=3,
    frozen_s_max=60.0,
)
MINUTE_NS = 60_000_000_000


def desk(**limits: object) -> Desk:
    strategy = {"symbols": ["AAPL"], "sizing": {"shares": 100}, "stop": {"percent": 5}}
    made = Desk(from_mapping({"strategy": strategy, "limits": limits}))
    made.quote("AAPL", 100.0, 100.0)
    return made


def pulled(
    guards: Guards, d: Desk, profit: float, fall: float = 0.0, day: int = DAY_1
) -> list[int]:
    found = guards.look(d.core.state, profit, fall, d.now_ns, day)
    return [one.level for one in found if isinstance(one, HaltRequested)]


@pytest.mark.parametrize(
    ("profit", "fall", "levels"),
    [
        (-999.99, 0.0, []),
        (-1_000.0, 0.0, [2]),
        (5_000.0, 1_999.99, []),
        (5_000.0, 2_000.0, [2]),
        (float("nan"), float("nan"), []),
        (float("-inf"), 0.0, []),
    ],
)
def test_the_days_loss_and_its_fall(profit: float, fall: float, levels: list[int]) -> None:
    assert pulled(Guards(LIMITS), desk(), profit, fall) == levels


def test_a_person_who_resumes_is_not_overruled_the_same_day_but_the_next() -> None:
    guards, d = Guards(LIMITS), desk()
    assert pulled(guards, d, -1_500.0) == [2]
    assert pulled(guards, d, -1_600.0) == []
    assert pulled(guards, d, -1_500.0, day=DAY_2) == [2]


def test_a_storm_of_rejections_halts_and_so_does_the_next_one() -> None:
    guards, d = Guards(LIMITS), desk()
    d.signal("AAPL", "BUY")
    order = next(iter(d.core.state.orders.values()))
    rejected = RejectEvent(
        d.now_ns, 1, order.order_id, 0, "", "AAPL", "BUY", Decimal(1), Decimal(0), Decimal(1), None,
        "rejected", "entry", 201, "no",
    )  # fmt: skip
    guards.take([rejected, rejected])
    assert pulled(guards, d, 0.0) == []
    guards.take([rejected])
    assert pulled(guards, d, 0.0) == [1]
    assert pulled(guards, d, 0.0) == []

    d.now_ns += 2 * MINUTE_NS
    assert pulled(guards, d, 0.0) == []
    guards.take([attrs.evolve(rejected, time_ns=d.now_ns)] * 3)
    assert pulled(guards, d, 0.0) == [1]


def test_a_doubt_that_lasts_halts_and_so_does_a_new_one() -> None:
    guards, d = Guards(LIMITS), desk()
    for _ in range(2):
        d.core.state.frozen["AAPL"] = "to see"
        assert pulled(guards, d, 0.0) == []
        d.now_ns += MINUTE_NS + 1
        assert pulled(guards, d, 0.0) == [1]
        del d.core.state.frozen["AAPL"]
        assert pulled(guards, d, 0.0) == []


def test_limits_are_told_at_80_and_at_100_per_cent_and_again_only_after_less() -> None:
    guards, d = Guards(LIMITS), desk(gross_notional_max=12_000, position_notional_max=10_000)
    d.signal("AAPL", "BUY")

    def told() -> list[tuple[str, str]]:
        found = guards.look(d.core.state, 0.0, 0.0, d.now_ns, DAY_1)
        return [
            (one.level, one.text.partition(":")[0]) for one in found if isinstance(one, Noticed)
        ]

    assert told() == [("warning", "gross_notional"), ("critical", "AAPL notional")]
    assert told() == []
    d.feed(Noticed("warning", "gross_notional: to see"))
    assert d.said(AlertEvent)[-1].text == "gross_notional: to see"


def test_a_limit_of_a_symbol_is_told_again_for_its_next_trade() -> None:
    """When a trade has ended nothing of its limits is used: that is less than was told."""
    guards, d = Guards(LIMITS), desk(position_notional_max=10_000)
    told = ["AAPL notional: 10000.00 of 10000.00 is used"]
    d.signal("AAPL", "BUY")
    guards.take([])
    assert noticed(guards, d) == told
    d.signal("AAPL", "SELL")
    d.wait(60.0)
    assert d.context_state("AAPL") == "flat"
    guards.take([])
    assert noticed(guards, d) == []
    d.wait(600.0)
    d.quote("AAPL", 100.0, 100.0)
    d.signal("AAPL", "BUY")
    guards.take([])
    assert noticed(guards, d) == told


def test_no_limit_is_far_whose_warning_is_due() -> None:
    """The cheap look must never say that nothing is near where the dear one finds something."""
    d = desk()
    d.signal("AAPL", "BUY")
    limits = d.core.state.config.limits
    d.feed(account_worth("20000"))
    assert far(d.core.state, d.now_ns)
    for change in (
        *({f"{name}_notional_max": Decimal(12_500)} for name in ("gross", "net", "position")),
        *({f"{name}_max": Decimal(125)} for name in ("position_risk", "risk_at_stops")),
        {"positions_max": 1},
        {"leverage_max": 0.6},
        {"orders_per_minute_max": 3},
        {"orders_per_second_max": 3},
        {"groups": (LimitGroup(name="tech", symbols=("AAPL",), notional_max=Decimal(12_500)),)},
    ):
        config = attrs.evolve(d.core.state.config, limits=attrs.evolve(limits, **change))
        d.core.state.config = config
        assert any((one.share or 0) >= WARN_AT for one in uses(d.core.state, d.now_ns)), change
        assert not far(d.core.state, d.now_ns), change


def test_looking_changes_nothing() -> None:
    """The journal knows nothing of who looked, and a replay has to come to the same state."""
    d = desk()
    d.signal("AAPL", "BUY")
    d.now_ns += 5 * MINUTE_NS
    before = d.core.state.digest()
    uses(d.core.state, d.now_ns)
    assert d.core.state.digest() == before


def test_after_a_step_it_is_quiet_if_that_has_brought_no_limit_nearer_than_was_told() -> None:
    guards, d = Guards(LIMITS), desk(gross_notional_max=12_000)
    assert guards.quiet(d.core.state, d.now_ns) is not None
    d.signal("AAPL", "BUY")
    guards.take([])
    assert guards.quiet(d.core.state, d.now_ns) is None  # a look has to tell it
    assert noticed(guards, d) == ["gross_notional: 10000.00 of 12000.00 is used"]
    guards.take([])
    assert guards.quiet(d.core.state, d.now_ns) is not None
    assert noticed(guards, d) == []


def test_limits_are_looked_at_again_after_every_step_and_while_one_is_told() -> None:
    """Between two steps nothing can be used more, so nobody looks; what was told is forgotten
    once it was less, also while nothing happens."""
    guards, d = Guards(LIMITS), desk(orders_per_minute_max=2)
    assert noticed(guards, d) == []
    d.core.state.order_times = [d.now_ns, d.now_ns]
    guards.take([])
    assert noticed(guards, d) == ["orders_per_minute: 2.00 of 2.00 is used"]
    d.now_ns += 2 * MINUTE_NS
    assert noticed(guards, d) == []
    d.core.state.order_times = [d.now_ns, d.now_ns]
    guards.take([])
    assert noticed(guards, d) == ["orders_per_minute: 2.00 of 2.00 is used"]


def noticed(guards: Guards, d: Desk) -> list[str]:
    found = guards.look(d.core.state, 0.0, 0.0, d.now_ns, DAY_1)
    return [one.text for one in found if isinstance(one, Noticed)]


def test_the_days_loss_and_fall_are_told_at_80_and_at_100_per_cent_once_a_day() -> None:
    guards, d = Guards(LIMITS), desk()

    def told(profit: float, fall: float, day: int = DAY_1) -> list[tuple[str, str]]:
        found = guards.look(d.core.state, profit, fall, d.now_ns, day)
        return [(one.level, one.text) for one in found if isinstance(one, Noticed)]

    first = ("warning", "day_loss: 800.00 of 1000.00 is used")
    assert told(-799.99, 0.0) == []
    assert told(-800.0, 0.0) == [first]
    assert told(-100.0, 1_600.0) == [("warning", "day_drawdown: 1600.00 of 2000.00 is used")]
    assert told(-900.0, 1_700.0) == []
    assert told(-1_000.5, 100.0) == [("critical", "day_loss: 1000.50 of 1000.00 is used")]
    assert told(float("nan"), 0.0) == []
    assert told(-800.0, 0.0, DAY_2) == [first]


def test_the_limits_of_the_day_stand_with_the_others() -> None:
    d, book = desk(), DayBook()
    d.core.state.config = attrs.evolve(d.core.state.config, guards=LIMITS)
    found = {one.name: one for one in uses(d.core.state, d.now_ns, book)}
    assert (found["day_loss"].used, found["day_loss"].left) == (0, 1_000)
    assert found["day_drawdown"].most == 2_000


# -- at a restart --------------------------------------------------------------------------------


@pytest.fixture
def tws() -> Iterator[TwsSim]:
    with TwsSim(symbols=["IBM"]) as made:
        yield made


def run(tws: TwsSim, journal: Path, loss_max: int) -> Engine:
    strategy = {"symbols": ["IBM"], "sizing": {"shares": 100}, "stop": {"percent": 10}}
    guards = {"day_loss_max": loss_max}
    where = {"port": tws.port}
    config = from_mapping({"strategy": strategy, "guards": guards, "broker": where})
    return Engine(config, journal, durability="normal")


def test_the_guards_of_a_run_are_those_of_its_settings_not_of_the_run_before(
    tws: TwsSim, tmp_path: Path
) -> None:
    with run(tws, tmp_path / "J", 10_000) as engine:
        assert engine.wait_for_prices()
        engine.publish({"ticker": "IBM", "signal": "BUY", "confidence": 0.9}).result(10)
        tws.until(lambda: engine.view().symbols[0].state == "protected")
        tws.quote("IBM", 98.0, 98.02)  # 200 are lost
        tws.until(lambda: engine.position_tracker.total().profit < -150)
        assert not engine.view().halt

    with run(tws, tmp_path / "J", 150) as engine:
        tws.until(lambda: engine.view().halt)
        assert "the day has lost" in engine.view().halt
