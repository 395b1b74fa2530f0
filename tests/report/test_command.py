"""``engine report`` and ``engine backtest --html`` from a shell."""

import csv
import io
import json
import subprocess
import sys

import pytest

from engine.cli import main
from tests.backtest import conftest as backtest
from tests.report.conftest import RUN_S

ticks, signals = backtest.ticks, backtest.signals  # fixtures


def shell(*words):
    done = subprocess.run(
        [sys.executable, "-m", "engine.cli", *map(str, words)],
        cwd=backtest.ROOT,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done


def test_a_report_and_its_files(place, found, tmp_path):
    made = {name: tmp_path / f"out.{name}" for name in ("html", "csv", "json")}
    done = shell("report", place, *(word for n, p in made.items() for word in (f"--{n}", p)))
    rows = list(csv.DictReader(io.StringIO(made["csv"].read_text())))
    assert [row["realised"] for row in rows] == [str(one.realised) for one in found.trades]
    data = json.loads(made["json"].read_text())
    assert data["total"] == found.total.data()
    assert made["html"].read_text().count("<figure") == len(found.trades)
    assert "as far as the journal knows prices" in done.stdout
    assert "sortino" in done.stdout
    assert RUN_S > data["by_hour"]["09"]["held_s"] > 0
    for told in (done.stdout, *(path.read_text() for path in made.values())):
        (account,) = found.reading.accounts
        assert account not in told


def test_json_on_standard_output_stands_alone_there(place, found):
    done = shell("report", place, "--symbol", "IBM", "--day", "20240103", "--json", "-")
    data = json.loads(done.stdout)
    assert {one["symbol"] for one in data["trades"]} == {"IBM"}
    assert len(data["trades"]) == sum(one.symbol == "IBM" for one in found.trades)
    assert "sortino" in done.stderr


def here(capsys, *words, code=0):
    """In this process, where there is nothing to be made: another one would have to import it."""
    with pytest.raises(SystemExit) as ended:
        main(list(map(str, words)))
    assert ended.value.code == code
    return capsys.readouterr()


def test_that_nothing_was_wanted_is_told(place, capsys):
    assert here(capsys, "report", place, "--symbol", "ibm").out.endswith("\nno trades\n")


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("no-such-file",), "no-such-file: there is no journal"),
        (("J", "--day", "2024-01-03"), "--day 2024-01-03: a day is YYYYMMDD"),
        (("J", "--html", "/nowhere/x.html"), "/nowhere/x.html: cannot be written"),
        (("J", "--ticks", __file__), "test_command.py: is no tick file"),
        (("J", "--ticks", "ticks.csv"), "ticks.csv: cannot be read: No such file"),
    ],
)
def test_a_mistake_is_one_line(place, capsys, words, told):
    words = [place if word == "J" else word for word in words]
    done = here(capsys, "report", *words, code=2)
    assert told in done.err
    assert done.err.count("\n") == 1


def test_parquet_says_what_it_needs(place, tmp_path, monkeypatch, capsys):
    monkeypatch.setitem(sys.modules, "pyarrow", None)  # as where it is not installed
    done = here(capsys, "report", place, "--parquet", tmp_path / "x.parquet", code=2)
    assert "pip install pyarrow" in done.err
    assert list(tmp_path.iterdir()) == []


def test_parquet_holds_the_ledger(found):
    pytest.importorskip("pyarrow")
    from pyarrow import BufferReader, parquet

    from engine.report.parquet import table

    rows = parquet.read_table(BufferReader(table(found.trades))).to_pylist()
    assert [row["realised"] for row in rows] == [float(one.realised) for one in found.trades]


def test_a_backtest_writes_the_same_page(ticks, signals, tmp_path):
    strategy = tmp_path / "strategy.toml"
    strategy.write_text(
        '[strategy]\nsymbols = ["IBM"]\nsizing = {shares = 300}\nstop = {percent = 0.5}\n'
        'target = {percent = 0.5}\non_opposite = "reverse"\ncooldown_s = 5\n'
    )
    rows = [(f"09:{minute}:00", "IBM", kind) for minute, kind in
            ((32, "BUY"), (36, "SHORT"), (40, "BUY"), (44, "SELL"))]  # fmt: skip
    page, ledger = tmp_path / "out.html", tmp_path / "out.csv"
    shell("backtest", strategy, "--ticks", ticks(), "--signals", signals(*rows),
          "--html", page, "--csv", ledger)  # fmt: skip
    trades = list(csv.DictReader(ledger.open()))
    text = page.read_text()
    assert len(trades) >= 3
    assert text.count("<figure") == len(trades)
    assert "looked at with every one of" in text
    for one in trades:
        assert f">{float(one['mae']):.3f}</td>" in text
        assert f">{float(one['mfe']):.3f}</td>" in text
