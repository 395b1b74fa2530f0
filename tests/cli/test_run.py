"""``engine run`` end to end: a simulator of its own, trades, a report."""

from __future__ import annotations

import json
import os
import re
import signal
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from engine import capture
from engine.control import ask
from engine.errors import UserError
from tests.cli.conftest import PATIENCE_S, TICKS, Cli, gone

KEYS = {
    *("signals", "refusals", "orders", "executions", "trades", "open_positions", "realised_pnl"),
    *("commissions", "uncovered_share_seconds", "uncovered_max_ms", "ticks", "latency_us"),
    *("uncovered_share_seconds_exchange", "uncovered_max_ms_exchange", "alerts"),
    *("events_dropped", "exit"),
}


def position_of(executions: list[dict[str, Any]]) -> dict[str, int]:
    held: dict[str, int] = {}
    for one in executions:
        signed = one["quantity"] if one["side"] == "BUY" else -one["quantity"]
        held[one["symbol"]] = held.get(one["symbol"], 0) + signed
    return held


def test_the_report_does_not_go_over_the_journal(engine: Cli) -> None:
    done = engine("run", "--for", "1s", "--journal", "J", "--json", "J")

    assert (done.code, done.out, done.err.count("\n")) == (2, "", 1)
    assert "J: is used here; name another file to write" in done.err


@pytest.mark.slow
def test_the_demonstration_trades_and_ends_in_time(engine: Cli) -> None:
    done = engine("run", "--for", "10s", "--flatten", "--json", "out.json")
    report = engine.report("out.json")

    assert done.code == 0, done.err
    assert report.keys() >= KEYS
    assert "session syncing -> live" in done.out
    assert report["exit"] == "after 10 s as asked"
    assert len({order["symbol"] for order in report["orders"]}) >= 2
    assert report["executions"]
    assert report["uncovered_share_seconds"] == 0
    assert set(position_of(report["executions"]).values()) == {0}
    assert report["latency_us"]["order"]["count"] > 0


def test_the_report_goes_to_standard_output_alone(engine: Cli) -> None:
    done = engine("run", "--for", "2s", "--json", "-")

    assert done.code == 0, done.err
    assert json.loads(done.out).keys() >= KEYS
    assert "session" in done.err


def test_no_simulator_outlives_a_run_without_a_journal(engine: Cli) -> None:
    process = engine.start("run", "--for", "30s")
    engine.until(process, "syncing -> live")
    children = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=30)

    assert process.returncode == 0
    assert len(children) == 1
    assert gone(int(children[0]))


def test_a_file_is_traded_to_its_end_and_never_again_by_the_same_journal(
    engine: Cli, ticks: Callable[..., Path], signals: Callable[..., Path]
) -> None:
    """What the journal has seen is refused; at the end everything is flat."""
    data = ticks(minutes=20)
    plan = signals((300, "BUY"), (520, "SHORT"), (760, "BUY"), (1000, "SELL"))
    arguments = ["--ticks", data, "--signals", plan, "--speed", "600", "--journal", "J"]

    first = engine("run", *arguments, "--json", "1.json", "--durability", "normal")
    second = engine("run", *arguments, "--json", "2.json")
    one, two = engine.report("1.json"), engine.report("2.json")

    assert (first.code, second.code) == (0, 0), first.err + second.err
    assert one["signals"] == 4
    assert [trade["side"] for trade in one["trades"]] == ["long", "short", "long"]
    assert position_of(one["executions"]) == {"IBM": 0}
    assert one["open_positions"] == []
    assert one["uncovered_share_seconds"] == 0
    assert one["exit"] == "the market data are over and everything is flat"
    assert sum(trade["realised_pnl"] for trade in one["trades"]) == pytest.approx(
        one["realised_pnl"]
    )
    assert two["refusals"] == {"duplicate_signal": 4}
    assert (two["orders"], two["executions"], two["trades"]) == ([], [], [])


def test_two_files_after_one_option(engine: Cli, ticks: Callable[..., Path]) -> None:
    done = engine(
        *("run", "--ticks", ticks("AAPL", 10, 1), ticks("IBM", 10, 2), "--speed", "600"),
        *("--json", "out.json"),
    )

    assert done.code == 0, done.err
    assert engine.report("out.json")["ticks"] > 1000


def test_a_reader_that_goes_away_does_not_take_the_engine_with_it(engine: Cli) -> None:
    process = engine.start("run", "--plain", "--for", "4s", "--json", "report.json")
    assert process.stdout is not None
    assert process.stderr is not None
    process.stdout.readline()
    process.stdout.close()

    told = process.stderr.read()

    assert process.wait() == 0
    assert "nobody reads the output any more" in told
    assert "Traceback" not in told
    assert json.loads((engine.folder / "report.json").read_text())["ticks"] > 0


def test_ctrl_c_writes_the_report_all_the_same(engine: Cli) -> None:
    process = engine.start("run", "--for", "60s", "--json", "out.json", start_new_session=True)
    engine.until(process, "syncing -> live")
    os.killpg(process.pid, signal.SIGINT)
    process.communicate(timeout=30)

    assert process.returncode == 0
    assert engine.report("out.json")["exit"] == "asked to (SIGINT)"


@pytest.mark.slow
def test_one_speaks_text_where_protobuf_is_not_wanted(engine: Cli) -> None:
    done = engine("run", "--for", "8s", "--max-server-version", "187", "--json", "out.json")

    assert done.code == 0, done.err
    assert re.search(r"server version 187\b", done.out)
    assert engine.report("out.json")["ticks"] > 100


@pytest.mark.data
@pytest.mark.slow
@pytest.mark.skipif(not TICKS.is_dir(), reason="the real tick files are not here")
def test_a_real_day_is_traded_protected_and_ends_flat(engine: Cli) -> None:
    plan = engine.folder / "S.jsonl"
    kinds = ["BUY", "SHORT", "SELL", "SHORT", "BUY"]
    lines = [
        {"at": f"{9 + (35 + 8 * i) // 60:02d}:{(35 + 8 * i) % 60:02d}:00", "ticker": "IBM"}
        | {"signal": kinds[i % len(kinds)], "confidence": 0.4 + 0.05 * (i % 10)}
        for i in range(46)
    ]
    plan.write_text("".join(json.dumps(line) + "\n" for line in lines))

    done = engine(
        *("run", "--ticks", TICKS / "IBM-20131007.csv.gz", "--signals", plan, "--speed", "1000"),
        *("--for", "59s", "--json", "out.json", "--durability", "normal"),
    )
    report = engine.report("out.json")

    assert done.code == 0, done.err
    assert report["signals"] == 46
    assert len(report["trades"]) >= 5
    assert report["refusals"]["low_confidence"] > 0
    assert report["open_positions"] == []
    assert position_of(report["executions"]) == {"IBM": 0}
    assert report["uncovered_share_seconds"] == 0
    assert report["events_dropped"] == 0


@pytest.mark.slow
def test_what_tws_sent_is_recorded(engine: Cli) -> None:
    done = engine("run", "--for", "8s", "--record", "wire.cap")
    again = engine("run", "--for", "2s", "--record", "wire.cap")
    chunks = list(capture.read(engine.folder / "wire.cap"))

    assert done.code == 0, done.err
    assert (chunks[0].kind, chunks[0].data) == (capture.CONNECTED, b"226")
    assert sum(len(one.data) for one in chunks if one.kind == capture.RECEIVED) > 10_000
    assert (again.code, again.err.count("\n")) == (2, 1)  # it would have mixed two days


def _until_live(engine: Cli, journal: str) -> None:
    place = engine.folder / f"{journal}.control"
    for _ in range(600):
        with suppress(UserError):
            if ask(place, {"op": "status"})["session"] == "live":
                return
        time.sleep(0.1)
    raise AssertionError("it never became live")


def test_a_terminal_that_hangs_up_does_not_end_the_engine(engine: Cli, wide: Path) -> None:
    ours, theirs = os.openpty()
    process = engine.start(
        *("run", "--config", wide, "--journal", "J", "--durability", "normal"),
        stdout=theirs,
    )
    os.close(theirs)
    _until_live(engine, "J")
    os.close(ours)
    time.sleep(1.0)  # four pictures
    assert process.poll() is None
    assert ask(engine.folder / "J.control", {"op": "status"})["session"] == "live"
    process.send_signal(signal.SIGTERM)
    _, told = process.communicate(timeout=PATIENCE_S)
    assert process.returncode == 0, told
    assert "Traceback" not in told


def test_a_full_disk_behind_the_output_does_not_end_the_engine(engine: Cli, wide: Path) -> None:
    with Path("/dev/full").open("w") as full:
        process = engine.start("run", "--config", wide, "--for", "3s", stdout=full)
    _, told = process.communicate(timeout=PATIENCE_S)
    assert process.returncode == 0, told
    assert "Traceback" not in told
    assert told.count("standard output cannot be written: No space left on device") == 1


@pytest.mark.slow
@pytest.mark.parametrize("ignored", [False, True])
def test_a_terminal_that_closes_ends_a_run_without_a_file_in_order(
    engine: Cli, ignored: bool
) -> None:
    """With a file of settings SIGHUP reads it again; without one it killed the engine. What nohup
    has ignored stays ignored."""
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN if ignored else signal.SIG_DFL)
    try:
        process = engine.start("run", "--for", "6s", "--json", "out.json")
    finally:
        signal.signal(signal.SIGHUP, before)
    engine.until(process, "syncing -> live")
    for _ in range(2):  # the kernel says so, and the shell says it again
        process.send_signal(signal.SIGHUP)
        time.sleep(0.05)
    _, told = process.communicate(timeout=PATIENCE_S)
    assert process.returncode == 0, told
    assert engine.report("out.json")["exit"] == (
        "after 6 s as asked" if ignored else "asked to (SIGHUP)"
    )
