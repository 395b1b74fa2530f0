"""Each condition, and the two questions: is the rule concerned, and does its condition hold?"""

from __future__ import annotations

import copy
from decimal import Decimal
from typing import Any

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
    PositionCondition,
    Scene,
    SessionCondition,
    TimeCondition,
    closing_from_ns,
    concerns,
    failing,
    profit_watches,
)
from tests.rules.records import CONDITIONS, fill, scenes, signal

NOW_NS = 1_782_000_000 * 10**9
BUY = EventCondition.of(PredictionSignalEvent, "confidence >= 0.5", signal="BUY")
FLAT, LONG = PositionCondition(side="flat"), PositionCondition(side="long")


def scene(**given: Any) -> Scene:
    return Scene(symbol="IBM", now_ns=NOW_NS, **given)


def held(
    shares: str, average: str, bid: float | None = None, ask: float | None = None, adds: int = 0
) -> Scene:
    quantity = Decimal(shares)
    return scene(
        held=quantity,
        side=1 if quantity > 0 else -1,
        average_price=Decimal(average),
        market=MarketView("IBM", bid, ask),
        adds=adds,
    )


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


# -- positions --


@pytest.mark.parametrize(
    ("side", "long", "short", "entering", "flat"),
    [
        ("long", True, False, True, False),
        ("short", False, True, False, False),
        ("held", True, True, False, False),
        ("flat", False, False, False, True),
    ],
)
def test_sides(side: Any, long: bool, short: bool, entering: bool, flat: bool) -> None:
    """An entry that waits to fill is a trade already: its symbol is not flat, and holds nothing."""
    seen = (held("5", "1"), held("-5", "1"), scene(side=1), scene())

    for one, expected in zip(seen, (long, short, entering, flat), strict=True):
        reason = failing(PositionCondition(side=side), one)
        assert reason is (None if expected else Reason.WRONG_POSITION)


@pytest.mark.parametrize(
    ("percent", "seen", "expected"),
    [
        (2, held("100", "100", bid=102.0, ask=150.0), None),
        (2, held("100", "100", bid=101.99, ask=150.0), Reason.PROFIT_TOO_SMALL),
        (2, held("-100", "100", bid=50.0, ask=98.0), None),
        (2, held("-100", "100", bid=50.0, ask=98.01), Reason.PROFIT_TOO_SMALL),
        (-3, held("100", "100", bid=97.0), None),
        (-3, held("100", "100", bid=96.99), Reason.PROFIT_TOO_SMALL),
        (2, held("100", "100", ask=150.0), Reason.NO_PRICE),
        (2, held("100", "100", bid=float("nan")), Reason.NO_PRICE),
        (2, held("100", "100", bid=-1.0), Reason.NO_PRICE),
        (2, attrs.evolve(held("100", "100"), market=None), Reason.NO_PRICE),
        (2, scene(side=1), Reason.WRONG_POSITION),
        # A short cannot gain more than everything, nor a long lose more.
        (100, held("-100", "100", ask=0.01), Reason.PROFIT_TOO_SMALL),
        (-100, held("100", "100", bid=0.01), None),
        (-250, held("-100", "100", ask=350.0), None),
        (-250, held("-100", "100", ask=350.01), Reason.PROFIT_TOO_SMALL),
    ],
)
def test_profit_is_what_leaving_would_pay(
    percent: float, seen: Scene, expected: Reason | None
) -> None:
    assert failing(PositionCondition(profit_percent_min=percent), seen) is expected


def test_a_loss_is_a_profit_at_most() -> None:
    losing = PositionCondition(profit_percent_max=-3)

    assert failing(losing, held("100", "100", bid=97.0)) is None
    assert failing(losing, held("100", "100", bid=97.01)) is Reason.CONDITION
    assert failing(losing, held("-100", "100", ask=103.0)) is None
    assert failing(losing, held("-100", "100", ask=102.99)) is Reason.CONDITION
    everything = PositionCondition(profit_percent_max=-100)
    assert failing(everything, held("100", "100", bid=0.01)) is Reason.CONDITION


def test_the_watches_of_a_profit_are_the_prices_it_is_judged_by() -> None:
    band = PositionCondition(profit_percent_min=2, profit_percent_max=4.5)

    assert profit_watches(band, Decimal(100), Decimal("99.5")) == (
        MarketCondition("bid", "above", 101.49),
        MarketCondition("bid", "below", 103.9775),
    )
    assert profit_watches(band, Decimal(-1), Decimal(100)) == (
        MarketCondition("ask", "below", 98.0),
        MarketCondition("ask", "above", 95.5),
    )
    assert profit_watches(LONG, Decimal(1), Decimal(100)) == ()
    impossible = PositionCondition(profit_percent_min=100)
    assert profit_watches(impossible, Decimal(-1), Decimal(100)) == ()


def test_a_profit_that_was_touched_and_is_gone_is_refused() -> None:
    """Behaviour 15: only at or above the trigger, and what counts is the price now."""
    gain = PositionCondition(side="held", profit_percent_min=2)
    slid = attrs.evolve(held("100", "100", bid=101.0), fired=(gain,))

    assert concerns(gain, slid)
    assert failing(gain, slid) is Reason.PROFIT_TOO_SMALL
    assert not concerns(gain, attrs.evolve(slid, fired=()))


def test_quantities_and_adds_are_bounds_that_are_included() -> None:
    some = PositionCondition(quantity_min=10, quantity_max="20.5")
    for shares, expected in (
        ("9.99", Reason.CONDITION), ("10", None), ("-20.5", None), ("20.51", Reason.CONDITION),
    ):  # fmt: skip
        assert failing(some, held(shares, "1")) is expected
    once = PositionCondition(adds_max=1)
    assert failing(once, held("1", "1", adds=1)) is None
    assert failing(once, held("1", "1", adds=2)) is Reason.ADDS_USED_UP


# -- the market and the session --


@pytest.mark.parametrize(
    ("field", "op", "level", "expected"),
    [
        ("last", "above", 100.0, None),
        ("last", "above", 100.01, Reason.CONDITION),
        ("last", "below", 100.0, None),
        ("last", "below", 99.99, Reason.CONDITION),
        ("bid", "above", 99.95, None),
        ("ask", "below", 100.0, None),
        ("spread", "above", 0.05, None),  # 100.0 - 99.95 is 0.0499... as doubles
        ("spread", "below", 0.05, None),
        ("spread", "below", 0.04, Reason.CONDITION),
        ("mid", "above", 99.975, None),
        ("mid", "below", 99.97, Reason.CONDITION),
        ("atr", "above", 1.5, None),
        ("atr", "below", 1.4, Reason.CONDITION),
    ],
)
def test_market(field: Any, op: Any, level: float, expected: Reason | None) -> None:
    market = MarketView("IBM", bid=99.95, ask=100.0, last=100.0, atr=1.5)

    assert failing(MarketCondition(field, op, level), scene(market=market)) is expected


@pytest.mark.parametrize("field", ["last", "bid", "ask", "spread", "mid", "atr"])
@pytest.mark.parametrize(
    "market",
    [
        None,
        MarketView("IBM"),
        MarketView("IBM", -1.0, -1.0, -1.0, atr=-1.0),
        MarketView("IBM", 0.0, 0.0, 0.0, atr=0.0),
        MarketView("IBM", *(3 * [float("nan")]), atr=float("nan")),
        MarketView("IBM", *(3 * [float("inf")]), atr=float("inf")),
    ],
)
def test_what_is_no_price_is_never_above_or_below(field: Any, market: MarketView | None) -> None:
    for op in ("above", "below"):
        condition = MarketCondition(field, op, 50.0)
        assert failing(condition, scene(market=market)) is Reason.NO_PRICE


def test_a_crossed_quote_has_no_spread_and_no_middle() -> None:
    crossed = scene(market=MarketView("IBM", bid=100.02, ask=100.0))

    assert failing(MarketCondition("spread", "below", 0.05), crossed) is Reason.NO_PRICE
    assert failing(MarketCondition("mid", "above", 1.0), crossed) is Reason.NO_PRICE
    locked = scene(market=MarketView("IBM", bid=100.0, ask=100.0))
    assert failing(MarketCondition("spread", "below", 0), locked) is None


def test_a_price_that_fired_was_reached_whatever_it_is_now() -> None:
    breakout = MarketCondition("last", "above", 190.0)
    fired = scene(fired=(breakout,), market=MarketView("IBM", last=189.99))

    assert concerns(breakout, fired)
    assert failing(breakout, fired) is None
    other = scene(fired=(MarketCondition("last", "above", 195.0),))
    assert not concerns(breakout, other)


def test_the_end_of_the_session_begins_so_long_before_it() -> None:
    ending = SessionCondition(60)
    ends_ns = NOW_NS + 60 * 10**9

    assert closing_from_ns(ending, ends_ns) == NOW_NS
    assert failing(ending, scene(session_ends_ns=ends_ns)) is None
    assert failing(ending, scene(session_ends_ns=ends_ns + 1)) is Reason.OUTSIDE_WINDOW
    assert failing(ending, scene()) is Reason.OUTSIDE_WINDOW


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
