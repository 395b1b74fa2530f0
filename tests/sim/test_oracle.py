"""The witness of the exchange: what stood uncovered, for how long, by two clocks."""

from __future__ import annotations

import json
from decimal import Decimal

import pytest

from engine.sim.oracle import INTERVALS_MAX, Cover, Oracle, uncovered

MS = 1_000_000
LONG, SHORT = Decimal(100), Decimal(-100)


def cover(side, quantity, group=""):
    return Cover(side, Decimal(quantity), group)


@pytest.mark.parametrize(
    ("position", "covers", "expected"),
    [
        (Decimal(0), [], 0),
        (LONG, [], 100),
        (LONG, [cover("SELL", 60)], 40),
        (LONG, [cover("SELL", 60), cover("SELL", 40)], 0),
        (LONG, [cover("SELL", 500)], 0),
        (LONG, [cover("BUY", 100)], 100),
        (SHORT, [cover("BUY", 70)], 30),
        (LONG, [cover("SELL", 60, "g"), cover("SELL", 60, "g")], 40),  # one cancels the other
        (LONG, [cover("SELL", 60, "g"), cover("SELL", 60, "h")], 0),
    ],
)
def test_uncovered_shares(position, covers, expected):
    assert uncovered(position, covers) == expected


def test_share_seconds_and_the_longest_interval_by_both_clocks():
    oracle = Oracle(list, 0)
    oracle.observe(0, 5_000 * MS)
    oracle.settle(0, "IBM", LONG, [])
    oracle.observe(200 * MS, 5_020 * MS)
    oracle.settle(200 * MS, "IBM", LONG, [cover("SELL", 60)])
    oracle.observe(500 * MS, 5_050 * MS)
    oracle.settle(500 * MS, "IBM", LONG, [cover("SELL", 100)])
    oracle.observe(9_000 * MS, 5_900 * MS)
    report = oracle.report()
    assert report["uncovered_share_seconds_exchange"] == pytest.approx(100 * 0.2 + 40 * 0.3)
    assert report["uncovered_share_seconds"] == pytest.approx(100 * 0.02 + 40 * 0.03)
    assert report["uncovered_max_ms_exchange"] == 500
    assert report["uncovered_max_ms"] == 50
    assert report["uncovered_intervals"] == 1
    assert report["worst_intervals"][0]["shares_max"] == 100
    assert report["uncovered_now"] == {}


def test_a_running_interval_counts_up_to_the_last_look():
    oracle = Oracle(list, 0)
    oracle.settle(0, "IBM", SHORT, [])
    oracle.observe(0, 7_000 * MS)  # the first reading of the real clock starts its count
    oracle.observe(1_000 * MS, 7_100 * MS)
    for _ in range(2):  # asking does not change the answer
        report = oracle.report()
        assert report["uncovered_now"] == {"IBM": 100}
        assert report["uncovered_share_seconds_exchange"] == 100
        assert report["uncovered_share_seconds"] == 10
        assert report["uncovered_max_ms"] == 100


def test_only_the_worst_intervals_are_kept():
    oracle = Oracle(list, 0)
    now = 0
    for length in range(1, INTERVALS_MAX + 51):
        oracle.settle(now, "IBM", LONG, [])
        now += length * MS
        oracle.settle(now, "IBM", Decimal(0), [])
    report = oracle.report()
    assert report["uncovered_intervals"] == INTERVALS_MAX + 50
    lengths = [row["exchange_ms"] for row in report["worst_intervals"]]
    assert lengths == list(range(INTERVALS_MAX + 50, 50, -1))


def test_a_bracket_covers_from_the_instant_of_its_fill(trial):
    t = trial()
    t.quote(99.98, 100.0, 500)
    t.place(1, "BUY", 300, "MKT", transmit=False)
    t.place(2, "SELL", 300, "STP", aux_price="95", parent_id=1)
    t.wait(5)
    report = t.exchange.oracle.report()
    assert report["uncovered_share_seconds_exchange"] == 0
    assert report["position"] == {"IBM": 300}
    assert report["orders"] == 2
    assert report["live_orders_max"] == 2
    assert [o["order_type"] for o in report["open_orders"]] == ["STP"]


def test_what_does_not_protect_does_not_count(trial):
    t = trial(child_activation="on_full")
    t.quote(99.98, 100.0, 100)
    t.place(1, "BUY", 300, "MKT", transmit=False)
    t.place(2, "SELL", 300, "STP", aux_price="95", parent_id=1)  # held until the parent is full
    t.place(3, "SELL", 100, "LMT", limit_price="105")
    t.place(4, "SELL", 100, "STP", aux_price="90", transmit=False)
    t.wait(2)
    assert t.exchange.oracle.report()["uncovered_share_seconds_exchange"] == 200
    t.place(5, "SELL", 100, "TRAIL", aux_price="5")
    t.wait(2)
    assert t.exchange.oracle.report()["uncovered_share_seconds_exchange"] == 200


def test_one_execution_through_zero_is_counted_and_the_report_is_plain_json(trial):
    t = trial()
    t.quote(99.98, 100.0, 500)
    t.place(1, "BUY", 100, "MKT", order_ref="in")
    t.place(2, "SELL", 250, "MKT", order_ref="out")
    report = json.loads(json.dumps(t.exchange.oracle.report()))
    assert report["crossings_of_zero"] == 1
    assert report["position"] == {"IBM": -150}
    assert report["execution_count"] == 2
    first, second = report["executions"]
    assert first["order_ref"] == "in"
    assert second == {
        "time": "2013-10-07T09:31:00.002000-04:00",
        "time_ns": t.now_ns,
        "symbol": "IBM",
        "side": "SELL",
        "quantity": 250,
        "price": 99.98,
        "order_id": 2,
        "perm_id": 42_000_002,
        "client_id": 1,
        "order_ref": "out",
        "execution_id": "0000002a.00000002.01.01",
        "commission": 1.25,
    }
