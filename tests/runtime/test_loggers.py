"""A remark says where it was made, whatever stands between that place and its handlers."""

from __future__ import annotations

import logging

import pytest

from engine.loggers import logger


def test_a_remark_names_its_logger_and_its_place(caplog: pytest.LogCaptureFixture) -> None:
    log = logger("engine.test")
    log.warning("one of %d", 2)
    try:
        raise OSError("of the test")
    except OSError:
        log.exception("two")

    first, second = caplog.records
    assert first.getMessage() == "one of 2"
    assert {one.name for one in caplog.records} == {"engine.test"}
    assert {one.pathname for one in caplog.records} == {__file__}
    assert {one.funcName for one in caplog.records} == {
        test_a_remark_names_its_logger_and_its_place.__name__
    }
    assert (first.levelno, second.levelno) == (logging.WARNING, logging.ERROR)
    assert second.exc_info is not None
