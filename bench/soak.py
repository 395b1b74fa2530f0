"""Hours of a busy market in as many minutes: does anything grow, get lost, or stand still?

Usage: python -m bench.soak [--minutes N] [--rate TRADES_A_SECOND] [--style text|protobuf]

A process of its own sends trades over a socket; the compiled reader takes them into a market with
indicators and conditions, whose fires are drained, while a thread of the host makes garbage as
programs do. Every trade's number is checked where it arrives, so one that is lost or out of place
is counted. Told at the end, as one line of JSON with ``--json``: trades, their rate, what was
wrong with them, the memory after the first tenth and at the end, and how long the collector of
garbage and the reader's own thread held things up. Exits with 1 if anything is wrong.
"""

from __future__ import annotations

import argparse
import gc
import json
import socket
import subprocess
import sys
import threading
import time
from typing import Any, Final

import attrs
import numpy as np

from _fast.market import Market
from _fast.reader import CLOSED
from bench.compiled import compiled
from bench.ledger import ROOT
from bench.peers.memory import resident
from bench.stream import FIRST
from bench.wire import version

INSTRUMENTS: Final = 100
CONDITIONS: Final = 10  # of each, too far away to fire; the first instrument has two that do
INDICATORS: Final = (("ema", (20,)), ("sma", (50,)), ("rsi", (14,)), ("atr", (14,)))
AWAY: Final = 200.0
GROWN_MAX: Final = 8_000_000  # bytes, of what an allocator may still do after the first tenth
WAIT_NS: Final = 500_000_000
STEPS: Final = 20  # lines of progress


@attrs.define
class Pauses:
    """How long the collector of garbage took, in seconds: by the clock, and of the processor,
    which says what a machine with nothing else to do would have taken."""

    count: int = 0
    total: float = 0.0
    longest: float = 0.0
    longest_busy: float = 0.0
    _began: tuple[float, float] = (0.0, 0.0)

    def __call__(self, phase: str, _: dict[str, int]) -> None:
        now = (time.perf_counter(), time.thread_time())
        if phase == "start":
            self._began = now
            return
        took, busy = (after - before for after, before in zip(now, self._began, strict=True))
        self.count += 1
        self.total += took
        self.longest = max(self.longest, took)
        self.longest_busy = max(self.longest_busy, busy)


@attrs.frozen
class Found:
    """What a soak said."""

    style: str
    seconds: float
    sent: int
    trades: int
    per_second: float
    lost: int
    misplaced: int
    unapplied: int
    late: int
    bad_frames: int
    bars: int
    fires: int
    memory_early: int
    memory_late: int
    gc_pauses: int
    gc_longest_s: float
    gc_longest_busy_s: float  # of the processor
    gc_share: float
    read_longest_s: float  # from one batch to the next

    def wrong(self) -> list[str]:
        found = []
        if self.trades != self.sent:
            found.append(f"{self.sent} trades were sent and {self.trades} came")
        counts = ("lost", "misplaced", "unapplied", "late", "bad_frames")
        found += [f"{n} trades {name}" for name in counts if (n := getattr(self, name))]
        if not self.bars or not self.fires:
            found.append("no bar was completed, or no condition fired")
        if self.memory_late - self.memory_early > GROWN_MAX:
            grown = (self.memory_late - self.memory_early) / 1e6
            found.append(f"memory grew by {grown:.1f} MB after the first tenth")
        return found


def market() -> Market:
    made = Market(capacity=INSTRUMENTS)
    for number in range(INSTRUMENTS):
        row = made.add(bar_seconds=1, trades_from=1)
        made.bind(number + 1, row)
        made.follow(row, INDICATORS)
        for level in range(CONDITIONS):
            made.when(row, "last", "above", AWAY + level)
    made.when(0, "last", "above", 160.5)
    made.when_study(0, "last", "over", ("ema", (20,), 0))
    return made


def soak(style: str, rate: int, seconds: float, *, progress: bool) -> Found:
    sender = subprocess.Popen(
        [sys.executable, "-m", "bench.peers.trades", style, f"{INSTRUMENTS}", f"{rate}",
         f"{seconds}"],
        cwd=ROOT, text=True, stdout=subprocess.PIPE,
    )  # fmt: skip
    assert sender.stdout is not None
    pauses, done = Pauses(), threading.Event()
    gc.callbacks.append(pauses)
    host = threading.Thread(target=_host, args=(done,), daemon=True)
    try:
        port = int(sender.stdout.readline())
        with socket.create_connection(("127.0.0.1", port)) as sock:
            host.start()
            told = _read(sock, style, seconds, progress=progress)
        sent = int(sender.stdout.readline())
    finally:
        done.set()
        gc.callbacks.remove(pauses)
        sender.kill()
        sender.communicate()
    return Found(
        style=style,
        sent=sent,
        gc_pauses=pauses.count,
        gc_longest_s=pauses.longest,
        gc_longest_busy_s=pauses.longest_busy,
        gc_share=pauses.total / told["seconds"],
        **told,
    )


def _read(sock: socket.socket, style: str, seconds: float, *, progress: bool) -> dict[str, Any]:
    """Until the sender has closed; what was seen."""
    made = market()
    kind = compiled("sequence").SequenceReader
    wake, _kept = socket.socketpair()
    reader = kind(sock.fileno(), wake.fileno(), made, version(style))
    reader.expect(np.full(INSTRUMENTS, FIRST - 1.0))
    began = time.monotonic()
    early, fires, longest, before, told = 0, 0, 0.0, began, 0
    while True:
        flags = reader.wait(WAIT_NS)
        now = time.monotonic()
        longest, before = max(longest, now - before), now
        fires += len(made.fires())
        if not early and now - began > seconds / 10:
            early = resident()
        if progress and now - began > seconds * told / STEPS:
            told += 1
            sys.stderr.write(
                f"{now - began:6.0f} s {reader.checked:15,} trades {resident():14,} B\n"
            )
        if flags & CLOSED:
            break
    took = time.monotonic() - began
    return {
        "seconds": took,
        "trades": reader.checked,
        "per_second": reader.checked / took,
        "lost": reader.lost,
        "misplaced": reader.misplaced,
        "unapplied": reader.unapplied,
        "late": made.late_trades,
        "bad_frames": reader.bad_frames + made.unbound,
        "bars": sum(len(made.bars(row)) for row in range(INSTRUMENTS)),
        "fires": fires,
        "memory_early": early,
        "memory_late": resident(),
        "read_longest_s": longest,
    }


def _host(done: threading.Event) -> None:
    """A program beside the reader: objects that refer to each other, kept for a while."""
    kept: list[list[Any]] = []
    while not done.wait(0.01):
        for _ in range(100):
            ring: list[Any] = []
            ring.append(ring)
            kept.append(ring)
        del kept[:-5_000]


def main() -> int:
    parser = argparse.ArgumentParser(prog="bench.soak", description=__doc__.partition("\n")[0])
    parser.add_argument("--minutes", type=float, default=30.0)
    parser.add_argument("--rate", type=int, default=200_000)
    parser.add_argument("--style", choices=("text", "protobuf"), default="text")
    parser.add_argument("--json", action="store_true", help="one line of JSON, no progress")
    options = parser.parse_args()
    found = soak(options.style, options.rate, options.minutes * 60, progress=not options.json)
    wrong = found.wrong()
    if options.json:
        sys.stdout.write(json.dumps(attrs.asdict(found)) + "\n")
    else:
        for name, value in attrs.asdict(found).items():
            sys.stdout.write(
                f"{name:16} {value:,}\n" if name != "style" else f"{name:16} {value}\n"
            )
    for one in wrong:
        sys.stderr.write(f"wrong: {one}\n")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
