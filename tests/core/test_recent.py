"""What is told twice is known again for a period, and not for ever."""

from __future__ import annotations

from decimal import Decimal

import attrs
from hypothesis import given
from hypothesis import strategies as st

from engine.config import from_mapping
from engine.events import AlertEvent
from engine.inputs import CommissionReported, ExecutionReported, OrderOpened
from engine.recent import Recent
from engine.state import DAY_NS, EXECUTIONS_KEPT_NS
from tests.core.desk import ACCOUNT, Desk

PERIOD = 100
CONFIG = from_mapping({"strategy": {"symbols": ["AAA"], "cooldown_s": 0.0}})


@given(st.lists(st.tuples(st.integers(0, 250), st.integers(0, 5)), max_size=40))
def test_kept_for_a_period_and_less_than_three(steps: list[tuple[int, int]]) -> None:
    recent, last, now = Recent(), dict[str, tuple[int, int]](), 1_000
    for number, (pause, name) in enumerate(steps):
        now += pause
        recent.keep(str(name), number, now, PERIOD)
        last[str(name)] = now, number
        for known, (told, fact) in last.items():
            if now - told < PERIOD:
                assert recent.get(known) == fact
                assert known in recent
            if now - told >= 3 * PERIOD:
                assert known not in recent
                assert recent.get(known) is None
        assert dict(recent.items()) == {one: recent.get(one) for one in recent}
        assert len(recent) == len(list(recent)) == len(set(recent))


def test_a_copy_is_its_own() -> None:
    recent = Recent()
    recent.keep("a", 1, 5, PERIOD)
    copy = recent.copy()
    copy.keep("b", 2, 6, PERIOD)

    assert list(recent) == ["a"]
    assert copy == Recent(0, {"a": 1, "b": 2})


def test_signals_of_weeks_leave_no_trace() -> None:
    """A hundred a day: what is known of them does not grow with the days."""
    desk = Desk(CONFIG)
    desk.quote("AAA", 100.0, 100.02)
    sizes = []
    for day in range(20):
        for number in range(100):
            desk.signal("AAA", "NEUTRAL", identity=f"{day}-{number}")
        sizes.append(len(desk.core.state.consumed))
        desk.wait(DAY_NS / 1e9)

    assert max(sizes) <= 200
    assert min(sizes) >= 100


def test_what_others_do_for_weeks_leaves_no_trace() -> None:
    """Their orders are told once each, and their commissions may come before their executions."""
    d = Desk(CONFIG)
    d.courier.used = True
    con_id = d.instruments["AAA"].con_id
    for number in range(400):
        d.now_ns += DAY_NS // 10
        identity = f"e{number}.1.01"
        order = OrderOpened(
            0, 1000 + number, 3, 0, "", ACCOUNT, con_id, "AAA", "BUY", Decimal(1), "LMT",
            Decimal(9), None, "DAY", "", 0, "Submitted",
        )  # fmt: skip
        d.feed(order, order, attrs.evolve(order, status="Cancelled"))
        d.feed(
            CommissionReported(identity, Decimal(1), "USD", None),
            ExecutionReported(
                identity, 0, order.perm_id, 3, "", ACCOUNT, con_id, "AAA", "BUY", Decimal(1),
                Decimal(9), Decimal(1), "ISLAND", "", False,
            ),
        )  # fmt: skip
    state = d.core.state
    assert not state.early_commissions
    assert len(state.told) <= 300
    assert len([one for one in d.said(AlertEvent) if "order that is not ours" in one.text]) == 400


def test_tws_may_repeat_an_execution_for_a_week() -> None:
    state = Desk(CONFIG).core.state
    state.execution_owner.keep("x", 1, 10 * DAY_NS, EXECUTIONS_KEPT_NS)
    state.execution_owner.keep("y", 1, 18 * DAY_NS, EXECUTIONS_KEPT_NS)
    state.execution_owner.keep("z", 1, 21 * DAY_NS, EXECUTIONS_KEPT_NS)

    assert all(name in state.execution_owner for name in "xyz")
