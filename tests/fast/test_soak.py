"""A short soak, and that what it looks for would be found; `make soak` runs for half an hour."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import attrs
import numpy as np
import pytest

from _fast.market import Market
from bench.compiled import compiled
from bench.soak import Found
from bench.stream import FIRST, Stream
from bench.wire import ENCODERS, version

ROOT = Path(__file__).resolve().parents[2]
STYLES = ("text", "protobuf")


@pytest.mark.slow
@pytest.mark.parametrize("style", STYLES)
def test_nothing_is_lost_grows_or_is_out_of_place(style: str) -> None:
    command = [sys.executable, "-m", "bench.soak", "--minutes", "0.17", "--style", style, "--json"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)

    assert done.returncode == 0, done.stderr
    found = Found(**json.loads(done.stdout))
    assert found.trades == found.sent > 100_000
    assert found.gc_pauses > 0


def reader(style: str, requests: int):
    market = Market(capacity=requests)
    for number in range(requests):
        market.bind(number + 1, market.add(bar_seconds=1, trades_from=1))
    made = compiled("sequence").SequenceReader(-1, -1, market, version(style))
    made.expect(np.full(requests, FIRST - 1.0))
    return made, market


@pytest.mark.parametrize("style", STYLES)
def test_a_stream_goes_on_from_turn_to_turn(style: str) -> None:
    made, market = reader(style, 2)
    stream = Stream(ENCODERS[style], (1, 2), 100, per_second=40)
    for _ in range(3):
        made.feed(bytes(stream.turn()))

    assert (made.checked, made.lost, made.misplaced, made.unapplied) == (300, 0, 0, 0)
    assert market.late_trades == 0
    assert [len(market.bars(row)) for row in (0, 1)] == [7, 7]
    assert market.instruments["last_size"].tolist() == [FIRST + 149.0] * 2


@pytest.mark.parametrize("style", STYLES)
def test_a_piece_that_is_missing_twice_there_or_out_of_place_is_found(style: str) -> None:
    made, _ = reader(style, 2)
    pieces = [bytes(one) for one in Stream(ENCODERS[style], (1, 2), 100, 40).pieces(20)]
    for piece in (pieces[0], pieces[2], pieces[2], pieces[1]):
        made.feed(piece)

    assert made.checked == 80
    assert made.lost == 2 * 10
    assert made.misplaced == 2 * 2  # where each of two pieces begins
    assert made.unapplied == 20  # of a bar that was over


def test_what_is_wrong_is_said() -> None:
    fine = Found(
        *("text", 1.0, 10, 10, 10.0, 0, 0, 0, 0, 0, 5, 5, 1_000_000, 1_000_000),
        *(1, 0.1, 0.1, 0.1, 0.1),
    )

    assert fine.wrong() == []
    assert attrs.evolve(fine, trades=9).wrong() == ["10 trades were sent and 9 came"]
    assert attrs.evolve(fine, lost=2).wrong() == ["2 trades lost"]
    assert attrs.evolve(fine, memory_late=21_000_000).wrong() == [
        "memory grew by 20.0 MB after the first tenth"
    ]
    assert attrs.evolve(fine, bars=0).wrong() == ["no bar was completed, or no condition fired"]
