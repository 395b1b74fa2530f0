"""What wakes rules besides signals of their own: each time once, each symbol and each order by
itself, whatever else comes in the same step."""

from __future__ import annotations

from typing import Any

import attrs
import pytest

from engine.commands import Place
from engine.events import AlertEvent, FlowThresholdEvent
from engine.inputs import InstrumentDefined, RuleChanged, SettingsChanged, TimerElapsed
from engine.rules import create_buy_rule, to_json
from tests.core.desk import CLOSE_NS, SECOND, Desk
from tests.core.test_core import config, reasons
from tests.core.test_settings_change import changed_to

LOG = {"kind": "log", "level": "info", "text": "woken"}
ENTER = {"kind": "enter", "side": "BUY"}


def order(quantity: int = 1) -> dict[str, Any]:
    return {"kind": "order", "side": "BUY", "quantity": quantity}


def desk(*rules: dict[str, Any]) -> Desk:
    made = Desk(config(pattern=False, rules=list(rules)))
    for symbol in made.instruments:
        made.quote(symbol, 99.99, 100.0)
    return made


def entries(d: Desk) -> list[str]:
    return [c.symbol for c in d.commands if isinstance(c, Place) and not c.spec.parent_id]


def woken(d: Desk) -> int:
    return sum(one.text == "woken" for one in d.said(AlertEvent) if isinstance(one, AlertEvent))


def other_rule(name: str) -> RuleChanged:
    return RuleChanged("add", name, to_json(create_buy_rule("AAPL", name=name)).decode())


def other_settings(d: Desk) -> SettingsChanged:
    limits = attrs.evolve(d.config.limits, positions_max=3)
    return changed_to(attrs.evolve(d.config, limits=limits))


# -- the end of the session, and times -------------------------------------------------------------


@pytest.mark.parametrize("what", ["rule", "settings", "definition", "restart"])
def test_the_end_of_a_session_orders_once(what: str) -> None:
    """A rule that orders before the close does not order again because another rule was added,
    the settings or a definition changed, or the engine was started again."""
    closing = {"id": "moc", "symbols": ["AAPL"], "when": "session_ends_in <= 10m", "then": order()}
    d = desk(closing)
    d.wait_until(CLOSE_NS - 500 * SECOND)
    assert entries(d) == ["AAPL"]
    if what == "rule":
        d.feed(other_rule("x"))
    elif what == "settings":
        d.feed(other_settings(d))
    elif what == "definition":
        d.feed(InstrumentDefined(d.instruments["AAPL"]))
    else:
        d.restart()
    d.wait(60)
    assert entries(d) == ["AAPL"]


@pytest.mark.parametrize(
    ("when", "then"),
    [
        ('time("10:00", "10:05")', order()),
        ('time("10:00", "10:05")', LOG),
        ("session_ends_in <= 359m", order()),
        ("session_ends_in <= 359m", LOG),
    ],
)
@pytest.mark.parametrize("what", ["definition", "rule"])
def test_what_is_due_is_done_though_a_change_comes_with_it(
    when: str, then: dict[str, Any], what: str
) -> None:
    d = desk({"id": "r", "symbols": ["AAPL"], "when": when, "then": then})
    due_ns = min(at for name, at in d.core.state.deadlines.items() if name[:4] in ("time", "sess"))
    d.now_ns = due_ns + SECOND
    change = InstrumentDefined(d.instruments["AAPL"]) if what == "definition" else other_rule("x")
    d.feed(change, TimerElapsed())
    assert entries(d) == (["AAPL"] if then is not LOG else [])
    assert woken(d) == (then is LOG)


# -- orders of their own ---------------------------------------------------------------------------


def test_a_time_orders_for_each_symbol() -> None:
    """They come in one step: each symbol's order has a reference of its own."""
    d = desk({"id": "r", "when": 'time("10:00", "10:05")', "then": order()})
    d.wait(3600)
    assert not reasons(d)
    assert sorted(entries(d)) == ["AAPL", "MSFT", "TSLA"]


def test_each_order_of_a_sequence_has_a_reference_of_its_own() -> None:
    d = desk({"id": "r", "when": 'signal == "BUY"', "then": [order(1), order(2)]})
    d.signal("AAPL", "BUY")
    assert not reasons(d)
    assert entries(d) == ["AAPL", "AAPL"]


def test_a_profit_that_is_just_reached_is_reached_for_the_add_as_well() -> None:
    """An average of a third has no last digit: the price that woke the rule was once too low for
    what it asked, and nothing woke it again."""
    d = Desk(config(scale_in={"trigger_percent": 2.0, "portion": 50}, target={"percent": 8}))
    d.quote("AAPL", 100.65, 100.66, size=100)
    d.signal("AAPL", "BUY")
    d.wait(1)
    d.quote("AAPL", 100.66, 100.67, size=200)
    d.wait(1)
    d.quote("AAPL", 102.67, 102.68)
    assert d.core.state.held("AAPL") == 300
    d.quote("AAPL", 102.68, 102.69)  # 2 % above two thirds of a cent more than 100.66
    assert not reasons(d)
    assert d.core.state.held("AAPL") == 450


@pytest.mark.parametrize("apart_s", [0, 1])
@pytest.mark.parametrize(("then", "held", "reason"), [(100, 100, "no_size"), (50, 50, None),
                                                      (200, 100, "busy")])  # fmt: skip
def test_a_size_that_is_asked_for_again_while_shares_leave_is_what_is_held_then(
    apart_s: int, then: int, held: int, reason: str | None
) -> None:
    """What is on its way out counts as gone: it once left twice, and nothing was held."""
    d = desk(
        {"id": "in", "when": 'signal == "BUY"', "then": ENTER},
        {"id": "first", "when": 'signal == "SELL"', "then": {"kind": "adjust", "quantity": 100}},
        {"id": "then", "when": 'signal == "SHORT"', "then": {"kind": "adjust", "quantity": then}},
    )
    d.signal("AAPL", "BUY")
    d.wait(5)
    d.quote("AAPL", 99.99, 100.0, size=50)
    d.signal("AAPL", "SELL")
    d.wait(apart_s)
    d.signal("AAPL", "SHORT")
    assert reasons(d) == ([] if reason is None else [reason])
    for bid in (99.98, 99.97, 99.96):  # what did not fill is asked for once more, if need be
        d.quote("AAPL", bid, 100.0)
        d.wait(5)
    assert d.core.state.held("AAPL") == held
    assert d.context_state("AAPL") == "protected"


# -- signals ---------------------------------------------------------------------------------------


def test_a_signal_that_is_refused_reaches_no_threshold() -> None:
    """What came before, or is of a symbol that is not traded, wakes nobody."""
    when = "FlowThresholdEvent"
    d = desk({"id": "r", "when": when, "then": order()})
    d.signal("AAPL", "BUY", identity="one")
    d.signal("AAPL", "BUY", identity="one")
    d.signal("ZZZ", "BUY")
    assert entries(d) == ["AAPL"]
    assert len(d.said(FlowThresholdEvent)) == 1


# -- profits ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("what", ["rule", "settings"])
def test_a_profit_that_has_woken_a_rule_does_not_wake_it_because_others_change(what: str) -> None:
    d = desk(
        {"id": "in", "when": 'signal == "BUY"', "then": ENTER},
        {"id": "gain", "when": "profit_percent >= 1", "then": LOG},
    )
    d.signal("AAPL", "BUY")
    d.wait(1)
    d.quote("AAPL", 101.5, 101.51)
    assert woken(d) == 1
    d.feed(other_rule("x") if what == "rule" else other_settings(d))
    d.wait(1)
    assert woken(d) == 1
    d.quote("AAPL", 99.99, 100.0)
    d.quote("AAPL", 101.5, 101.51)
    assert woken(d) == 2
