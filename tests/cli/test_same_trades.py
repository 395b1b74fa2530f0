"""Live over TCP and backtest in memory: the same engine, ticks and signals make the same trades.

What may differ is when: over TCP a decision takes real milliseconds, which are seconds of an
exchange that runs at 120 times its pace, and more on a busy machine. So the market of this test
stands still for minutes around every signal and moves in jumps between, far from any: a decision
that comes half a minute later meets the same prices, and what sets off a stop or a target does
so in both. Nothing else may differ, to the last digit of a result.
"""

from datetime import datetime

import pytest

from tests.cli.conftest import Cli

SPEED = 120
LATE_S = 100  # of the exchange: less than the market stands still after a signal
# (seconds it lasts, bid, signal two minutes before its end)
LEVELS = (
    *((480, 100.00, "BUY"), (240, 100.40, None), (240, 98.60, "SHORT")),  # a stop
    *((240, 98.10, "SHORT"), (240, 96.50, "BUY")),  # refused: the same side; a target
    *((240, 96.80, "SHORT"), (240, 96.60, "BUY"), (240, 96.90, "SELL")),  # two reversals, a close
)
SIGNALS = ["BUY", "SHORT", "SHORT", "BUY", "SHORT", "BUY", "SELL"]
SETTINGS = """
[strategy]
symbols = ["IBM"]
sizing = {shares = 500}
stop = {percent = 1.0}
target = {percent = 1.5}
on_opposite = "reverse"
cooldown_s = 5
"""
SAME = ("symbol", "side", "quantity", "entry", "exit", "reason", "commission", "realised")


@pytest.fixture
def market(tmp_path):
    """A quote of 400 shares a side every second, and trades at both of them."""
    rows, at_ms = [], 34_200_000
    for seconds, bid, _ in LEVELS:
        for _ in range(seconds):
            for part_ms, kind, price in ((0, "A", bid + 0.02), (1, "B", bid),
                                         (500, "T", bid + 0.02), (501, "T", bid)):  # fmt: skip
                rows.append(f"{at_ms + part_ms},{kind},{price:.2f},400\n")
            at_ms += 1000
    path = tmp_path / "IBM-20240103.csv"
    path.write_text("time_ms,kind,price,size\n" + "".join(rows))
    return path


@pytest.fixture
def clocks(signals):
    """The signals, at the exchange's time of the day."""
    rows, end_s = [], 34_200
    for seconds, _, kind in LEVELS:
        end_s += seconds
        if kind is not None:
            at = end_s - 120
            rows.append((f"{at // 3600:02d}:{at // 60 % 60:02d}:{at % 60:02d}", kind))
    return signals(*rows)


def trades_of(report, realised):
    """What a report says of its trades, those figures by one name."""
    found = [{**one, "realised": one[realised]} for one in report["trades"]]
    rounded = [
        {name: round(one[name], 9) if isinstance(one[name], float) else one[name] for name in SAME}
        for one in found
    ]
    return rounded, [one["closed_ns"] / 1e9 for one in found]


@pytest.mark.slow
def test_the_same_trades_over_tcp_and_in_memory(engine: Cli, market, clocks):
    (engine.folder / "s.toml").write_text(SETTINGS)
    shared = ("--ticks", market, "--signals", clocks)
    live = engine(
        *("run", "--config", "s.toml", *shared, "--speed", SPEED, "--json", "live.json"),
        *("--durability", "normal"),
    )
    tested = engine("backtest", "s.toml", *shared, "--json", "tested.json")
    assert (live.code, tested.code) == (0, 0), live.err + tested.err
    one, two = engine.report("live.json"), engine.report("tested.json")
    (lived, lived_s), (made, made_s) = trades_of(one, "realised_pnl"), trades_of(two, "realised")

    assert lived == made
    assert [trade["reason"] for trade in made] == [
        "stop",
        "target",
        "reversal",
        "reversal",
        "signal",
    ]
    assert [trade["side"] for trade in made] == ["long", "short", "long", "short", "long"]
    assert max(abs(a - b) for a, b in zip(lived_s, made_s, strict=True)) < LATE_S
    assert one["signals"] == two["signals"] == len(SIGNALS)
    assert one["refusals"] == two["refusals"] == {"same_side": 1}
    for report in (one, two):  # more was wanted at once than anybody showed
        parts = [one["quantity"] for one in report["executions"]]
        assert max(parts) <= 400
        assert sum(parts) == 2 * 500 * 5
    assert one["realised_pnl"] == pytest.approx(two["realised_pnl"], abs=1e-9)
    assert one["uncovered_share_seconds"] == two["uncovered_share_seconds"] == 0
    first = datetime.fromisoformat(two["trades"][0]["opened"])
    assert (first.hour, first.minute) == (9, 36)
