"""A log whose places are slow, full, closed or not to be written: nobody waits, and it is told."""

from __future__ import annotations

import errno
import json
import sys
import threading
import time
from collections.abc import Callable
from io import StringIO
from pathlib import Path

import attrs
import pytest

from engine.errors import LimitError, UserError
from engine.monitor import log as log_module
from engine.monitor.log import Log, check_places
from engine.monitor.log_file import LogFile
from engine.monitor.log_settings import LogSettings
from tests.monitor.logged import Fake, lines, told


class Stuck:
    """A place that lets nothing through until it is told to."""

    def __init__(self) -> None:
        self.open = threading.Event()
        self.got: list[str] = []

    def write(self, data: bytes) -> None:
        assert self.open.wait(20)
        self.got += data.decode().splitlines()

    def close(self) -> None:
        pass


def test_a_slow_disk_holds_up_nobody_and_what_is_lost_is_said_in_its_place(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(log_module, "ITEMS_MAX", 100)
    stuck, engine = Stuck(), Fake()
    log = Log(LogSettings(file=str(tmp_path / "log")), engine)
    log._places[0].sink = stuck
    with log:
        until(log._queue.empty)  # the first line is on its way
        for number in range(150):
            engine.bus.publish([told(f"{number}")])
        assert log.lost == 50
        stuck.open.set()
        until(log._queue.empty)
        engine.bus.publish([told("after")])
    texts = [json.loads(one)["text"] for one in stuck.got]
    assert texts[1:] == [
        *(str(number) for number in range(100)),
        "50 lines are missing here: more was said than could be written",
        "after",
        "the log ends",
    ]
    assert log.missing == {str(tmp_path / "log"): 50}


class Cramped:
    """A place that is full at times."""

    def __init__(self) -> None:
        self.full = False
        self.tries = 0
        self.got: list[str] = []

    def write(self, data: bytes) -> None:
        self.tries += 1
        if self.full:
            raise OSError(errno.ENOSPC, "No space left on device")
        self.got += [json.loads(line)["text"] for line in data.decode().splitlines()]

    def close(self) -> None:
        pass


def test_a_full_disk_is_told_once_and_counted_and_stops_nothing(tmp_path: Path) -> None:
    path, engine, disk = tmp_path / "log", Fake(), Cramped()
    log = Log(LogSettings(file=str(path)), engine)
    log._places[0].sink = disk
    with log:
        until(lambda: disk.tries == 1)
        disk.full = True
        for number in range(5):
            engine.bus.publish([told(f"{number}")])
            until(lambda number=number: disk.tries == number + 2)
        disk.full = False
        engine.bus.publish([told("after")])
        until(lambda: disk.tries == 7)
    assert engine.noticed == [
        ("warning", f"the log cannot be written to {path}: No space left on device"),
        ("warning", f"the log is written again to {path}; it lacks 5 lines"),
    ]
    assert disk.got[1:] == [
        "5 lines are missing here: No space left on device",
        "after",
        "the log ends",
    ]
    assert log.missing == {str(path): 5}


def until(true: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 60
    while not true():
        assert time.monotonic() < deadline
        time.sleep(0.001)


def test_an_engine_that_has_stopped_takes_no_notice_and_the_log_goes_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    engine = Fake()

    def gone(level: str, text: str) -> None:
        raise LimitError("the engine has stopped")

    monkeypatch.setattr(engine, "notice", gone)
    monkeypatch.setattr(
        LogFile, "write", lambda self, data: (_ for _ in ()).throw(OSError(errno.EIO, "broken"))
    )
    log = Log(LogSettings(file=str(tmp_path / "log")), engine)
    with log:
        engine.bus.publish([told()])
    assert log.missing[str(tmp_path / "log")] == 3


def test_a_line_that_cannot_be_made_is_replaced_by_one_that_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    engine = Fake()
    with Log(LogSettings(file=str(tmp_path / "log")), engine):
        engine.bus.publish([told(object())])  # type: ignore[arg-type]
        engine.bus.publish([attrs.evolve(told("next"), time_ns="when")])
    texts = [one["text"] for one in lines(tmp_path / "log")]
    assert any(text.startswith("a line of AlertEvent could not be made") for text in texts)


def test_both_places_get_every_line_in_their_form(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "stderr", StringIO())
    engine = Fake()
    with Log(LogSettings(file=str(tmp_path / "log"), stderr=True), engine):
        engine.bus.publish([told("to both")])
    shown = sys.stderr.getvalue()
    assert "warning         to both\n" in shown
    assert [one["text"] for one in lines(tmp_path / "log")][1] == "to both"


def test_a_standard_error_that_is_closed_is_counted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    closed = StringIO()
    closed.close()
    monkeypatch.setattr(sys, "stderr", closed)
    engine = Fake()
    log = Log(LogSettings(file="", stderr=True), engine)
    with log:
        engine.bus.publish([told()])
    assert log.missing == {"standard error": 3}
    assert engine.noticed[0][1].startswith("the log cannot be written to standard error")


def test_a_place_that_cannot_be_written_is_said_before_anything_begins(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="cannot be written"):
        check_places(LogSettings(file=str(tmp_path / "no" / "log")))
