"""Damaged messages without end, for the decoders and for the reader around them.

Usage: python -m tests.fast.fuzz text|protobuf [--seconds N] [--seed N] [--case N]

Each case is a few real messages, damaged by chance. Of each, every beginning is decoded at the edge
of its memory (bench/compiled/guard.pyx: to read one byte too many ends the process), and the stream
of them is fed to a reader whole, in two pieces for every place of a cut, and byte by byte: what
came of it must be the same. A case depends on the seed and its number alone; one that fails or ends
the process is named, and ``--case`` plays it again.
"""

from __future__ import annotations

import argparse
import mmap
import random
import struct
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

from _fast.market import Market
from _fast.reader import BROKEN, Reader
from bench.compiled import compiled
from tests.fast.market_samples import VALID

PAUSE_CASES: Final = 50  # between looks at the clock
MESSAGES_MAX: Final = 4
PIECES: Final = (
    b"\0", b"\0\0", b"-1", b"0", b"1e400", b"1e-400", b"NaN", b"Infinity", b"2147483647",
    b"9223372036854775807", b"9223372036854775808", b"1.7976931348623157E308", b"00000000000000001",
    b"0." + b"3" * 40, b"\xff" * 9 + b"\x01", b"\xff" * 10, b"\x80" * 11, b"\x08", b"\x12\x7f",
    b"\x1a\xff\xff\xff\xff\x0f", b"\x0b", b"\x0c", b"\x7f\xff\xff\xff",
)  # fmt: skip
Sample = tuple[int, bytes]


def samples(style: str) -> list[Sample]:
    """(version of the server, payload) of each message in a style."""
    return [(version, payload) for version, payload in VALID if _style(version, payload) == style]


def _style(version: int, payload: bytes) -> str:
    framed = version > 200 and len(payload) >= 4
    return "protobuf" if framed and struct.unpack(">I", payload[:4])[0] > 200 else "text"


def damaged(payload: bytes, dice: random.Random, others: Sequence[Sample]) -> bytes:
    made = bytearray(payload)
    for _ in range(dice.choice((0, 1, 1, 1, 2, 3, 8))):
        at = dice.randrange(len(made) + 1)
        kind = dice.randrange(6)
        if kind == 0 and at < len(made):
            made[at] ^= 1 << dice.randrange(8)
        elif kind == 1 and at < len(made):
            made[at] = dice.randrange(256)
        elif kind == 2:
            made[at : at + dice.choice((0, 1, 4))] = dice.choice(PIECES)
        elif kind == 3:
            del made[at : at + dice.choice((1, 1, 2, 8, 1000))]
        elif kind == 4:
            made[at:at] = made[at : at + dice.randrange(1, 20)]
        else:
            _, other = dice.choice(others)
            begin = dice.randrange(len(other))
            made[at:at] = other[begin : begin + dice.randrange(1, 40)]
    return bytes(made)


def case(given: Sequence[Sample], seed: int, number: int) -> tuple[int, list[bytes], bytes]:
    """(version, payloads, the stream of them)."""
    dice = random.Random(f"{seed} {number}")
    version, first = dice.choice(given)
    alike = [payload for other, payload in given if other == version]
    more = [dice.choice(alike) for _ in range(dice.randrange(MESSAGES_MAX))]
    payloads = [damaged(one, dice, given) for one in (first, *more)]
    stream = bytearray(b"".join(struct.pack(">I", len(one)) + one for one in payloads))
    if dice.random() < 0.1:
        stream[dice.randrange(len(stream))] = dice.randrange(256)
    return version, payloads, bytes(stream)


def told(version: int, pieces: Sequence[bytes]) -> tuple[Any, ...]:
    """Everything that a reader and its market make of a stream."""
    market = Market(capacity=2, requests_max=1 << 14, bars_max=8)
    for row, request in ((0, 1), (0, 7), (1, 9001)):
        while market.count <= row:
            market.add(bar_seconds=60, trades_from=market.count)
        market.bind(request, row)
    market.set_clock(1_700_000_000_000_000_000)
    market.when(0, "last", "above", 100.0)
    market.when(1, "bid", "below", 100.0)
    reader = Reader(-1, -1, market, version)
    taken: list[object] = []
    broken = False
    for piece in pieces:
        broken |= bool(reader.feed(piece, 1) & BROKEN)
        taken += reader.take()
    # What follows a length that nobody sends is not even kept.
    counts = (reader.frames, reader.ticks, reader.bad_frames, broken or reader.pending)
    dropped = (market.unbound, market.bad_times, market.bad_bars)
    bars = [market.bars(row).tobytes() for row in range(2)]
    now = [str(market.bar_in_progress(row)) for row in range(2)]
    # As text, because no number that is none equals another.
    return repr(taken), counts, dropped, market.instruments.tobytes(), bars, now, market.fires()


def play(version: int, payloads: Sequence[bytes], stream: bytes, guard: Any) -> None:
    for payload in payloads:
        for end in range(len(payload) + 1):
            guard.decode(payload[:end], version)
    whole = told(version, [stream])
    for at in range(1, len(stream)):
        assert told(version, [stream[:at], stream[at:]]) == whole, f"cut at {at}"
    assert told(version, [stream[at : at + 1] for at in range(len(stream))]) == whole, "by bytes"


def run(style: str, seed: int, seconds: float, only: int | None, at: mmap.mmap) -> int:
    """Until the time is over; how many cases. The number of each is put into ``at`` first."""
    given, guard = samples(style), compiled("guard").Guard()
    end, number = time.monotonic() + seconds, 0 if only is None else only
    while True:
        at[:8] = struct.pack("<q", number)
        play(*case(given, seed, number), guard)
        number += 1
        if only is not None or (number % PAUSE_CASES == 0 and time.monotonic() > end):
            return number


def main() -> int:
    parser = argparse.ArgumentParser(prog="tests.fast.fuzz")
    parser.add_argument("style", choices=("text", "protobuf"))
    parser.add_argument("--seconds", type=float, default=600.0)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--case", type=int)
    parser.add_argument("--inside", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.inside:
        with options.inside.open("r+b") as file, mmap.mmap(file.fileno(), 8) as at:
            count = run(options.style, options.seed, options.seconds, options.case, at)
        sys.stdout.write(f"{count:,} cases of {options.style}, seed {options.seed}\n")
        return 0
    with tempfile.NamedTemporaryFile() as file:
        file.write(bytes(8))
        file.flush()
        command = [sys.executable, "-m", "tests.fast.fuzz", *sys.argv[1:], "--inside", file.name]
        done = subprocess.run(command, check=False)
        (number,) = struct.unpack("<q", Path(file.name).read_bytes())
    if done.returncode:
        sys.stderr.write(
            f"ended with {done.returncode}; to play it again: python -m tests.fast.fuzz "
            f"{options.style} --seed {options.seed} --case {number}\n"
        )
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
