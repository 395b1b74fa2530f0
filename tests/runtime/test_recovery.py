"""Replay gives the state back, bit for bit, or says that it cannot."""

from __future__ import annotations

from pathlib import Path

import pytest

from engine.config import from_mapping
from engine.core import Core
from engine.errors import JournalError
from engine.journal import Journal
from engine.recovery import rebuild
from tests.core.desk import Desk

CONFIG = from_mapping({"strategy": {"symbols": ["AAPL", "MSFT"], "sizing": {"shares": 100}}})


def traded() -> Desk:
    desk = Desk(CONFIG)
    desk.quote("AAPL", 99.99, 100.0)
    desk.signal("AAPL", "BUY")
    desk.quote("MSFT", 50.0, 50.01)
    desk.signal("MSFT", "SHORT")
    desk.trade("AAPL", 93.9, 10_000)
    return desk


def journal_of(desk: Desk, path: Path, forge: bool = False) -> Journal:
    """The desk's steps, journaled with the commands they gave; one of them changed on request."""
    journal, core = Journal.open(path), Core(CONFIG)
    for now_ns, inputs in desk.records:
        commands = core.step(inputs, now_ns).commands
        if forge and commands:
            forge, commands = False, commands[1:]
        journal.append(now_ns, inputs, commands)
    journal.commit()
    return journal


def test_replay_gives_the_same_state(tmp_path: Path) -> None:
    desk = traded()
    with journal_of(desk, tmp_path / "j") as journal:
        first, second = rebuild(journal, CONFIG), rebuild(journal, CONFIG)

    assert first.state.digest() == second.state.digest() == desk.core.state.digest()
    assert first.state.held("MSFT") == -100


def test_a_journal_that_decided_otherwise_is_refused(tmp_path: Path) -> None:
    with (
        journal_of(traded(), tmp_path / "j", forge=True) as journal,
        pytest.raises(JournalError, match="replays to other orders"),
    ):
        rebuild(journal, CONFIG)


def test_settings_of_the_record_govern_the_replay_not_those_of_today(tmp_path: Path) -> None:
    desk = traded()
    other = from_mapping({"strategy": {"symbols": ["AAPL"], "sizing": {"shares": 7}}})
    with journal_of(desk, tmp_path / "j") as journal:
        again = rebuild(journal, other)

    assert again.state.digest() == desk.core.state.digest()
    assert again.state.config == CONFIG


def test_an_empty_journal_is_a_new_core(tmp_path: Path) -> None:
    with Journal.open(tmp_path / "j") as journal:
        state = rebuild(journal, CONFIG).state

    assert state.digest() == Core(CONFIG).state.digest()
    assert state.tag == ""
