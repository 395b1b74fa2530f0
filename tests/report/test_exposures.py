"""Exposure by the clock and by what held it, against sums over seconds."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.events import PositionCloseEvent, PositionUpdateEvent
from engine.report.exposures import ALL, HOUR_NS, Exposures
from engine.sim.instruments import local_time

START_NS = 1_704_292_200_000_000_000  # 2024-01-03 09:30 in New York
MINUTE_NS = 60_000_000_000
PRICE = Decimal(100)


def event(symbol, shares):
    common = {"time_ns": 0, "sequence": 0, "symbol": symbol, "average_price": PRICE,
              "realised": Decimal(0), "side": "short" if shares < 0 else "long"}  # fmt: skip
    if not shares:
        return PositionCloseEvent(quantity=Decimal(0), exit_price=PRICE, reason="", **common)
    return PositionUpdateEvent(
        quantity=Decimal(abs(shares)), previous_quantity=Decimal(0), **common
    )


moves = st.lists(
    st.tuples(st.integers(1, 200), st.sampled_from("AB"), st.integers(-3, 3)), max_size=12
)


@given(moves, st.integers(1, 300))
def test_every_minute_is_counted_in_its_groups(rows, rest):
    exposures = Exposures()
    exposures.begin(START_NS)
    at = 0
    plan = []
    for wait, symbol, shares in rows:
        at += wait
        plan.append((at, symbol, shares))
        now_ns = START_NS + at * MINUTE_NS
        exposures.reach(now_ns)
        exposures.moved(event(symbol, shares), "one" if shares > 0 else "two", now_ns)
    at += rest
    exposures.end(START_NS + at * MINUTE_NS)

    held = {}
    expected = {}
    played = {}
    for minute in range(at):
        held |= {symbol: shares for when, symbol, shares in plan if when == minute}
        now = local_time(START_NS + minute * MINUTE_NS)
        clock = [("hour", f"{now:%H}"), ("day", f"{now:%Y-%m-%d}")]
        for group in (ALL, *clock):
            played[group] = played.get(group, 0) + 1
        open_now = {symbol: shares for symbol, shares in held.items() if shares}
        groups = {ALL, *clock} if open_now else set()
        for symbol, shares in open_now.items():
            groups |= {("symbol", symbol), ("side", "long" if shares > 0 else "short"),
                       ("rule", "one" if shares > 0 else "two")}  # fmt: skip
        for group in groups:
            expected[group] = expected.get(group, 0) + 1
    for group, one in exposures.groups.items():
        data = one.data()
        assert data["held_s"] == 60 * expected.get(group, 0), group
        of = played.get(group, at)
        assert data["held_share"] == pytest.approx(expected.get(group, 0) / of), group
    assert set(expected) <= set(exposures.groups)


def test_what_is_held_over_night_is_held_in_the_next_run():
    exposures = Exposures()
    exposures.begin(START_NS)
    exposures.moved(event("A", 5), "one", START_NS)
    exposures.end(START_NS + HOUR_NS)
    exposures.begin(START_NS + 24 * HOUR_NS)
    exposures.end(START_NS + 25 * HOUR_NS)

    for group in (ALL, ("rule", "one"), ("symbol", "A"), ("side", "long")):
        assert exposures.groups[group].data()["held_s"] == 7200
        assert exposures.groups[group].data()["held_share"] == 1
        assert exposures.groups[group].data()["notional_mean"] == 500
    assert exposures.groups["day", "2024-01-04"].data()["held_s"] == 3600
