"""The log of whole runs at a TWS in memory: every decision has its line, and ids join them."""

from __future__ import annotations

import json
import logging
from collections import Counter
from decimal import Decimal
from pathlib import Path
from typing import Any

import attrs
import orjson
from hypothesis import given
from hypothesis import strategies as st

from engine import events
from engine.bus import EventBus
from engine.config import CONVERTER
from engine.events import BaseEvent, MarketEvent, OrderEvent, PositionEvent
from engine.inputs import CloseRequested, HaltRequested, OrderRequested, SettingsChanged
from engine.monitor import log as log_module
from engine.monitor.lines import words
from engine.monitor.log import LOGGED, Log
from engine.monitor.log_lines import console_line, fields_of, json_line, level_of
from engine.monitor.log_settings import LogSettings
from engine.monitor.remarks import Remark
from engine.redaction import Redaction, Secret
from tests.monitor.logged import Fake, lines, signal, told, traded
from tests.sim.test_virtual import Day


def concrete() -> list[type[BaseEvent]]:
    """Every event that is ever published, but for the market's."""
    kinds = [one for one in vars(events).values() if isinstance(one, type)]
    found = [
        one for one in kinds if issubclass(one, BaseEvent) and not issubclass(one, MarketEvent)
    ]
    bases = {base for one in found for base in one.__mro__[1:]}
    return [one for one in found if one not in bases]


# -- what is in it ------------------------------------------------------------------------------


def test_every_kind_of_event_is_subscribed_has_words_and_a_level() -> None:
    kinds = concrete()
    assert len(kinds) > 18
    for kind in kinds:
        assert issubclass(kind, LOGGED), kind
        sample = of(kind)
        assert words(sample), kind
        assert fields_of(sample, Redaction())["type"] == kind.__name__
        assert level_of(sample) in log_module.LEVELS


def of(kind: type[BaseEvent]) -> BaseEvent:
    """One with something in each field."""
    made: dict[str, Any] = {}
    for one in attrs.fields(kind):
        hint = str(one.type)
        made[one.name] = (
            "info" if "AlertLevel" in hint
            else 1 if hint == "int"
            else 0.5 if "float" in hint
            else Decimal(1) if "Decimal" in hint
            else () if "tuple" in hint
            else "BUY"
        )  # fmt: skip
    return kind(**made)


def test_one_grep_shows_the_whole_life_of_a_trade(tmp_path: Path) -> None:
    found = traded(
        tmp_path / "log",
        (60, signal("IBM", "BUY")),
        (90, signal("SPY", "SHORT")),
        (150, signal("IBM", "SELL")),
    )
    asked = next(one for one in found if one["type"] == "PredictionSignalEvent")
    life = [one for one in found if one.get("identity") == asked["identity"]]
    assert asked["symbol"] == "IBM"
    assert life[0] is asked
    assert {one["symbol"] for one in life} == {"IBM"}
    kinds = Counter(one["type"] for one in life)
    assert kinds["NewOrderEvent"] >= 3  # the entry with its stop and its target
    assert kinds["FillEvent"] >= 2
    assert kinds["PositionOpenEvent"] == kinds["PositionCloseEvent"] == kinds["TradeEvent"] == 1
    assert len({one["trade"] for one in life[1:] if one["type"] != "FlowThresholdEvent"}) == 1

    (trade,) = {one["trade"] for one in life if "trade" in one}
    contexts = [one for one in life if one["type"] == "ContextChangedEvent"]
    assert (contexts[0]["old"], contexts[0]["cause"]) == ("flat", "entry_requested")
    assert contexts[-1]["new"] == "flat"
    assert any(one.get("reason") for one in contexts)
    for one in life:
        if "order_ref" in one:
            assert one["order_ref"].startswith(f"{trade}-")
    sold = [one for one in life if one["type"] == "FillEvent" and one["role"] == "close"]
    assert sold
    assert all(one["execution_id"] and one["perm_id"] for one in sold)
    # The signal that closed it leads to it, too, with the rule and the reason.
    second = [one for one in found if one["type"] == "PredictionSignalEvent"][-1]
    (move,) = [one for one in found if one.get("asked_by") == second["identity"]]
    assert (move["trade"], move["cause"], move["reason"]) == (trade, "close_requested", "signal")
    assert move["decided_by"] == "pattern.sell"
    # By order, too: from sent to filled.
    entry = next(one for one in life if one.get("role") == "entry")
    own = [one for one in found if one.get("order_ref") == entry["order_ref"]]
    assert own[0]["type"] == "NewOrderEvent"
    assert own[-1]["status"] in ("filled", "closed")
    # Nobody else's lines carry this trade.
    assert all(one in life for one in found if one.get("trade") == trade)


def test_lines_of_orders_positions_and_trades_are_all_joined(tmp_path: Path) -> None:
    closed = CloseRequested("IBM", "the day is over")
    found = traded(
        tmp_path / "log",
        (60, signal("IBM", "BUY")),
        (120, lambda day: day.engine.submit(closed)),
    )
    joined = {one.__name__ for one in concrete() if issubclass(one, OrderEvent | PositionEvent)}
    told = [one for one in found if one["type"] in {*joined, "ContextChangedEvent", "TradeEvent"}]
    assert len(told) > 15
    assert [one for one in told if not (one.get("trade") and one.get("identity"))] == []


def test_refusals_halts_sessions_and_reconciliations_are_in_it(tmp_path: Path) -> None:
    found = traded(
        tmp_path / "log",
        (60, signal("IBM", "BUY")),
        (70, signal("IBM", "BUY")),
        (80, lambda day: day.engine.submit(HaltRequested(1, "tester", "a test"))),
        (90, signal("SPY", "BUY")),
    )
    by_type: dict[str, list[dict[str, Any]]] = {}
    for one in found:
        by_type.setdefault(one["type"], []).append(one)
    reasons = {one["reason"] for one in by_type["RefusalEvent"]}
    assert {"same_side", "trading_halted"} <= reasons
    assert all(one["identity"] and one["rule"] for one in by_type["RefusalEvent"])
    (halt,) = by_type["TradingHaltedEvent"]
    assert (halt["level"], halt["halt_level"], halt["who"]) == ("critical", 1, "tester")
    assert {one["new"] for one in by_type["SessionChangedEvent"]} >= {"live", "stopped"}
    assert by_type["ReconciledEvent"][0]["orders"] == 0
    assert by_type["ReconciledEvent"][-1]["missing"] == 0
    alerts = {(one["level"], one["text"][:9]) for one in by_type["AlertEvent"]}
    assert ("critical", "halted at") in alerts
    assert by_type["Remark"][0]["text"].startswith("the log begins")
    assert found[-1]["text"] == "the log ends"


def test_other_settings_are_in_it_with_their_hash(tmp_path: Path) -> None:
    def change(day: Day) -> object:
        settings = orjson.dumps(CONVERTER.unstructure(day.engine.config)).decode()
        return day.engine.submit(SettingsChanged(settings, "s.toml", "abc123"))

    found = traded(tmp_path / "log", (60, change))
    assert "settings changed: s.toml, SHA-256 abc123" in [one["text"] for one in found]


def test_an_add_is_joined_to_the_signal_that_asked_for_it(tmp_path: Path) -> None:
    strategy = {
        "strategy": {
            "symbols": ["IBM", "SPY"],
            "sizing": {"shares": 100},
            "stop": {"percent": 2.0},
            "cooldown_s": 0.0,
            "rules": [
                {
                    "id": "more",
                    "when": 'signal == "BUY" and long',
                    "then": [{"kind": "adjust", "quantity": 150}],
                }
            ],
        }
    }
    found = traded(
        tmp_path / "log", (60, signal("IBM", "BUY")), (90, signal("IBM", "BUY")), **strategy
    )
    first, second = (one["identity"] for one in found if one["type"] == "PredictionSignalEvent")
    sent = [one for one in found if one["type"] == "NewOrderEvent"]
    assert {(one["role"], one["identity"]) for one in sent} >= {("entry", first), ("add", second)}
    assert len({one["trade"] for one in sent}) == 1
    assert {one["rule"] for one in sent if one["role"] == "add"} == {"more"}


def test_orders_of_a_program_carry_its_reference(tmp_path: Path) -> None:
    request = OrderRequested("mine-1", "IBM", "BUY", Decimal(10), "MKT")
    found = traded(tmp_path / "log", (60, lambda day: day.engine.submit(request)))
    own = [one for one in found if one.get("identity") == "mine-1"]
    assert {"NewOrderEvent", "FillEvent", "OrderGroupEvent"} <= {one["type"] for one in own}


def test_prices_are_not_in_it_and_not_sampled_for_it(tmp_path: Path) -> None:
    bus = EventBus()
    with Log(LogSettings(file=str(tmp_path / "log")), Fake(bus)):
        assert not bus.wanted(MarketEvent)
        assert bus.wanted(OrderEvent)


# -- remarks, forms, levels -----------------------------------------------------------------------


def test_remarks_of_the_program_are_in_the_same_stream(tmp_path: Path) -> None:
    path, logger = tmp_path / "log", logging.getLogger("engine.broker.test")
    level = logging.getLogger("engine").level
    with Log(LogSettings(file=str(path)), Fake()):
        logger.info("%d of %d", 1, 2)
        try:
            raise ZeroDivisionError("of the test")
        except ZeroDivisionError:
            logger.exception("it failed")
    logger.error("too late")

    assert [one["text"] for one in lines(path)][1:-1] == ["1 of 2", "it failed"]
    assert lines(path)[1]["logger"] == "engine.broker.test"
    assert "ZeroDivisionError: of the test" in lines(path)[2]["failure"]
    assert logging.getLogger("engine").level == level


def test_only_what_is_as_bad_as_the_level_is_in_it(tmp_path: Path) -> None:
    path, engine = tmp_path / "log", Fake()
    with Log(LogSettings(file=str(path), level="warning"), engine):
        engine.bus.publish([told("a", "info"), told("b", "warning"), told("c", "critical")])
    assert [one["text"] for one in lines(path)][:2] == ["b", "c"]


def test_a_console_line_is_for_people() -> None:
    alert = told("stop lost", "critical", symbol="IBM", trade="a1-7", identity="x|IBM")
    line = console_line(fields_of(alert, Redaction()))
    assert line == ("2023-11-14 17:13:20.123 critical IBM    stop lost identity=x|IBM trade=a1-7")


def test_what_a_stranger_wrote_moves_no_cursor_and_begins_no_line() -> None:
    fields = fields_of(told("a\x1b[2J\nb\u202e", symbol="\x07"), Redaction())
    line = console_line(fields)
    assert line.isprintable()
    assert "\n" not in json_line(fields)
    assert json.loads(json_line(fields))["text"] == "a\x1b[2J\nb\u202e"


@given(st.text(st.characters(), max_size=50))
def test_any_text_can_be_written(text: str) -> None:
    fields = fields_of(told(text), Redaction())
    assert json.loads(json_line(fields))["level"] == "warning"
    console_line(fields).encode()


@given(
    st.sampled_from(concrete()),
    st.from_regex(r"D?[UFI][0-9]{5,9}", fullmatch=True),
    st.text(st.characters(min_codepoint=33, max_codepoint=126), min_size=8, max_size=40),
    st.sampled_from(["{} {}", "of {}: {}", "{}\n{}", "key={1}&account={0}"]),
)
def test_no_account_and_no_key_is_in_any_field_of_any_line(
    kind: type[BaseEvent], account: str, key: str, form: str
) -> None:
    key = f"Zq{key}"  # such as no line has by itself
    secret, text = Secret(key.encode()), form.format(account, key)
    event = of(kind)
    hidden = {one.name: text for one in attrs.fields(kind) if getattr(event, one.name) == "BUY"}
    remark = Remark(1, "error", text, "engine", (ValueError, ValueError(text), None))
    for item in (attrs.evolve(event, **hidden), remark):
        fields = fields_of(item, Redaction())
        for line in (json_line(fields), console_line(fields)):
            assert account not in line
            assert key not in line
        for value in fields.values():
            assert key not in str(value)
    assert secret.reveal()


def test_what_stands_in_a_list_is_masked_too() -> None:
    event = events.ReconciledEvent(1, 1, orders=0, missing=0, frozen=("IBM", "DU1234567"))
    assert fields_of(event, Redaction())["frozen"] == ["IBM", "DU…"]


def test_the_account_that_is_traded_is_masked(tmp_path: Path) -> None:
    engine = Fake()
    with Log(LogSettings(file=str(tmp_path / "log")), engine, ["MYACC"]) as log:
        engine.bus.publish([told("of MYACC and OTHER")])
        log.redaction.learn("OTHER")
        engine.bus.publish([told("of OTHER")])
    text = (tmp_path / "log").read_text()
    assert "MYACC" not in text
    assert "of OTHER" not in text
