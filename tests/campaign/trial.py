"""What a campaign trades: a market and dense signals made from one seed, and the real command.

Everything of a trial lies in one folder: the tick files, the signals, the settings, the journal
and what every run printed. The same seed makes the same files; when the kills land is up to the
machine, so a seed that failed may have to be repeated a few times.
"""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import threading
from pathlib import Path
from types import TracebackType
from typing import Final, Self

import attrs

from engine.sim import instruments
from engine.sim.child import SimChild, SimState
from engine.sim.launch import DAY
from engine.sim.market import generate

ROOT: Final = Path(__file__).parents[2]
SYMBOLS: Final = ("IBM", "AAPL", "SPY")
PATIENCE_S: Final = 60.0
MINUTE_NS: Final = 60_000_000_000
DAY_S: Final = 23_400.0
SETTINGS: Final = """
[strategy]
symbols = {symbols}
sizing = {{shares = {shares}}}
stop = {{percent = {stop}}}
target = {{percent = {target}}}
cooldown_s = {cooldown}
entries_per_day_max = 10000
close_before_end_s = 60
[limits]
orders_per_minute_max = 10000
[broker]
retry_first_s = 0.1
retry_max_s = 0.5
heartbeat_s = 1.0
heartbeat_timeout_s = 1.0
sync_timeout_s = 4.0
"""


@attrs.frozen
class Trial:
    """The last minutes of a generated day, or all of real ones, with dense signals."""

    folder: Path
    seed: int
    symbols: tuple[str, ...]
    ticks: tuple[Path, ...]
    speed: float

    @classmethod
    def make(
        cls,
        folder: Path,
        seed: int,
        *,
        minutes: float,
        speed: float,
        ticks: tuple[Path, ...] = (),
    ) -> Trial:
        """Write the files of a trial; ``ticks`` replaces the generated market by real days."""
        stream = random.Random(f"trial/{seed}")
        span_s = DAY_S if ticks else minutes * 60
        if ticks:
            symbols = tuple(sorted({path.name.partition("-")[0] for path in ticks}))
        else:
            symbols = SYMBOLS[: stream.randint(1, len(SYMBOLS))]
            ticks = tuple(_write_ticks(folder, symbol, seed, minutes) for symbol in symbols)
        trial = cls(folder, seed, symbols, ticks, speed)
        trial.settings.write_text(
            SETTINGS.format(
                symbols=json.dumps(symbols),
                shares=stream.choice((100, 300, 1000)),
                stop=stream.choice((0.05, 0.1, 1.0)),
                target=stream.choice((0.05, 0.1, 1.0)),
                cooldown=stream.choice((0, 0, 5)),
            )
        )
        trial.signals.write_text("".join(_signals(stream, symbols, span_s, speed)))
        return trial

    @property
    def settings(self) -> Path:
        return self.folder / "settings.toml"

    @property
    def signals(self) -> Path:
        return self.folder / "signals.jsonl"

    @property
    def journal(self) -> Path:
        return self.folder / "J"

    def embedded(self) -> list[str]:
        """Arguments of a run on a simulator of its own."""
        words = ["--config", str(self.settings), "--speed", f"{self.speed:g}"]
        for path in self.ticks:
            words += ["--ticks", str(path)]
        return [*words, *self._common()]

    def attached(self, port: int) -> list[str]:
        """Arguments of a run at a TWS that is there already."""
        words = ["--host", "127.0.0.1", "--port", str(port), "--speed", f"{self.speed:g}"]
        return ["--config", str(self.settings), *words, *self._common()]

    def _common(self) -> list[str]:
        journal = ["--journal", str(self.journal), "--durability", "normal"]
        return ["--signals", str(self.signals), *journal, "--plain"]

    def simulator(self) -> SimChild | None:
        """The simulator that the journal's state file names, if it runs."""
        path = self.journal.with_name("J-sim")
        if not path.exists():
            return None
        state = SimState.read(path)
        return None if state is None else SimChild.find(state)


def _write_ticks(folder: Path, symbol: str, seed: int, minutes: float) -> Path:
    _, closes = instruments.session(DAY)
    origin = instruments.midnight_ns(DAY)
    path = folder / f"{symbol}-{DAY:%Y%m%d}.csv"
    source = generate([symbol], seed, closes - int(minutes * MINUTE_NS), closes)
    rows = [
        f"{(one.time_ns - origin) // 1_000_000},{one.kind},{one.price:.2f},{one.size}\n"
        for one in source
    ]
    path.write_text("time_ms,kind,price,size\n" + "".join(rows))
    return path


def _signals(
    stream: random.Random, symbols: tuple[str, ...], span_s: float, speed: float
) -> list[str]:
    """Mostly alternating, so that most are reversals: about two in a real second, each symbol."""
    lines = []
    for symbol in symbols:
        at, side = stream.uniform(1.0, 20.0), "BUY"
        while at < span_s:
            kind = stream.choice((side, side, side, "SELL", "BUY", "SHORT"))
            side = "SHORT" if side == "BUY" else "BUY"
            line = {"at": round(at, 3), "ticker": symbol, "signal": kind, "confidence": 0.9}
            lines.append(json.dumps(line) + "\n")
            at += stream.uniform(0.05, 0.9) * speed
    return lines


class Run:
    """One ``engine run`` in a process of its own, its output kept and watched. ``dies`` says
    where it kills itself, as ``mortal_run`` has it."""

    def __init__(self, trial: Trial, arguments: list[str], name: str, dies: str = "") -> None:
        self.output = trial.folder / f"{name}.out"
        self.lines: list[str] = []
        self._news = threading.Condition()
        program = ["tests.campaign.mortal_run", dies] if dies else ["engine.cli"]
        self._process = subprocess.Popen(
            [sys.executable, "-m", *program, "run", *arguments],
            cwd=ROOT,
            text=True,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
        )
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        assert self._process.stdout is not None
        with self.output.open("w") as kept:
            for text in self._process.stdout:
                kept.write(text)
                with self._news:
                    self.lines.append(text)
                    self._news.notify_all()
        with self._news:
            self._news.notify_all()

    def until(self, text: str, count: int = 1, timeout_s: float = PATIENCE_S) -> bool:
        """Wait until ``count`` lines had ``text``; False: it ended, or took too long, before."""

        def seen() -> bool:
            return sum(text in line for line in self.lines) >= count

        with self._news:
            self._news.wait_for(lambda: seen() or not self._reader.is_alive(), timeout_s)
            return seen()

    def kill(self) -> None:
        """SIGKILL, and wait until it is gone."""
        self._process.kill()
        self.wait()

    def ask_to_end(self) -> None:
        self._process.send_signal(signal.SIGTERM)

    def wait(self, timeout_s: float = PATIENCE_S) -> int:
        """Its exit code. Raises subprocess.TimeoutExpired."""
        code = self._process.wait(timeout_s)
        self._reader.join(timeout_s)
        return code

    @property
    def over(self) -> bool:
        return self._process.poll() is not None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        problem: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if not self.over:
            self.kill()


def end_simulators(trial: Trial) -> None:
    """End every simulator of a trial, also one whose engine died before it wrote its address."""
    found = trial.simulator()
    if found is not None:
        found.stop()
    mark = str(trial.ticks[0]).encode()
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit():
            continue
        try:
            words = (entry / "cmdline").read_bytes().split(b"\0")
        except OSError:
            continue  # it has ended meanwhile, or is another user's
        if b"sim" in words and mark in words and mark.startswith(str(trial.folder).encode()):
            os.kill(int(entry.name), signal.SIGTERM)
