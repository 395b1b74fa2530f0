"""What the program remarks reaches whoever asked, and costs those who remark nothing."""

from __future__ import annotations

import logging
import threading

import pytest

from engine.monitor.remarks import LOGGER, Remark, Remarks

log = logging.getLogger("engine.monitor.test")


def test_remarks_of_all_modules_are_taken_from_a_level_on() -> None:
    taken: list[Remark] = []
    with Remarks(logging.WARNING, taken.append):
        log.warning("the %s one", "first")
        log.info("not this")
        log.error("and this")
    log.error("nobody listens any more")

    assert [(one.level, one.text) for one in taken] == [
        ("warning", "the first one"),
        ("error", "and this"),
    ]
    assert {one.logger for one in taken} == {"engine.monitor.test"}
    assert not [one for one in LOGGER.handlers if isinstance(one, Remarks)]


def test_a_remark_that_cannot_be_made_hits_nobody_who_makes_it(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(logging, "raiseExceptions", True)
    monkeypatch.setattr(log, "propagate", False)
    taken: list[Remark] = []
    handler = Remarks(logging.WARNING, taken.append)
    log.addHandler(handler)
    log.warning("%d of them", "three")
    log.warning("%d of them", 3)
    log.removeHandler(handler)

    assert [one.text for one in taken] == ["3 of them"]
    assert "TypeError" in capsys.readouterr().err


def test_whoever_cannot_take_a_remark_hits_nobody_who_makes_it(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """It may be the writer, and the output on a full disk."""

    def full(_: Remark) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(logging, "raiseExceptions", True)
    with Remarks(logging.WARNING, full):
        log.warning("the disk is full")

    assert "No space left on device" in capsys.readouterr().err


def test_an_exception_comes_with_its_traceback() -> None:
    taken: list[Remark] = []
    with Remarks(logging.WARNING, taken.append):
        try:
            raise ZeroDivisionError("of the test")
        except ZeroDivisionError:
            log.exception("it failed")

    assert taken[0].failure[0] is ZeroDivisionError


def test_who_remarks_waits_for_no_lock() -> None:
    """A thread that is switched out while it holds one would hold up the writer."""
    taken: list[Remark] = []
    with Remarks(logging.WARNING, taken.append) as handler:
        assert handler.lock is not None
        with handler.lock:
            writer = threading.Thread(target=log.warning, args=("while somebody holds it",))
            writer.start()
            writer.join(5)
            assert not writer.is_alive()
    assert len(taken) == 1
