"""The journal's simulator: found again after a crash, kept while it holds something."""

from __future__ import annotations

import signal
import stat
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.cli.conftest import Cli, gone


def begin(engine: Cli, data: Path, plan: Path, wide: Path) -> list[object]:
    """Arguments of a run that opens a position soon and keeps it."""
    return [
        *("run", "--ticks", data, "--signals", plan, "--speed", "60", "--config", wide),
        *("--journal", "J", "--durability", "normal"),
    ]


@pytest.mark.slow
def test_a_killed_engine_finds_its_position_and_orders_again(
    engine: Cli, ticks: Callable[..., Path], signals: Callable[..., Path], wide: Path
) -> None:
    arguments = begin(engine, ticks(), signals((30, "BUY")), wide)
    process = engine.start(*arguments)
    engine.until(process, "entering -> protected")
    process.send_signal(signal.SIGKILL)
    process.communicate()
    kept = engine.simulator("J")
    assert kept is not None
    before = kept.report()
    kept.leave()

    done = engine(*arguments, "--for", "4s", "--flatten", "--json", "2.json")
    report = engine.report("2.json")

    assert before["position"] == {"IBM": 100}
    assert {order["order_type"] for order in before["open_orders"]} == {"STP", "LMT"}
    assert done.code == 0, done.err
    assert "continued at the simulator" in done.out
    # The journal ends live; the session of this run was not when its clock was told already.
    before_live, _, _ = done.out.partition("-> live")
    assert " signal " not in before_live
    # The orders that were there served on: only the close of the end was sent.
    assert [order["role"] for order in report["orders"] if order["sent"]] == ["close"]
    # (The entry, too, if the kill came before its fill was in the journal.)
    assert {order["role"] for order in report["orders"] if not order["sent"]} >= {"stop", "target"}
    assert [trade["quantity"] for trade in report["trades"]] == [100]
    assert report["uncovered_share_seconds"] == 0
    assert report["frozen"] == {}
    assert engine.simulator("J") is None  # it held nothing any more


def test_an_open_position_keeps_its_simulator_after_a_clean_end(
    engine: Cli, ticks: Callable[..., Path], signals: Callable[..., Path], wide: Path
) -> None:
    arguments = begin(engine, ticks(), signals((30, "SHORT")), wide)
    process = engine.start(*arguments, "--json", "1.json")
    engine.until(process, "entering -> protected")
    process.send_signal(signal.SIGTERM)
    process.communicate()
    (open_position,) = engine.report("1.json")["open_positions"]
    kept = engine.simulator("J")
    assert kept is not None
    about, state = kept.about(), kept.state
    kept.leave()

    other = engine(*arguments[:2], ticks("AAPL"), *arguments[3:])

    assert process.returncode == 0
    assert (open_position["side"], open_position["quantity"]) == ("short", 100)
    assert open_position["stop"] is not None
    assert about["pid"] == state.pid
    assert about["clients"] == 0
    assert stat.S_IMODE((engine.folder / "J-sim").stat().st_mode) == 0o600
    assert other.code == 2
    assert "still holds a position" in other.err


@pytest.mark.slow
def test_a_simulator_that_is_gone_with_the_position_freezes_the_symbol(
    engine: Cli, ticks: Callable[..., Path], signals: Callable[..., Path], wide: Path
) -> None:
    arguments = begin(engine, ticks(), signals((30, "BUY")), wide)
    process = engine.start(*arguments)
    engine.until(process, "entering -> protected")
    process.send_signal(signal.SIGTERM)
    process.communicate()
    lost = engine.simulator("J")
    assert lost is not None
    pid, instance = lost.state.pid, lost.state.instance
    lost.stop()
    assert gone(pid)

    again = engine.start(*arguments, "--json", "2.json")
    engine.until(again, "is frozen")
    again.send_signal(signal.SIGTERM)
    out, _ = again.communicate()
    report = engine.report("2.json")
    new = engine.simulator("J")

    assert again.returncode == 0
    assert list(report["frozen"]) == ["IBM"]
    assert f"process {pid}) has ended" in out
    assert report["executions"] == []
    assert new is None or new.state.instance > instance


def test_the_journal_belongs_to_one_engine_and_its_simulator_is_left_alone(
    engine: Cli, ticks: Callable[..., Path], signals: Callable[..., Path], wide: Path
) -> None:
    arguments = begin(engine, ticks(), signals((30, "BUY")), wide)
    process = engine.start(*arguments)
    engine.until(process, "syncing -> live")

    second = engine(*arguments)
    running = engine.simulator("J")

    assert second.code == 2
    assert "in use by another engine" in second.err
    assert running is not None
    assert running.about()["clients"] == 1
    running.leave()
