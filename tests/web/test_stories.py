"""Past trades as a replay of the journal tells them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import attrs
import orjson
import pytest

from engine.charts import CONTEXT, NO_ROW
from engine.errors import JournalError, UserError
from engine.journal_chain import JournalReader
from engine.retrace import Retrace
from engine.snapshots import snapshot_paths
from engine.web.history import History
from engine.web.history_child import Reading
from engine.web.stories import Stories
from statecharts.vocabulary import ContextEvent, ContextState
from tests.web.conftest import Scene, scene


@pytest.fixture(scope="module")
def past(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scene]:
    """Two trades: one that met its target, one that was stopped; the engine has ended."""
    scenes = scene(tmp_path_factory.mktemp("past"))
    found = next(scenes)
    found.buy()
    found.tws.walk("IBM", 101.0, 103.2)
    found.tws.until(lambda: found.state("IBM") == "flat")
    found.signal("MSFT", "SHORT")
    found.tws.until(lambda: found.state("MSFT") == "protected")
    found.tws.walk("MSFT", 101.0, 102.3)
    found.tws.until(lambda: found.state("MSFT") == "flat")
    assert list(scenes) == []  # ends everything
    yield found


@pytest.fixture(scope="module")
def stories(past: Scene) -> Stories:
    found = Stories(Retrace())
    with JournalReader(past.journal) as reader:
        for record in reader.records():
            found.feed(record)
    return found


def test_every_trade_is_there_the_newest_first(stories: Stories) -> None:
    heads = stories.heads()

    assert [(one["symbol"], one["side"], one["reason"]) for one in heads] == [
        ("MSFT", "short", "stop"),
        ("IBM", "long", "target"),
    ]
    assert heads[0]["realised"] < 0 < heads[1]["realised"]
    assert all(one["closed"] > one["opened"] and one["entered"] for one in heads)


def test_a_story_begins_with_the_request_and_ends_flat(stories: Stories) -> None:
    for head in stories.heads():
        pages = _pages(stories, head["number"])
        assert pages[0]["state"] == "entering"
        assert pages[0]["moves"][0][:2] == ["flat", "entering"]
        assert [one["role"] for one in pages[0]["orders"]] == ["entry", "stop", "target"]
        assert (pages[-1]["state"], pages[-1]["held"]) == ("flat", 0.0)
        assert pages[-1]["stops"] == pages[-1]["targets"] == []


def test_steps_are_those_of_the_chart(stories: Stories) -> None:
    states = {one.name.lower(): one for one in ContextState}
    for head in stories.heads():
        before = "flat"
        for page in _pages(stories, head["number"]):
            for old, new, cause in page["moves"]:
                assert old == before
                event = ContextEvent[cause.upper()]
                after = CONTEXT.step(states[old], event)
                assert after != NO_ROW
                assert ContextState(after) == states[new]
                before = new
            assert page["state"] == before


def test_prices_are_those_of_the_decision_and_of_fills(stories: Stories, past: Scene) -> None:
    number = stories.heads()[1]["number"]
    prices = [price for page in _pages(stories, number) for price in page["prices"]]
    fills = [one for one in prices if one["kind"] == "fill"]
    true = [one for one in past.tws.exchange.executions() if one.instrument.symbol == "IBM"]

    assert [(one["price"], one["quantity"]) for one in fills] == [
        (float(one.price), float(one.quantity)) for one in true
    ]
    assert prices[0]["kind"] == "market"
    assert prices[0]["ask"] == pytest.approx(100.01)


def test_steps_of_all_trades_are_counted(stories: Stories) -> None:
    moves = [
        (old, new)
        for head in stories.heads()
        for page in _pages(stories, head["number"])
        for old, new, _ in page["moves"]
    ]

    assert stories.steps == Counter(moves)
    assert stories.steps["flat", "entering"] == 2


def test_times_never_fall(stories: Stories) -> None:
    for head in stories.heads():
        times = [page["at"] for page in _pages(stories, head["number"])]
        assert times == sorted(times)


def test_another_decision_than_the_recorded_one_is_told(past: Scene) -> None:
    found = Stories(Retrace())
    with JournalReader(past.journal) as reader:
        records = list(reader.records())
    number = next(n for n, one in enumerate(records) if one.commands)
    for record in records[:number]:
        found.feed(record)
    with pytest.raises(JournalError, match=f"record {number + 1} replays to other orders"):
        found.feed(attrs.evolve(records[number], commands=()))


def test_a_process_of_its_own_reads_and_follows_the_journal(past: Scene) -> None:
    history = History(past.journal)
    try:
        told = _whole(history)
        assert [one["symbol"] for one in told["trades"]] == ["MSFT", "IBM"]
        number = told["trades"][0]["number"]
        trade = orjson.loads(history.ask({"trade": number}))["trade"]
        assert (trade["number"], len(trade["story"])) == (number, trade["pages"])
        nothing = orjson.loads(history.ask({"trade": 999}))
        assert nothing["error"] == "there is no such trade in the journal"
    finally:
        history.stop()
    with pytest.raises(UserError, match="has ended"):
        history.ask({})


def test_without_a_journal_on_disk_it_is_said() -> None:
    with pytest.raises(UserError, match="start it with --journal FILE"):
        History(None).ask({})


def test_a_journal_that_is_none_is_told(tmp_path: Path) -> None:
    history = History(tmp_path / "none.db")
    try:
        assert "there is no journal" in orjson.loads(history.ask({}))["error"]
    finally:
        history.stop()


def test_a_long_journal_is_read_from_its_oldest_snapshot(
    past: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert snapshot_paths(past.journal)
    monkeypatch.setattr("engine.web.history_child.RECORDS_MAX", 3)
    told = orjson.loads(Reading(past.journal).answer({}))

    assert told["read"] == told["of"] == told["from"] - 1  # of the end of the run
    assert told["trades"] == []


def _pages(stories: Stories, number: int) -> list[dict[str, Any]]:
    story = stories.story(number)
    assert story is not None
    found: list[dict[str, Any]] = orjson.loads(story.whole())["story"]
    return found


def _whole(history: History) -> dict[str, Any]:
    while (told := orjson.loads(history.ask({})))["read"] < told["of"]:
        pass
    found: dict[str, Any] = told
    return found
