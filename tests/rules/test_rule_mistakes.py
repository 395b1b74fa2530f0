"""A rule that cannot be: what people are told of it, in one line."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from engine.config import Strategy
from engine.errors import ConfigError
from engine.events import (
    AlertEvent,
    FillEvent,
    PositionCloseEvent,
    PredictionSignalEvent,
    PriceEvent,
)
from engine.plans import Distance, ScaleIn, Target, Trade
from engine.reasons import Reason
from engine.rules import (
    ActionSequence,
    AdjustPositionAction,
    AndCondition,
    CancelOrderAction,
    ClosePositionAction,
    Comparison,
    CreateBracketOrderAction,
    CreateOrderAction,
    EventCondition,
    LinkedCloseAllAction,
    LinkedCreateOrderAction,
    LinkedDoubleDownAction,
    LinkedScaleInAction,
    LogAction,
    MarketCondition,
    NotCondition,
    PositionCondition,
    Rule,
    Scene,
    SessionCondition,
    TimeCondition,
    failing,
    from_json,
    from_plain,
    to_json,
)
from tests.rules.records import BUY, LOG, TEN, rule, signal

MISTAKES: list[tuple[Callable[[], Any], str]] = [
    # events
    (
        lambda: EventCondition("PredictionSignal"),
        "there is no event 'PredictionSignal', did you mean PredictionSignalEvent?",
    ),
    (
        lambda: EventCondition(PriceEvent, "price >= 190"),
        "PriceEvent is a sample for observers, which may miss a price: use a MarketCondition",
    ),
    (lambda: EventCondition("IndicatorEvent"), "use a MarketCondition"),
    (lambda: EventCondition("BaseEvent"), "BaseEvent is every event, name a kind: OrderEvent, "),
    (lambda: EventCondition("RefusalEvent"), "RefusalEvent cannot start a rule"),
    (
        lambda: EventCondition(PredictionSignalEvent, "confidense >= 0.5"),
        "PredictionSignalEvent has no 'confidense' to compare, did you mean confidence?",
    ),
    (
        lambda: EventCondition("OrderEvent", "fill_quantity > 5"),
        "OrderEvent has no 'fill_quantity' to compare, did you mean quantity?",
    ),
    (
        lambda: EventCondition.of(FillEvent, symbol="IBM"),
        "symbol is not compared: name it in the symbols of the rule",
    ),
    (
        lambda: EventCondition.of(PredictionSignalEvent, signal="BUYS"),
        "signal of PredictionSignalEvent is never 'BUYS', did you mean BUY?",
    ),
    (
        lambda: EventCondition(PredictionSignalEvent, "confidence >= high"),
        "confidence of PredictionSignalEvent is a number, not 'high'",
    ),
    (
        lambda: EventCondition("CancelEvent", "reason == 201"),
        "reason of CancelEvent is text: reason == '201'",
    ),
    (
        lambda: EventCondition(FillEvent, "role > entry"),
        "role of FillEvent is text: it is compared with == or != only",
    ),
    (
        lambda: EventCondition(PredictionSignalEvent, "confidence = 0.5"),
        "'confidence = 0.5' is not a comparison, use == to compare",
    ),
    (
        lambda: EventCondition(PredictionSignalEvent, "confident"),
        "'confident' is not a comparison, write it as confidence >= 0.5 or signal == BUY",
    ),
    (lambda: Comparison.parse("reason == 'x"), "a quote is missing"),
    (lambda: Comparison("confidence", "=>", 0.5), "op cannot be '=>', did you mean "),
    (
        lambda: Comparison("confidence", ">=", float("nan")),
        "value must be a number or text, not nan",
    ),
    (lambda: Comparison("confidence", ">=", True), "value must be a number or text, not True"),
    # positions
    (PositionCondition, "a position condition needs a side or a bound"),
    (lambda: PositionCondition(side="lnog"), "side cannot be 'lnog', did you mean long?"),
    (
        lambda: PositionCondition(side="flat", profit_percent_min=2),
        "a flat position has no profit_percent_min",
    ),
    (
        lambda: PositionCondition(profit_percent_min=5, profit_percent_max=2),
        "profit_percent_min 5.0 is above profit_percent_max 2.0",
    ),
    (
        lambda: PositionCondition(quantity_min="many"),
        "quantity_min must be a number of shares above 0, not 'many'",
    ),
    (lambda: PositionCondition(adds_max=1.5), "adds_max must be a whole number between 0 and 1000"),
    (
        lambda: PositionCondition(profit_percent_min="2%"),
        "profit_percent_min must be between -10000 and 10000, not '2%'",
    ),
    # times
    (
        lambda: TimeCondition("9:30", "16:00"),
        "start: '9:30' is not a time of day, write it as 09:30 or 09:30:00",
    ),
    (lambda: TimeCondition("09:30", "25:00"), "end: '25:00' is not a time of day"),
    (lambda: TimeCondition(930), "start must be a time of day as 09:30, in quotes"),
    (lambda: TimeCondition("10:00", "10:00"), "start and end are the same"),
    (TimeCondition, "a time condition needs a start, an end or days"),
    (lambda: TimeCondition("24:00", "02:00"), "start cannot be 24:00, write 00:00"),
    (lambda: TimeCondition("10:00", "11:00", "monday"), "days must be of mon, tue, wed"),
    (
        lambda: TimeCondition("10:00", "11:00", ["fri", "mon"]),
        "days must stand in the order of the week, each once",
    ),
    (lambda: SessionCondition(-60), "before_end_s must be between 0 and 86400, not -60"),
    # the market
    (
        lambda: MarketCondition("close", "above", 190),
        "field cannot be 'close', allowed: last, bid, ask, spread, mid, atr",
    ),
    (lambda: MarketCondition("last", ">=", 190), "op cannot be '>=', allowed: above, below"),
    (lambda: MarketCondition("last", "above", "190"), "level must be at least 0, not '190'"),
    (lambda: MarketCondition("last", "above", 0), "level of last must be above 0, not 0"),
    # combinations
    (lambda: AndCondition([]), "conditions must be a list of at least one condition"),
    (lambda: AndCondition([BUY, "flat"]), "conditions must be conditions, not str"),
    (lambda: NotCondition("flat"), "condition must be a condition, not 'flat'"),
    (lambda: BUY & LOG, "conditions must be conditions, not LogAction"),
    # actions
    (lambda: LinkedCreateOrderAction("SHORT"), "side cannot be 'SHORT', allowed: BUY, SELL"),
    (lambda: LinkedCreateOrderAction("BUY", 100), "trade must be a Trade, not 100"),
    (
        lambda: LinkedCreateOrderAction("BUY", Trade(on_opposite="revers")),
        "trade.on_opposite cannot be 'revers', did you mean reverse?",
    ),
    (
        lambda: LinkedCreateOrderAction("BUY", Trade(stop=Distance(atr=float("nan")))),
        "trade.stop.atr must be a number, not nan",
    ),
    (
        lambda: LinkedCreateOrderAction("BUY", Trade(stop=Target(atr=2, portion=50))),
        "trade.stop must be a Distance, not a Target",
    ),
    (
        lambda: LinkedCreateOrderAction("BUY", Trade(target=[Target(atr=2)])),
        "trade.target must be a tuple, not a list",
    ),
    (
        lambda: LinkedScaleInAction(ScaleIn(shares=5)),
        "scale_in.shares must be a Decimal of 12 decimals at most, not 5",
    ),
    (lambda: LinkedDoubleDownAction(2), "double_down must be a DoubleDown, not 2"),
    (lambda: LinkedCloseAllAction("both"), "symbols cannot be 'both', allowed: this, all"),
    (
        lambda: CreateOrderAction(side="BUY", quantity=0),
        "quantity must be a number of shares above 0, not 0",
    ),
    (
        lambda: CreateOrderAction(side="BUY", quantity=TEN, order_type="LMT"),
        "an order of type LMT needs a price",
    ),
    (
        lambda: CreateOrderAction(side="BUY", quantity=TEN, price=5),
        "an order of type MKT takes no price",
    ),
    (
        lambda: CreateOrderAction(side="BUY", quantity=TEN, order_type="STP", price="nan"),
        "price must be a price above 0",
    ),
    (
        lambda: CreateBracketOrderAction(side="BUY", quantity=TEN, stop=95),
        "stop must be a Distance, not 95",
    ),
    (
        lambda: AdjustPositionAction("lots"),
        "quantity must be a number of shares (negative: short), not 'lots'",
    ),
    (
        lambda: CreateOrderAction(side="BUY", quantity=1, order_type="LMT", price="1e-99999"),
        "price must be a price above 0",
    ),
    (lambda: AdjustPositionAction("0.000000001"), "quantity must have 8 decimals at most"),
    (CancelOrderAction, "cancel takes what (entries, adds, all) or reference"),
    (lambda: CancelOrderAction("all", "monday"), "cancel takes what (entries, adds, all) or ref"),
    (lambda: CancelOrderAction("stops"), "what cannot be 'stops', allowed: entries, adds, all"),
    (lambda: LogAction("warn", "x"), "level cannot be 'warn', did you mean warning?"),
    (lambda: LogAction("info", ""), "text must not be empty"),
    (lambda: ActionSequence([]), "actions must be a list of at least one action"),
    (lambda: ActionSequence([LOG] * 17), "actions must be 16 at most, not 17"),
    (
        lambda: ActionSequence([LinkedCreateOrderAction("BUY"), LinkedCreateOrderAction("SELL")]),
        "actions enter both sides: only the first would be done",
    ),
    # rules
    (lambda: Rule("", BUY, LOG), "id must be letters, digits and"),
    (lambda: Rule("a\nb", BUY, LOG), "id must be letters, digits and"),
    (lambda: Rule("r", "signal == BUY", LOG), "when must be a condition, not 'signal == BUY'"),
    (lambda: Rule("r", BUY, "buy"), "then must be an action, not 'buy'"),
    (lambda: rule(symbols=["IBM", "IBM"]), "symbols must not repeat"),
    (lambda: rule(symbols="IBM,SPY"), "symbols must be letters, digits and . _ : + / -"),
    (lambda: rule(cooldown_s=-1), "cooldown_s must be between 0 and 2.6784e+06, not -1"),
    (
        lambda: rule(executions_per_day_max=0),
        "executions_per_day_max must be a whole number between 1 and",
    ),
    (lambda: rule(enabled="no"), "enabled must be true or false, not 'no'"),
    (lambda: rule(priority="high"), "priority must be a whole number between"),
    (
        lambda: Rule("r", MarketCondition("last", "above", 190), LOG),
        "rule r: a price that triggers belongs to one symbol, name it in symbols",
    ),
    (
        lambda: Rule("r", EventCondition(AlertEvent), LOG),
        "rule r: an alert that tells an alert would tell itself",
    ),
    (
        lambda: Rule("r", EventCondition(PositionCloseEvent), LinkedCreateOrderAction("BUY")),
        "rule r: it orders on what orders cause, and could feed itself: give it cooldown_s",
    ),
]


@pytest.mark.parametrize(("mistake", "said"), MISTAKES, ids=range(len(MISTAKES)))
def test_a_mistake_is_told_in_one_line(mistake: Callable[[], Any], said: str) -> None:
    with pytest.raises(ValueError) as told:
        mistake()
    assert str(told.value).startswith(said) or said in str(told.value)
    assert "\n" not in str(told.value)
    assert len(str(told.value)) < 250


def test_a_rule_on_what_orders_cause_may_order_if_it_is_bounded() -> None:
    when, then = EventCondition(PositionCloseEvent), LinkedCreateOrderAction("BUY")

    Rule("r", when, then, cooldown_s=60)
    Rule("r", when, then, executions_per_day_max=3)
    Rule("r", when, ClosePositionAction())
    Rule("r", EventCondition(AlertEvent), ClosePositionAction())


PLAIN = {"id": "r", "when": {"kind": "session", "before_end_s": 60}, "then": {"kind": "close"}}


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"prioritty": 5}, "t: unknown key 'prioritty', did you mean priority?"),
        ({"when": {"kind": "sesion"}}, "t: when: there is no condition of kind 'sesion', did you"),
        ({"when": {"kind": "session"}}, "t: when.before_end_s: is missing"),
        ({"when": {"before_end_s": 60}}, "t: when: condition needs a kind: event, position, time"),
        (
            {"when": "session"},
            "t: when: column 1: there is no 'session', did you mean session_ends_in?",
        ),
        (
            {"when": [PLAIN["when"], {"kind": "market", "field": "last", "op": "up", "level": 1}]},
            "t: when.conditions[1]: op cannot be 'up', allowed: above, below",
        ),
        (
            {"when": {"kind": "event", "event": "FillEvent", "where": ["rol == entry"]}},
            "t: when: FillEvent has no 'rol' to compare, did you mean role?",
        ),
        (
            {"when": {"kind": "event", "event": "FillEvent", "where": [{"field": "role"}]}},
            "t: when.where[0].op: is missing; when.where[0].value: is missing",
        ),
        (
            {"then": [{"kind": "log", "level": "info"}]},
            "t: then.actions[0].text: is missing",
        ),
        (
            {"then": {"kind": "enter", "side": "BUY", "trade": {"stop": {"atr": "6"}}}},
            "t: then.trade.stop.atr: must be a number, not '6'",
        ),
        (
            {"then": {"kind": "enter", "side": "BUY", "trade": {"on_opposite": "revers"}}},
            "t: then.trade.on_opposite: cannot be 'revers', did you mean reverse?",
        ),
        (
            {"then": {"kind": "enter", "side": "BUY", "trade": {"sizing": {"share": 5}}}},
            "t: then.trade.sizing: unknown key 'share', did you mean shares?",
        ),
        (
            {"then": {"kind": "enter", "side": "BUY", "trade": {"stop": {"atr": True}}}},
            "t: then.trade.stop.atr: must be a number, not True",
        ),
        (
            {"then": {"kind": "enter", "side": "BUY", "trade": {"target": [{"atr": -1}]}}},
            "t: then.trade.target[0]: atr must be above 0, not -1.0",
        ),
        (
            {"then": {"kind": "double_down", "double_down": {"levels": "0.5"}}},
            "t: then.double_down.levels: must be a list, not '0.5'",
        ),
        (
            {"then": {"kind": "scale_in", "scale_in": {"times_max": 1.5}}},
            "t: then.scale_in.times_max: must be a whole number, not 1.5",
        ),
        (
            {"then": {"kind": "enter", "side": "BUY", "trade": {"sizing": {"shares": "1e99999"}}}},
            "t: then.trade.sizing.shares: must be a number, not '1e99999'",
        ),
        ({"symbols": 5}, "t: symbols must be a list of symbols, not 5"),
        ({"then": {"kind": "enter", "side": "BUY", "trade": 5}}, "t: then.trade: must be a table"),
    ],
    ids=range(19),
)
def test_a_mistake_in_a_file_is_told_with_its_path(changes: dict[str, Any], said: str) -> None:
    from_plain(PLAIN)
    with pytest.raises(ConfigError) as told:
        from_plain({**PLAIN, **changes}, "t")
    assert str(told.value).startswith(said)
    assert "\n" not in str(told.value)


def test_a_strategy_does_not_get_into_a_journal_by_way_of_an_action() -> None:
    strategy = Strategy(symbols=("IBM",), stop=Distance(percent=2.0))
    one = Rule("r", BUY, LinkedCreateOrderAction("BUY", strategy))

    assert from_json(to_json(one)) == one
    assert json.loads(to_json(one))["then"]["trade"].keys() == {
        name.name
        for name in Trade.__attrs_attrs__  # type: ignore[attr-defined]
    }


def test_a_refusal_has_the_reason_of_the_vocabulary() -> None:
    low = Scene(symbol="IBM", now_ns=1, event=signal("BUY", 0.1))

    assert failing(rule().when, low) is Reason.LOW_CONFIDENCE
