"""Whoever watches a run shows what happens, and holds nobody up who lets it happen."""

from __future__ import annotations

import logging
import threading
from typing import Any, cast

import pytest

from engine.cli import run
from engine.cli.options import RunOptions
from engine.errors import UserError
from engine.redaction import Redaction


class Quiet:
    """An engine that has nothing to say."""

    def subscribe(self, *_: object) -> None:
        pass


def test_an_output_that_nobody_takes_holds_up_no_thread_that_remarks(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A terminal that was stopped with Ctrl-S, a pipe that is full: the writer remarks, too."""
    taken = threading.Event()
    written: list[str] = []

    def stopped(text: str) -> None:
        assert taken.wait(10)
        written.append(text)

    monkeypatch.setattr(run, "_screen", lambda _: run.Screen(stopped))
    nobody = cast("Any", None)
    watch = run.Watch(cast("Any", Quiet()), None, RunOptions(), nobody, nobody, Redaction())
    with watch._errors:
        writer = threading.Thread(
            target=logging.getLogger("engine.broker").error, args=("a message\ncannot be read",)
        )
        writer.start()
        writer.join(5)
        assert not writer.is_alive()
    taken.set()
    watch._tell_remarks()
    assert written == ["log: error: a message cannot be read\n"]
    assert watch.record.recent(1) == ["log: error: a message cannot be read"]


class Stuck(Quiet):
    """An engine whose disk takes a write and does not come back."""

    def __init__(self) -> None:
        self.freed = threading.Event()

    def run(self) -> None:
        assert self.freed.wait(10)

    def stop(self, flatten: bool = False) -> None:
        pass

    def view(self, timeout_s: float) -> None:
        raise TimeoutError


def test_an_engine_that_does_not_end_is_not_said_to_have_ended(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(run, "END_TIMEOUT_S", 0.05)
    engine, interrupts = Stuck(), run.Interrupts()
    interrupts.name = "SIGTERM"
    interrupts.event.set()
    nobody = cast("Any", None)
    watch = run.Watch(
        cast("Any", engine), None, RunOptions(plain=True), interrupts, nobody, Redaction()
    )
    with pytest.raises(UserError, match=r"asked to \(SIGTERM\).* did not end in 0\.05 s"):
        watch.until_the_end()
    assert watch._thread.daemon  # the process ends all the same
    engine.freed.set()
    watch.close()
    assert not watch._thread.is_alive()
