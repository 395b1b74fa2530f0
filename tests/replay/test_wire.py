"""What TWS sent, kept as bytes and read once more: the market, the ticks, the rest."""

from __future__ import annotations

import os
import random
import shutil
import subprocess
import sys
from collections.abc import Iterable, Iterator
from contextlib import closing
from pathlib import Path

import pytest

from engine import capture
from engine.config import from_mapping
from engine.engine import Engine
from engine.errors import DataFileError
from engine.replay.tick_files import TickFiles
from engine.replay.wire import Wire
from engine.sim import instruments
from engine.sim.launch import DAY, generated
from engine.sim.market import read_ticks
from engine.sim.records import MarketTick
from engine.sim.server import SimServer
from engine.ticks import files
from tests.runtime.test_engine import PATIENCE_S, running, until

ROOT = Path(__file__).parents[2]
SPEED = 30.0


@pytest.fixture(scope="module", params=[200, 226])
def recorded(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[Path, list[MarketTick]]]:
    """A capture of an engine that traded at a simulator, in text or protobuf, and the ticks that
    there were."""
    played: list[MarketTick] = []

    def noted(source: Iterator[MarketTick]) -> Iterator[MarketTick]:
        for tick in source:
            played.append(tick)
            yield tick

    path = tmp_path_factory.mktemp("wire") / "wire.cap"
    exchange, source = generated(["IBM", "SPY"], seed=5, ticks_per_s=4.0)
    server = SimServer(
        exchange, noted(source), port=0, speed=SPEED, max_server_version=request.param
    )
    server.start()
    strategy = {"symbols": ["IBM", "SPY"], "sizing": {"shares": 10}, "stop": {"percent": 5.0}}
    broker = {"port": server.port, "clock_rate": SPEED, "heartbeat_s": 1.0}
    engine = Engine(from_mapping({"strategy": strategy, "broker": broker}), record=path)
    with running(engine):
        said = {"ticker": "IBM", "signal": "BUY", "confidence": 0.9}
        engine.publish(said).result(PATIENCE_S)
        until(lambda: engine.view().symbols[0].state == "protected")
        until(lambda: len(played) > 1500)
    server.stop()
    yield path, played


def test_a_capture_that_a_full_disk_does_not_begin_is_told_in_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    full = os.open("/dev/full", os.O_WRONLY)
    monkeypatch.setattr(os, "open", lambda *_: full)
    with pytest.raises(DataFileError, match="cannot be written: No space left on device"):
        capture.Capture(tmp_path / "wire")


def test_every_frame_is_read_and_means_what_it_meant(
    recorded: tuple[Path, list[MarketTick]],
) -> None:
    wire = Wire(recorded[0])
    seen = wire.run()

    assert len(seen.connections) == 1
    assert not seen.unreadable
    assert seen.inputs["ExecutionReported"] >= 1
    assert seen.inputs["OrderStatusReported"] >= 2
    assert seen.market > 1000
    received = [one for one in capture.read(recorded[0]) if one.kind == capture.RECEIVED]
    assert seen.bytes == sum(len(one.data) for one in received)


def news(ticks: Iterable[MarketTick]) -> Iterator[tuple[str, float, int]]:
    """A quote that says what the one before said changes nothing."""
    shown: dict[str, tuple[float, int]] = {}
    for one in ticks:
        if one.kind == "T" or shown.get(one.kind) != (one.price, one.size):
            shown[one.kind] = one.price, one.size
            yield one.kind, one.price, one.size


def test_a_capture_is_read_as_the_tick_files_that_are_made_of_it(
    recorded: tuple[Path, list[MarketTick]], tmp_path: Path
) -> None:
    path, _ = recorded
    with closing(TickFiles(tmp_path)) as made:
        Wire(path, made).run()

    parts = files.parts([path])
    assert [(one.symbol, one.day) for one in parts] == [("IBM", DAY), ("SPY", DAY)]
    ticks = list(files.tape(parts))
    assert len(ticks) > 1000
    assert ticks == list(files.tape(files.parts(made.paths)))
    assert list(files.tape(parts[1:])) == [one for one in ticks if one.symbol == "SPY"]


def test_a_damaged_capture_is_ticks_or_one_line(
    recorded: tuple[Path, list[MarketTick]], tmp_path: Path
) -> None:
    whole = recorded[0].read_bytes()[:60_000]
    stream = random.Random("damage/capture")
    ends = set()
    for _ in range(60):
        damaged = bytearray(whole[: stream.randrange(600, len(whole))])
        for _ in range(stream.choice((0, 1, 3, 20))):
            at = stream.randrange(14, stream.choice((600, len(damaged))))
            damaged[at] ^= 1 << stream.randrange(8)
        path = tmp_path / "wire"
        path.write_bytes(damaged)
        try:
            ends.add(len(list(files.tape(files.parts([path])))) > 0)
        except DataFileError as problem:
            assert str(path) in str(problem)
            assert "\n" not in str(problem)
            ends.add(None)
    assert ends >= {True, None}


@pytest.mark.parametrize(
    ("kind", "data"),
    [
        (capture.CONNECTED, b""),
        (capture.CONNECTED, b"0"),
        (capture.CONNECTED, b"99999999999"),
        (capture.SUBSCRIBED, b"IBM"),
        (capture.SUBSCRIBED, b"-5 IBM"),
        (capture.SUBSCRIBED, b"99999999999 IBM"),
        (capture.SUBSCRIBED, b"\xff IBM"),
    ],
)
def test_a_record_that_cannot_be_is_told(kind: int, data: bytes, tmp_path: Path) -> None:
    path = tmp_path / "wire"
    path.write_bytes(capture.MAGIC + capture.HEAD.pack(1, kind, len(data)) + data)
    with pytest.raises(DataFileError, match=r"damaged: it has a (connection|subscription)"):
        Wire(path).run()


def test_the_ticks_are_those_that_there_were(
    recorded: tuple[Path, list[MarketTick]], tmp_path: Path
) -> None:
    path, played = recorded
    with closing(TickFiles(tmp_path)) as made:
        Wire(path, made).run()

    assert [one.name for one in sorted(made.paths)] == [
        f"{symbol}-{DAY:%Y%m%d}.csv" for symbol in ("IBM", "SPY")
    ]
    for file in made.paths:
        symbol = file.name[:3]
        found = [(one.kind, one.price, one.size) for one in read_ticks(file)]
        wanted = list(news(one for one in played if one.symbol == symbol))
        # The clients joined some time after the opening, and left before the end.
        begin = next(at for at in range(len(wanted)) if wanted[at : at + 30] == found[2:32])
        rest = wanted[begin : begin + len(found) - 2]
        assert rest == found[2:]
        assert len(rest) > 200


def test_times_are_the_exchange_s(recorded: tuple[Path, list[MarketTick]], tmp_path: Path) -> None:
    path, played = recorded
    told: list[MarketTick] = []
    Wire(path, told.append, SPEED).run()
    trades = [one for one in told if one.kind == "T" and one.symbol == "IBM"]
    theirs = [one for one in played if one.kind == "T" and one.symbol == "IBM"]
    at = next(
        n for n in range(len(theirs))
        if [(o.price, o.size) for o in theirs[n : n + 20]]
        == [(o.price, o.size) for o in trades[:20]]
    )  # fmt: skip
    away = [abs(a.time_ns - b.time_ns) / 1e9 for a, b in zip(trades, theirs[at:], strict=False)]
    # A second of the exchange's clock that is not told, and what 30 times as fast makes of delays.
    assert sorted(away)[len(away) // 2] < 10.0


def test_two_connections_are_read_one_after_the_other(
    recorded: tuple[Path, list[MarketTick]], tmp_path: Path
) -> None:
    once = Wire(recorded[0]).run()
    body = recorded[0].read_bytes()[len(capture.MAGIC) :]
    (tmp_path / "twice").write_bytes(capture.MAGIC + body + body)
    twice = Wire(tmp_path / "twice").run()

    assert len(twice.connections) == 2
    assert twice.frames == 2 * once.frames
    assert twice.market == 2 * once.market
    assert not twice.unreadable


def test_bytes_without_a_connection_are_damage(tmp_path: Path) -> None:
    path = tmp_path / "wire"
    path.write_bytes(capture.MAGIC + capture.HEAD.pack(1, capture.RECEIVED, 3) + b"abc")

    with pytest.raises(DataFileError, match="before any connection"):
        Wire(path).run()


def test_a_file_for_each_symbol_and_day_and_none_is_overwritten(tmp_path: Path) -> None:
    opens_ns, _ = instruments.session(DAY)
    ticks = [
        MarketTick(opens_ns, "IBM", "B", 100.01, 300),
        MarketTick(opens_ns, "SPY", "T", 400.5, 7),
        MarketTick(opens_ns + 24 * 3600 * 10**9, "IBM", "A", 0.0125, 1),
    ]
    with closing(TickFiles(tmp_path)) as files:
        for tick in ticks:
            files(tick)

    read = [tick for path in files.paths for tick in read_ticks(path)]
    assert sorted(read, key=lambda one: (one.time_ns, one.symbol)) == ticks
    with closing(TickFiles(tmp_path)) as again, pytest.raises(DataFileError, match="exists"):
        again(ticks[0])


def shell(*words: object) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "engine.cli", "replay", *map(str, words)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_the_command_reads_a_capture_and_writes_its_ticks(
    recorded: tuple[Path, list[MarketTick]], tmp_path: Path
) -> None:
    shutil.copy(recorded[0], tmp_path / "wire.cap")
    done = shell("--capture", tmp_path / "wire.cap", "--ticks", tmp_path)

    assert (done.returncode, done.stderr) == (0, "")
    assert "ExecutionReported" in done.stdout
    assert f"wrote {tmp_path / f'IBM-{DAY:%Y%m%d}.csv'}" in done.stdout


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ([], "takes a journal, or --capture"),
        (["J", "--capture", "W"], "takes a journal, or --capture"),
        (["--capture", "W", "--against", "."], "a capture holds no decisions"),
        (["J", "--ticks", "."], "a journal holds none"),
        (["--capture", "nowhere"], "cannot be read"),
        (["--capture", "nowhere", "--ticks", "nothing"], "is no directory"),
    ],
)
def test_what_does_not_fit_is_refused(words: list[str], said: str) -> None:
    done = shell(*words)

    assert done.returncode == 2
    assert said in done.stderr
    assert done.stderr.count("\n") == 1
