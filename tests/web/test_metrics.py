"""Figures for Prometheus: right, in its format, and those that the dashboard and alerts name."""

from __future__ import annotations

import json
import re
from decimal import Decimal
from pathlib import Path
from typing import Any

import attrs

from engine.events import (
    NewOrderEvent,
    OrderStatusEvent,
    PositionCloseEvent,
    PositionOpenEvent,
    PositionUpdateEvent,
    RefusalEvent,
)
from engine.view import Question
from engine.web.look import SymbolLook, look
from engine.web.metrics import HELP, Metrics
from tests.web.conftest import CLIENT, Scene

DOCS = Path(__file__).parents[2] / "docs"
NOW = {"queues": {"inbox": 2}, "dropped": 3, "viewers": 1, "wrong_keys": 0}
SECOND = 1_000_000_000
LINE = re.compile(r'engine_(\w+)(?:\{((?:\w+="(?:[^"\\\n]|\\.)*",?)+)\})? (\S+)')


def _read(text: str) -> dict[tuple[str, str], float]:
    """Every sample by its name and its labels; every line must be one, or a comment."""
    found = {}
    for line in text.splitlines():
        if line.startswith("# "):
            assert re.fullmatch(r"# (HELP|TYPE) engine_\w+ .+", line), line
            continue
        match = LINE.fullmatch(line)
        assert match, line
        found[match[1], match[2] or ""] = float(match[3])
    return found


def _stop(kind: type[Any], second: float, status: str, quantity: int) -> Any:
    extra = {"order_type": "STP"} if kind is NewOrderEvent else {"previous": "silent"}
    return kind(
        time_ns=int(second * SECOND), sequence=1, order_id=7, perm_id=0, order_ref="", symbol="IBM",
        side="SELL", quantity=Decimal(quantity), filled=Decimal(0), remaining=Decimal(quantity),
        price=Decimal(98), status=status, role="stop", **extra,
    )  # fmt: skip


def _held(kind: type[Any], second: float, quantity: int) -> Any:
    extra: dict[str, Any] = {}
    if kind is PositionUpdateEvent:
        extra = {"previous_quantity": Decimal(1)}
    elif kind is PositionCloseEvent:
        extra = {"exit_price": Decimal(101), "reason": "target"}
    return kind(
        time_ns=int(second * SECOND), sequence=1, symbol="IBM", side="long",
        quantity=Decimal(quantity), average_price=Decimal(100), realised=Decimal(0), **extra,
    )  # fmt: skip


def test_a_trade_is_counted_and_covered(own: Scene) -> None:
    own.buy()
    own.engine.publish({"ticker": "IBM", "signal": "BUY", "confidence": 0.1}).result(5)

    def told() -> dict[tuple[str, str], float] | None:
        found = _read(own.get("/metrics").text)
        done = (
            found["refusals_total", 'reason="low_confidence"']
            if found.get(("refusals_total", 'reason="low_confidence"'))
            else 0
        )
        return found if done and found.get(("held_shares", 'symbol="IBM"')) else None

    found = own.tws.until(told)

    assert found["up", ""] == 1
    assert found["session_state", 'state="live"'] == 1
    assert found["session_state", 'state="lost"'] == 0
    assert found["held_shares", 'symbol="IBM"'] == 100
    assert found["uncovered_shares", 'symbol="IBM"'] == 0
    assert (found["orders_total", ""], found["fills_total", ""]) == (3, 1)
    assert found["signals_total", ""] == 2
    assert found["fill_to_protection_seconds", 'quantile="1"'] >= 0
    assert found["tick_to_order_seconds", 'quantile="0.5"'] > 0
    assert 0 < found["limit_used_ratio", 'limit="gross_notional"'] < 1
    assert {name for name, _ in found} <= HELP.keys()


def test_the_key_is_wanted(shared: Scene) -> None:
    assert CLIENT.get(f"{shared.base}/metrics").status_code == 401
    answer = shared.get("/metrics")
    assert answer.headers["content-type"].startswith("text/plain; version=0.0.4")


def test_protection_is_timed_from_the_fill_to_the_stop_that_covers_all() -> None:
    metrics = Metrics()
    metrics.add(_held(PositionOpenEvent, 1.0, 100))  # nothing is confirmed yet
    metrics.add(_stop(NewOrderEvent, 1.1, "silent", 100))
    metrics.add(_stop(OrderStatusEvent, 1.25, "held", 60))  # not enough
    metrics.add(_stop(OrderStatusEvent, 1.5, "held", 100))
    found = _read(metrics.text(NOW))

    assert found["fill_to_protection_seconds", 'quantile="1"'] == 0.5


def test_a_stop_that_was_there_before_the_fill_takes_no_time() -> None:
    metrics = Metrics()
    metrics.add(_stop(OrderStatusEvent, 0.5, "held", 100))
    metrics.add(_held(PositionOpenEvent, 1.0, 100))
    metrics.add(_held(PositionCloseEvent, 9.0, 100))
    found = _read(metrics.text(NOW))

    assert found["fill_to_protection_seconds", 'quantile="1"'] == 0


def test_a_reason_with_quotes_and_lines_stays_one_label() -> None:
    metrics = Metrics()
    metrics.add(RefusalEvent(1, 1, reason='odd "\n\\', symbol="", detail=""))
    found = _read(metrics.text(NOW))

    assert found["refusals_total", r'reason="odd \"\n\\"'] == 1
    assert found["queue_depth", 'queue="inbox"'] == 2
    assert found["events_dropped_total", ""] == 3


def test_a_writer_that_does_not_answer_is_down() -> None:
    metrics = Metrics()
    metrics.seen(None, 0.5)
    found = _read(metrics.text(NOW))

    assert (found["up", ""], found["writer_stalls_total", ""]) == (0, 0)  # not over yet


def test_a_stall_counts_once_and_what_was_uncovered_meanwhile_counts(own: Scene) -> None:
    asked = own.engine.submit(Question(look)).result(5)
    bare = attrs.evolve(asked, symbols=tuple(map(_bare, asked.symbols[:1])))
    later = attrs.evolve(bare, now_ns=bare.now_ns + 4_000_000_000)
    metrics = Metrics()
    metrics.seen(bare, 0.01)
    for waited_s in (0.5, 1.0, 1.5):
        metrics.seen(None, waited_s)
    metrics.seen(later, 1.9)
    found = _read(metrics.text(NOW))

    assert found["writer_stalls_total", ""] == 1
    assert found["uncovered_share_seconds_total", 'symbol="IBM"'] == 400


def _bare(one: SymbolLook) -> SymbolLook:
    view = attrs.evolve(one.view, side="long", quantity=Decimal(100), stops=())
    return attrs.evolve(one, view=view)


def test_a_part_that_leaves_needs_no_protection() -> None:
    metrics = Metrics()
    metrics.add(_held(PositionOpenEvent, 1.0, 100))
    metrics.add(_stop(OrderStatusEvent, 1.5, "held", 100))
    metrics.add(_held(PositionUpdateEvent, 2.0, 60))
    metrics.add(_held(PositionUpdateEvent, 3.0, 20))
    found = _read(metrics.text(NOW))

    assert {found["fill_to_protection_seconds", f'quantile="{one}"'] for one in ("0.5", "1")} == {
        0.5
    }


def test_the_dashboard_and_the_alerts_name_what_there_is() -> None:
    board = json.loads((DOCS / "grafana.json").read_text("utf-8"))
    rules = (DOCS / "prometheus-rules.yml").read_text("utf-8")
    asked = [target["expr"] for panel in board["panels"] for target in panel.get("targets", ())]

    assert len(asked) >= 15
    for text in (*asked, rules):
        names = set(re.findall(r"\bengine_(\w+)", text))
        assert names <= HELP.keys(), names - HELP.keys()
    told = set(re.findall(r"\bengine_(\w+)", " ".join(asked)))
    assert {
        "tick_to_order_seconds", "fill_to_protection_seconds", "writer_answer_seconds",
        "journal_seconds", "queue_depth", "uncovered_share_seconds_total", "refusals_total",
    } <= told  # fmt: skip
    alerts = re.findall(r"alert: (\w+)", rules)
    assert len(alerts) == len(set(alerts)) >= 8
