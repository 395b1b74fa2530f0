"""The process that reads past trades: what becomes of it when it fails."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from engine.errors import UserError
from engine.web.history import History


def test_a_reader_that_dies_is_told_with_its_last_words(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    dying = tmp_path / "python"
    dying.write_text("#!/bin/sh\necho Traceback >&2\necho 'MemoryError: of all' >&2\n")
    dying.chmod(0o700)
    monkeypatch.setattr(sys, "executable", str(dying))
    history = History(tmp_path / "J")
    with pytest.raises(UserError, match="ask again"):
        history.ask({})
    history.stop()
    history.stop()

    assert caplog.messages == ["the process that reads the history ended: MemoryError: of all"]


def test_without_a_journal_it_says_what_to_do() -> None:
    history = History(None)
    with pytest.raises(UserError, match="--journal FILE"):
        history.ask({})
    history.stop()
