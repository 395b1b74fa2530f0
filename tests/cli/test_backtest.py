"""``engine backtest`` as a command."""

import csv
import json
import os
import signal
import time
from datetime import timedelta
from pathlib import Path

import pytest

from engine.sim.launch import DAY
from tests.cli.conftest import TICKS, Cli, Here

PLAN = [(120, "BUY"), (300, "SHORT"), (480, "BUY"), (660, "SELL")]


@pytest.fixture
def narrow(tmp_path):
    path = tmp_path / "narrow.toml"
    path.write_text(
        '[strategy]\nsymbols = ["IBM"]\nsizing = {shares = 100}\ncooldown_s = 5\n'
        'stop = {percent = 1}\ntarget = {percent = 1}\non_opposite = "reverse"\n'
    )
    return path


def test_a_strategy_over_a_morning(engine: Cli, ticks, signals, narrow):
    arguments = ("backtest", narrow, "--ticks", ticks(minutes=15), "--signals", signals(*PLAN))
    one = engine(*arguments, "--json", "1.json", "--csv", "1.csv")
    two = engine(*arguments, "--json", "2.json", "--csv", "2.csv")
    report = engine.report("1.json")

    assert one.code == 0, one.err
    assert "IBM" in one.out
    assert "ticks/s" in one.err
    assert report["signals"] == 4
    assert [trade["side"] for trade in report["trades"]] == ["long", "short", "long"]
    assert report["total"]["trades"] == 3
    with (engine.folder / "1.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert [float(row["realised"]) for row in rows] == [
        trade["realised"] for trade in report["trades"]
    ]
    assert one.out == two.out
    for kind in ("json", "csv"):
        pair = [(engine.folder / f"{number}.{kind}").read_bytes() for number in (1, 2)]
        assert pair[0] == pair[1]


def test_policies_and_latency_are_said_on_the_command_line(engine: Cli, ticks, signals, narrow):
    done = engine(
        *("backtest", narrow, "--ticks", ticks(minutes=4), "--signals", signals(PLAN[0])),
        *("--latency-ms", "250", "--policy", "commission_per_share=0", "commission_min=0"),
        *("--json", "-"),
    )
    report = json.loads(done.out)

    assert done.code == 0, done.err
    assert report["latency_ms"] == 250
    assert report["executions"]
    assert report["commissions"] == 0
    assert "days" in done.err


def test_the_ledger_may_go_to_standard_output_and_never_over_the_ticks(
    engine: Cli, ticks, signals, narrow
):
    data = ticks(minutes=6)
    given = ("backtest", narrow, "--ticks", data, "--signals", signals(*PLAN[:2]))
    done = engine(*given, "--csv", "-")

    assert [row["side"] for row in csv.DictReader(done.out.splitlines())] == ["long"]
    assert "days" in done.err
    done = engine(*given, "--csv", data)
    assert (done.code, done.err.count("\n")) == (2, 1)
    assert f"{data}: is used here" in done.err


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ([], "name the tick files"),
        (["--ticks", "IBM.csv"], "name it SYMBOL-YYYYMMDD.csv"),
        (["--ticks", "SPY-20240103.csv"], "no ticks of IBM"),
        (["--ticks", "IBM-20240199.csv"], "20240199 in its name is no date"),
        (["--ticks", "nothing.csv"], "nothing.csv: cannot be read: No such file"),
        (["--ticks", "IBM-20240103.csv", "--latency-ms", "-1"], "--latency-ms -1"),
        (["--ticks", "IBM-20240103.csv", "--profile", "kind"], "the profiles are"),
        (["--ticks", "IBM-20240103.csv", "--symbols", "IBM,IBM"], "IBM is there twice"),
        (["--ticks", "IBM-20240103.csv", "--csv", "no/where"], "no directory to write in"),
    ],
)
def test_mistakes_are_one_line(here: Here, narrow, arguments, words):
    for name in ("IBM.csv", "SPY-20240103.csv", "IBM-20240103.csv", "IBM-20240199.csv"):
        (here.folder / name).touch()
    done = here("backtest", narrow, *arguments)

    assert (done.code, done.out, done.err.count("\n")) == (2, "", 1)
    assert words in done.err


def test_ctrl_c_ends_it_with_what_was_done(engine: Cli, ticks, signals, narrow):
    data = ticks(minutes=390)
    days = [data, *(_copied(data, DAY + timedelta(days=one)) for one in range(1, 61))]
    process = engine.start(
        *("backtest", narrow, "--ticks", *days, "--signals", signals(*PLAN)),
        *("--json", "out.json"), start_new_session=True,
    )  # fmt: skip
    # All is imported and planned, and of sixty days some are played.
    _until_it_works(process.pid, seconds=3.5)
    os.killpg(process.pid, signal.SIGINT)
    out, err = process.communicate(timeout=60)

    assert process.returncode == 130, err
    report = engine.report("out.json")
    assert report["exit"] == "ended early"
    assert 0 < report["ticks"] < len(days) * (sum(1 for _ in data.open()) - 1)
    assert "ended early" in out


def _copied(data, day):
    """The same ticks on another day: times count from midnight."""
    path = data.with_name(f"IBM-{day:%Y%m%d}.csv")
    path.write_bytes(data.read_bytes())
    return path


def _until_it_works(pid, seconds):
    """Until a process has had so many seconds of a processor."""
    ticks_per_s = os.sysconf("SC_CLK_TCK")
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        used = int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[11])
        if used >= seconds * ticks_per_s:
            return
        time.sleep(0.02)
    raise AssertionError("it does not work")


@pytest.mark.data
@pytest.mark.slow
@pytest.mark.skipif(not TICKS.is_dir(), reason="the real tick files are not here")
def test_a_real_day(engine: Cli, signals, narrow):
    half_hours = [(f"{hour}:{minute:02d}:00", kind) for hour in range(10, 16)
                  for minute, kind in ((5, "BUY"), (35, "SHORT"))]  # fmt: skip
    process = engine.start(
        *("backtest", narrow, "--ticks", TICKS / "IBM-20131007.csv.gz"),
        *("--signals", signals(*half_hours), "--json", "out.json"),
    )
    _, err = process.communicate(timeout=300)
    report = engine.report("out.json")

    assert process.returncode == 0, err
    assert (report["ticks"], report["signals"]) == (132_104, 12)
    assert report["total"]["trades"] >= 12
    assert report["open_positions"] == []
    assert report["uncovered_share_seconds"] == 0
