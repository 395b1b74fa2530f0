"""The real command in a process of its own, on small generated tick files."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import attrs
import pytest

from engine.cli import main
from engine.errors import UserError
from engine.sim import instruments
from engine.sim.child import SimChild, SimState
from engine.sim.launch import DAY
from engine.sim.market import generate

ROOT = Path(__file__).parents[2]
TICKS = ROOT.parent / "shared" / "data" / "ticks"
PATIENCE_S = 60.0


def environment() -> dict[str, str]:
    paths = [str(ROOT), *filter(None, [os.environ.get("PYTHONPATH")])]
    return {**os.environ, "PYTHONPATH": os.pathsep.join(paths)}


def command(*arguments: object) -> list[str]:
    return [sys.executable, "-m", "engine.cli", *map(str, arguments)]


@attrs.frozen
class Ended:
    code: int
    out: str
    err: str


class Cli:
    """Runs ``engine`` in ``folder``; whatever is still running at the end of a test is ended."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._running: list[subprocess.Popen[str]] = []

    def __call__(self, *arguments: object) -> Ended:
        process = self.start(*arguments)
        out, err = process.communicate(timeout=PATIENCE_S)
        return Ended(process.returncode, out, err)

    def start(self, *arguments: object, **options: Any) -> subprocess.Popen[str]:
        process = subprocess.Popen(
            command(*arguments),
            cwd=self.folder,
            env=environment(),
            text=True,
            stdin=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            **{"stdout": subprocess.PIPE, **options},
        )
        self._running.append(process)
        return process

    def until(self, process: subprocess.Popen[str], text: str) -> list[str]:
        """Lines of its output up to the first that contains ``text``."""
        assert process.stdout is not None
        lines = []
        for line in process.stdout:
            lines.append(line)
            if text in line:
                return lines
        raise AssertionError(f"{text!r} was not written:\n{''.join(lines)}{process.communicate()}")

    def report(self, name: str) -> dict[str, Any]:
        data: dict[str, Any] = json.loads((self.folder / name).read_bytes())
        return data

    def simulator(self, journal: str) -> SimChild | None:
        """The simulator that the journal's state file names, if it runs."""
        state = SimState.read(self.folder / f"{journal}-sim")
        return None if state is None else SimChild.find(state)

    def end(self) -> None:
        for process in self._running:
            if process.poll() is None:
                process.kill()
            process.communicate()
        for path in self.folder.glob("*-sim"):
            try:
                state = SimState.read(path)
            except UserError:
                continue  # a test that spoilt it
            if state is not None and (found := SimChild.find(state)) is not None:
                found.stop()


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[Cli]:
    cli = Cli(tmp_path)
    yield cli
    cli.end()


class Here:
    """Runs ``engine`` in this process, where a mistake is to be refused before anything begins, or
    something is only written down: a process of its own would first have to import everything."""

    def __init__(self, folder: Path, capture: pytest.CaptureFixture[str]) -> None:
        self.folder = folder
        self._capture = capture

    def __call__(self, *arguments: object) -> Ended:
        with pytest.raises(SystemExit) as ended:
            main(list(map(str, arguments)))
        said = self._capture.readouterr()
        code = ended.value.code
        assert isinstance(code, int)
        return Ended(code, said.out, said.err)


@pytest.fixture
def here(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Here:
    monkeypatch.chdir(tmp_path)
    return Here(tmp_path, capsys)


@pytest.fixture
def ticks(tmp_path: Path) -> Callable[..., Path]:
    """Writes a generated tick file that lasts some minutes from the opening."""

    def write(symbol: str = "IBM", minutes: float = 30.0, seed: int = 1) -> Path:
        opens, _ = instruments.session(DAY)
        origin = instruments.midnight_ns(DAY)
        path = tmp_path / f"{symbol}-{DAY:%Y%m%d}.csv"
        source = generate([symbol], seed, opens, opens + int(minutes * 60e9))
        rows = [
            f"{(one.time_ns - origin) // 1_000_000},{one.kind},{one.price:.2f},{one.size}\n"
            for one in source
        ]
        path.write_text("time_ms,kind,price,size\n" + "".join(rows))
        return path

    return write


@pytest.fixture
def signals(tmp_path: Path) -> Callable[..., Path]:
    """Writes a signal file of (seconds from start, signal) for one symbol."""

    def write(*rows: tuple[float, str], symbol: str = "IBM", name: str = "S.jsonl") -> Path:
        path = tmp_path / name
        lines = [
            json.dumps({"at": at, "ticker": symbol, "signal": kind, "confidence": 0.9}) + "\n"
            for at, kind in rows
        ]
        path.write_text("".join(lines))
        return path

    return write


@pytest.fixture
def wide(tmp_path: Path) -> Path:
    """Settings under which a position stays open: stop and target are far away."""
    path = tmp_path / "wide.toml"
    path.write_text(
        '[strategy]\nsymbols = ["IBM"]\nsizing = {shares = 100}\n'
        "stop = {percent = 10}\ntarget = {percent = 20}\n"
    )
    return path


def gone(pid: int) -> bool:
    """Whether a process ends within the patience of a test."""
    deadline = time.monotonic() + PATIENCE_S
    while time.monotonic() < deadline:
        try:
            os.kill(pid, 0)
        except ProcessLookupError:
            return True
        state = Path(f"/proc/{pid}/stat")
        if state.exists() and state.read_text().rpartition(")")[2].split()[0] == "Z":
            return True  # it has ended, and waits for its parent to notice
        time.sleep(0.02)
    return False


TERM = signal.SIGTERM
