"""A file that scripts append to: each new line once, whatever is done to the file."""

from __future__ import annotations

import itertools
import json
import os
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from engine.errors import DataFileError
from engine.signals import tail as following
from engine.signals.intake import Freshness
from engine.signals.schema import SIGNAL_BYTES_MAX
from engine.signals.tail import FORMER_LOOKS, SignalTail
from engine.sources import Tail
from tests.campaign.peers import Box
from tests.signals.conftest import until

NOW_MS = 1_800_000_000_000


def line(number: int, **changes: Any) -> str:
    made = {"ticker": "SPY", "signal": "BUY", "confidence": 0.9, "timestamp": NOW_MS + number}
    return json.dumps({**made, **changes}) + "\n"


class Followed:
    def __init__(self, folder: Path, box: Box) -> None:
        self.path = folder / "signals.jsonl"
        self._box = box
        self.tail: SignalTail

    def open(self) -> SignalTail:
        freshness = Freshness(now_ns=lambda: NOW_MS * 1_000_000)
        settings = Tail(path=str(self.path))
        self.tail = SignalTail(settings, self._box, ["SPY"], freshness=freshness)
        return self.tail

    def append(self, *texts: str) -> None:
        with self.path.open("a") as file:
            file.write("".join(texts))

    def got(self) -> list[int]:
        """The numbers of the lines that have come, after a look."""
        self.tail.look()
        return [one.model_time_ns // 1_000_000 - NOW_MS for one in self._box.signals]


@pytest.fixture
def followed(tmp_path: Path, box: Box) -> Iterator[Followed]:
    made = Followed(tmp_path, box)
    yield made
    made.tail.stop()


def test_new_lines_are_taken_once_and_old_ones_never(followed: Followed, box: Box) -> None:
    followed.append(line(1), line(2))
    followed.open()
    assert followed.got() == []
    followed.append(line(3))
    assert followed.got() == [3]
    assert followed.got() == [3]
    followed.append(line(4), "\n", "  \r\n", line(5).replace("\n", "\r\n"))

    assert followed.got() == [3, 4, 5]
    assert box.signals[0].source == "predictions"
    assert followed.tail.lines == 3


def test_a_file_that_comes_later_is_new_from_its_beginning(followed: Followed) -> None:
    followed.open()
    assert followed.got() == []
    followed.path.write_bytes(b"\xef\xbb\xbf" + line(1).encode())

    assert followed.got() == [1]


@pytest.mark.parametrize("before", ["", line(1), line(1) + line(2)])
def test_a_line_without_its_end_waits(followed: Followed, before: str) -> None:
    whole = line(7)
    followed.append(before, whole[:10])
    followed.open()
    assert followed.got() == []
    followed.append(whole[10:-1])
    assert followed.got() == []
    followed.append("\n", line(8)[:-1])
    assert followed.got() == [7]
    followed.append("\n")

    assert followed.got() == [7, 8]


def test_a_bad_line_is_refused_and_the_next_is_taken(followed: Followed, box: Box) -> None:
    followed.open()
    followed.append("no\n", line(1, signal="MOON"), line(2, ticker="QQQ"), '{"a": 1, "a": 2}\n')
    followed.append(line(3, timestamp=None), line(4))

    assert followed.got() == [4]
    assert sorted(box.reasons) == [
        *("bad_time", "malformed", "malformed", "unknown_signal", "unknown_ticker")
    ]


@pytest.mark.parametrize("size", [SIGNAL_BYTES_MAX + 1, 3 * SIGNAL_BYTES_MAX, 1_000_000])
def test_a_line_that_is_too_long_is_refused_once(followed: Followed, box: Box, size: int) -> None:
    followed.open()
    followed.append(line(1), "x" * size)
    assert followed.got() == [1]
    followed.append("x" * 100)
    assert followed.got() == [1]
    followed.append("\n", line(2))

    assert followed.got() == [1, 2]
    assert box.reasons == ["too_large"]


def test_a_long_line_that_was_there_before_is_not_ours(followed: Followed, box: Box) -> None:
    followed.append("x" * 3 * SIGNAL_BYTES_MAX)
    followed.open()
    followed.append("x" * 100, "\n", line(1))

    assert followed.got() == [1]
    assert box.refusals == []


def test_the_longest_line_is_taken(followed: Followed) -> None:
    followed.open()
    padded = line(1)[:-2] + " " * (SIGNAL_BYTES_MAX - len(line(1)) + 1) + "}\r\n"
    assert len(padded) == SIGNAL_BYTES_MAX + 2
    followed.append(padded, line(2))

    assert followed.got() == [1, 2]


# -- what is done to files -------------------------------------------------------------------------


def test_a_file_that_is_renamed_away_is_read_to_its_end_first(followed: Followed) -> None:
    followed.append(line(0))
    followed.open()
    followed.append(line(1))
    followed.path.rename(followed.path.with_suffix(".1"))
    followed.append(line(2))

    assert followed.got() == [1, 2]
    followed.append(line(3))
    assert followed.got() == [1, 2, 3]


def test_a_writer_that_has_not_noticed_is_still_read(followed: Followed, box: Box) -> None:
    followed.open()
    with followed.path.open("a") as writer:
        assert followed.got() == []
        followed.path.rename(followed.path.with_suffix(".1"))
        followed.append(line(1))
        assert followed.got() == [1]
        writer.write(line(2))
        writer.flush()
        assert followed.got() == [1, 2]
        writer.write("{")
    for _ in range(FORMER_LOOKS):
        followed.tail.look()

    assert box.reasons == ["malformed"]
    assert "never came to its end" in box.refusals[0].detail


def test_between_two_names_nothing_is_lost(followed: Followed) -> None:
    followed.open()
    followed.append(line(1))
    assert followed.got() == [1]
    followed.path.unlink()
    assert followed.got() == [1]
    followed.append(line(2))

    assert followed.got() == [1, 2]


def test_a_file_that_was_emptied_is_read_from_its_beginning(followed: Followed) -> None:
    followed.append(line(0) * 50)
    followed.open()
    followed.append(line(1))
    assert followed.got() == [1]
    os.truncate(followed.path, 0)
    assert followed.got() == [1]
    followed.append(line(2))

    assert followed.got() == [1, 2]
    assert followed.tail.restarts == 1


def test_a_file_that_was_written_anew_is_noticed_even_if_it_is_longer(
    followed: Followed,
) -> None:
    followed.append(line(0))
    followed.open()
    followed.append(line(1))
    assert followed.got() == [1]
    followed.path.write_text("".join(line(number) for number in (2, 3, 4, 5)))

    assert followed.got() == [1, 2, 3, 4, 5]


def test_a_copy_that_was_put_in_its_place_repeats_nothing(followed: Followed, box: Box) -> None:
    followed.open()
    followed.append(line(1), line(2))
    assert followed.got() == [1, 2]
    copy = followed.path.with_suffix(".new")
    copy.write_text(followed.path.read_text() + line(3))
    copy.rename(followed.path)

    assert followed.got() == [1, 2, 3]
    assert followed.tail.intake.repeats == 2
    assert box.refusals == []


def test_what_is_no_file_is_refused(tmp_path: Path, box: Box) -> None:
    os.mkfifo(tmp_path / "pipe")
    for name in (".", "pipe"):
        with pytest.raises(DataFileError, match="not a regular file"):
            SignalTail(Tail(path=str(tmp_path / name)), box, ["SPY"])


def test_trouble_is_told_once_and_got_over(
    followed: Followed, caplog: pytest.LogCaptureFixture
) -> None:
    followed.open()
    followed.path.mkdir()
    for _ in range(3):
        assert followed.got() == []
    followed.path.rmdir()
    followed.append(line(1))

    assert followed.got() == [1]
    assert [one.getMessage() for one in caplog.records if one.levelname == "ERROR"] == [
        f"{followed.path}: not a regular file; name a file that scripts append to"
    ]


# -- back-pressure and life ------------------------------------------------------------------------


def test_a_full_inbox_leaves_lines_in_the_file(followed: Followed, box: Box) -> None:
    followed.open()
    box.full = True
    followed.append(line(1), line(2))
    assert followed.got() == []
    box.full = False

    assert followed.got() == [1, 2]
    assert followed.tail.intake.repeats == 0


def test_it_follows_by_itself_once_the_engine_is_ready(
    tmp_path: Path, box: Box, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(following, "LOOK_S", 0.01)
    path = tmp_path / "f"
    ready: list[bool] = []
    freshness = Freshness(now_ns=lambda: NOW_MS * 1_000_000)
    settings = Tail(path=str(path), source="scripts")
    with SignalTail(settings, box, ["SPY"], freshness=freshness, ready=lambda: bool(ready)):
        path.write_text(line(1))
        time.sleep(0.1)
        assert box.got == []
        ready.append(True)
        until(lambda: box.signals)

    assert box.signals[0].source == "scripts"


LINES = st.integers(1, 9).map(line) | st.text(max_size=20).map(lambda text: text + "\n")


@settings(
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
    max_examples=50,
)
@given(st.lists(LINES, max_size=12), st.lists(st.integers(0, 900), max_size=8))
def test_every_line_comes_once_wherever_writing_stops(
    tmp_path: Path, lines: list[str], cuts: list[int]
) -> None:
    box = Box()
    body = "".join(lines).encode()
    path = tmp_path / "f"
    path.write_bytes(b"")
    tail = SignalTail(
        Tail(path=str(path)), box, ["SPY"],
        freshness=Freshness(now_ns=lambda: NOW_MS * 1_000_000),
    )  # fmt: skip
    places = [0, *sorted(min(cut, len(body)) for cut in cuts), len(body)]
    for start, end in itertools.pairwise(places):
        with path.open("ab") as file:
            file.write(body[start:end])
        tail.look()
    tail.stop()

    unmarked = body.removeprefix("\ufeff".encode())
    wanted = [text for text in unmarked.split(b"\n") if text.strip()]
    counted = tail.intake.taken + tail.intake.repeats + tail.intake.refused.total()
    assert tail.lines == counted == len(wanted)


def test_a_name_that_cannot_be_opened_costs_no_descriptor_of_anybody(followed: Followed) -> None:
    """The next file belongs to somebody else, or is none: until it can be read, the one before is
    still followed. It was closed and read on, under a number that had another owner by then: the
    socket to TWS, or the journal."""
    followed.append(line(1))
    followed.open()
    followed.path.rename(followed.path.with_suffix(".old"))
    followed.path.mkdir()
    for _ in range(2):
        followed.tail.look()
    others = [os.open("/dev/null", os.O_RDONLY) for _ in range(4)]  # take every number that is free
    for _ in range(FORMER_LOOKS + 2):
        followed.tail.look()
    for descriptor in others:
        os.close(descriptor)  # OSError: somebody else has closed it
    with followed.path.with_suffix(".old").open("a") as file:
        file.write(line(2))
    assert followed.got() == [2]
    followed.path.rmdir()
    followed.append(line(3))
    assert followed.got() == [2, 3]
