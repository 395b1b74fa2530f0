"""Each condition, and the two questions: is the rule concerned, and does its condition hold?"""

from __future__ import annotations

import copy

import attrs
import pytest
from hypothesis import given

from engine.events import (
    AlertEvent,
    FillEvent,
    OrderEvent,
    PredictionSignalEvent,
    SessionChangedEvent,
)
from engine.inputs import MarketView
from engine.reasons import Reason
from engine.rules import (
    AndCondition,
    Comparison,
    Condition,
    EventCondition,
    MarketCondition,
    NotCondition,
    OrCondition,
    Scene,
    TimeCondition,
    concerns,
    failing,
)
from tests.rules.records import BUY, CONDITIONS, fill, scenes, signal
from tests.rules.scenes import FLAT, LONG, held, scene

# -- events --


def test_a_signal_at_the_threshold_holds_and_one_below_it_is_refused() -> None:
    """Behaviour 5."""
    for confidence, expected in ((0.5, None), (0.49, Reason.LOW_CONFIDENCE), (1.0, None)):
        seen = scene(event=signal("BUY", confidence))
        assert concerns(BUY, seen)
        assert failing(BUY, seen) is expected


@pytest.mark.parametrize(
    "other",
    [
        scene(event=signal("SELL")),
        scene(event=signal("BUY", symbol="SPY")),
        scene(event=fill()),
        scene(event=AlertEvent(1, 2, "info", "hello")),
        scene(),
        scene(fired=(MarketCondition("last", "above", 1.0),)),
    ],
    ids=["another kind", "another symbol", "another event", "an alert", "nothing", "a price"],
)
def test_what_a_rule_does_not_wait_for_does_not_concern_it(other: Scene) -> None:
    assert not concerns(BUY, other)
    assert not concerns(BUY & FLAT, other)
    assert failing(BUY, other) is Reason.CONDITION


def test_an_event_that_must_be_two_things_concerns_only_if_it_is_both() -> None:
    ours = EventCondition.of("OptionsFlowEvent", source="model")
    theirs = EventCondition.of("OptionsFlowEvent", source="another")

    assert concerns(BUY & ours, scene(event=signal()))
    assert not concerns(BUY & theirs, scene(event=signal()))


def test_a_base_class_stands_for_its_subclasses_and_not_the_other_way_round() -> None:
    assert concerns(EventCondition(OrderEvent, "role == entry"), scene(event=fill()))
    assert not concerns(EventCondition(OrderEvent, "role == stop"), scene(event=fill()))
    assert not concerns(EventCondition("CancelEvent"), scene(event=fill()))


def test_an_event_of_the_whole_engine_concerns_every_symbol() -> None:
    lost = EventCondition.of(SessionChangedEvent, new="lost")

    assert concerns(lost, scene(event=SessionChangedEvent(1, 2, "live", "lost", "socket")))
    assert concerns(EventCondition("AlertEvent"), scene(event=AlertEvent(1, 2, "info", "x")))
    other = AlertEvent(1, 2, "info", "x", symbol="SPY")
    assert not concerns(EventCondition("AlertEvent"), scene(event=other))


@pytest.mark.parametrize(
    ("said", "holds"),
    [
        ("fill_quantity >= 0.1", True),
        ("fill_quantity == 0.1", True),  # exactly: the double 0.1 is a little more than that
        ("fill_quantity > 0.1", False),
        ("fill_quantity <= 0.1", True),
        ("fill_quantity < 0.1", False),
        ("fill_quantity != 0.1", False),
        ("order_id == 7", True),
        ("order_id == 7.5", False),
        ("side == BUY", True),
        ("side != SELL", True),
    ],
)
def test_every_operator_compares_exactly(said: str, holds: bool) -> None:
    seen = scene(event=fill(quantity="0.1"))

    assert (failing(EventCondition(FillEvent, said), seen) is None) is holds


def test_a_field_without_a_value_is_neither_equal_nor_different() -> None:
    for said in ("price == 5", "price != 5", "price > 0"):
        assert failing(EventCondition(FillEvent, said), scene(event=fill())) is Reason.CONDITION
    nan = attrs.evolve(signal(), confidence=float("nan"))  # type: ignore[call-arg]
    for said in ("confidence != 0.5", "confidence >= 0"):
        condition = EventCondition(PredictionSignalEvent, said)
        assert failing(condition, scene(event=nan)) is not None


def test_only_a_confidence_that_is_too_low_is_low_confidence() -> None:
    high = EventCondition(PredictionSignalEvent, "confidence < 0.5")

    assert failing(high, scene(event=signal("BUY", 0.5))) is Reason.CONDITION
    late = EventCondition(PredictionSignalEvent, "model_time_ns > 5")
    assert failing(late, scene(event=signal())) is Reason.CONDITION


@pytest.mark.parametrize(
    ("said", "comparison"),
    [
        ("confidence >= 0.5", Comparison("confidence", ">=", 0.5)),
        (" signal==BUY ", Comparison("signal", "==", "BUY")),
        ("code == 201", Comparison("code", "==", 201)),
        ("value > -1.5e3", Comparison("value", ">", -1500)),
        ("reason == '201'", Comparison("reason", "==", "201")),
        ('text == "it\'s"', Comparison("text", "==", "it's")),
        ("reason == margin too low", Comparison("reason", "==", "margin too low")),
        (
            "model_time_ns > 1782000000123456789",
            Comparison("model_time_ns", ">", 1782000000123456789),
        ),
    ],
)
def test_a_comparison_reads_as_it_is_written(said: str, comparison: Comparison) -> None:
    assert Comparison.parse(said) == comparison
    assert Comparison.parse(str(comparison)) == comparison


# -- combinations --


def test_the_reason_is_that_of_the_first_part_that_does_not_hold() -> None:
    both = BUY & FLAT
    low = held("100", "100")

    assert failing(both, attrs.evolve(low, event=signal("BUY", 0.4))) is Reason.LOW_CONFIDENCE
    assert failing(both, attrs.evolve(low, event=signal("BUY"))) is Reason.WRONG_POSITION
    assert failing(FLAT & BUY, attrs.evolve(low, event=signal("BUY", 0.4))) is Reason.WRONG_POSITION
    assert failing(both, scene(event=signal("BUY"))) is None


def test_not_refuses_with_condition() -> None:
    assert failing(BUY & ~LONG, scene(event=signal())) is None
    seen = attrs.evolve(held("100", "100"), event=signal())
    assert failing(BUY & ~LONG, seen) is Reason.CONDITION
    assert concerns(BUY & ~LONG, seen)


def test_of_alternatives_the_one_that_is_concerned_gives_the_reason() -> None:
    short = EventCondition.of(PredictionSignalEvent, "confidence >= 0.8", signal="SHORT")
    either = short | BUY

    assert failing(either, scene(event=signal("BUY", 0.4))) is Reason.LOW_CONFIDENCE
    assert failing(either, scene(event=signal("BUY", 0.5))) is None
    assert failing(either, scene(event=signal("SHORT", 0.5))) is Reason.LOW_CONFIDENCE
    assert not concerns(either, scene(event=signal("SELL")))


def test_a_price_crossed_long_ago_does_not_act_on_every_signal() -> None:
    """An alternative is asked when its own trigger comes, not when another one does."""
    breakout = MarketCondition("last", "above", 190.0)
    either = BUY | breakout
    above = MarketView("IBM", last=200.0)

    assert not concerns(either, scene(event=signal("SELL"), market=above))
    low = scene(event=signal("BUY", 0.4), market=above)
    assert concerns(either, low)
    assert failing(either, low) is Reason.LOW_CONFIDENCE
    fired = scene(fired=(breakout,), market=above)
    assert concerns(either, fired)
    assert failing(either, fired) is None


def test_alternatives_that_guard_are_plain_logic() -> None:
    cheap_or_dear = MarketCondition("last", "below", 10.0) | MarketCondition("last", "above", 190.0)
    rule = BUY & cheap_or_dear

    for last, expected in ((5.0, None), (200.0, None), (50.0, Reason.CONDITION)):
        seen = scene(event=signal(), market=MarketView("IBM", last=last))
        assert concerns(rule, seen)
        assert failing(rule, seen) is expected


def test_a_price_beside_a_signal_guards_and_does_not_trigger() -> None:
    dear = MarketCondition("last", "above", 190.0)

    assert not concerns(BUY & dear, scene(fired=(dear,), market=MarketView("IBM", last=200.0)))


def test_operators_make_the_same_as_the_classes() -> None:
    a, b, c = BUY, FLAT, MarketCondition("spread", "below", 0.05)

    assert a & b & c == AndCondition((a, b, c)) == AndCondition([a, b, c])
    assert a & (b & c) == a & b & c
    assert a | b | c == OrCondition((a, b, c))
    assert ~a == NotCondition(a)
    assert a & (b | c) == AndCondition((a, OrCondition((b, c))))


def plain(condition: Condition, seen: Scene) -> float:
    """Logic and nothing else: leaves by themselves, and (the least), or (the most), not; a half
    is unknown (Kleene)."""
    match condition:
        case AndCondition():
            return min(plain(one, seen) for one in condition.conditions)
        case OrCondition():
            return max(plain(one, seen) for one in condition.conditions)
        case NotCondition():
            return 1.0 - plain(condition.condition, seen)
        case _:
            reason = failing(condition, seen)
            return 0.5 if reason in (Reason.NO_PRICE, Reason.NOT_WARM) else float(reason is None)


@given(CONDITIONS, scenes())
def test_what_acts_is_true_and_guards_are_plain_logic(condition: Condition, seen: Scene) -> None:
    """Triggers only ever narrow what logic allows."""
    if concerns(condition, seen) and failing(condition, seen) is None:
        assert plain(condition, seen) == 1.0
    negated = NotCondition(condition)
    assert (failing(negated, seen) is None) == (plain(condition, seen) == 0.0)
    if AndCondition not in map(type, _all_of(condition)) and OrCondition not in map(
        type, _all_of(condition)
    ):
        assert (failing(condition, seen) is None) == (plain(condition, seen) == 1.0)


def _all_of(condition: Condition) -> list[Condition]:
    inner = getattr(condition, "conditions", ()) or (
        (condition.condition,) if isinstance(condition, NotCondition) else ()
    )
    return [condition, *(each for one in inner for each in _all_of(one))]


def test_judging_changes_nothing_and_copies_are_equal() -> None:
    rule = BUY & TimeCondition("09:30", "16:00", "mon")
    before = copy.deepcopy(rule)
    failing(rule, scene(event=signal()))

    assert rule == before == copy.deepcopy(rule)
    assert hash(rule) == hash(before)
    assert repr(rule) == repr(before)
