"""What viewers are told: each thing once, the newest, and the same bytes for all who are as far."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from engine.web.feed import ENTRIES_MAX, Feed, Seen


def _entry(text: str) -> Callable[[int], bytes]:
    return lambda number: json.dumps({"n": number, "line": text}).encode()


def _since(feed: Feed, seen: Seen) -> tuple[Seen, dict[str, Any]]:
    after, data = feed.since(seen)
    return after, json.loads(data)


def test_only_what_has_changed_is_told_again() -> None:
    feed = Feed()
    feed.put([("a", b"1"), ("b", b"2")])
    seen, first = _since(feed, Seen())
    feed.put([("a", b"1"), ("b", b"3")])
    seen, second = _since(feed, seen)
    _, third = _since(feed, seen)

    assert first["sections"] == {"a": 1, "b": 2}
    assert second["sections"] == {"b": 3}
    assert third["sections"] == {}


def test_who_was_away_gets_the_newest_of_everything_and_every_entry_once() -> None:
    feed = Feed()
    feed.put([("a", b"1")], [_entry("x")])
    seen, _ = _since(feed, Seen())
    for number in range(2, 6):
        feed.put([("a", str(number).encode())], [_entry(f"y{number}")])
    _, told = _since(feed, seen)

    assert told["sections"] == {"a": 5}
    assert [one["line"] for one in told["entries"]] == ["y2", "y3", "y4", "y5"]
    assert [one["n"] for one in told["entries"]] == [2, 3, 4, 5]


def test_what_is_kept_no_more_is_counted() -> None:
    feed = Feed()
    feed.put([], [_entry("x")])
    seen, _ = _since(feed, Seen())
    feed.put([], [_entry("y")] * (ENTRIES_MAX + 7))
    _, late = _since(feed, seen)
    _, new = _since(feed, Seen())

    assert (late["missed"], len(late["entries"])) == (7, ENTRIES_MAX)
    assert new["missed"] == 0  # it was not there


def test_all_who_are_as_far_get_the_same_bytes_made_once() -> None:
    feed = Feed()
    feed.put([("a", b"1")])
    one, other = feed.since(Seen()), feed.since(Seen())
    assert one[1] is other[1]
    feed.put([("a", b"2")])
    assert feed.since(one[0])[1] is feed.since(other[0])[1]


@pytest.mark.parametrize(
    ("account", "text", "shown"),
    [
        ("", "of U1234567, DU7654321 and F123456", "of U…, DU… and F…"),
        ("XY99", "of XY99", "of XY…"),
        ("", "order 1234567 of BUD123", "order 1234567 of BUD123"),
    ],
)
def test_accounts_are_masked_in_whatever_is_told(account: str, text: str, shown: str) -> None:
    feed = Feed()
    feed.put([("a", json.dumps(text).encode())], [_entry(text)], account)
    _, told = _since(feed, Seen())

    assert told["sections"]["a"] == shown
    assert told["entries"][0]["line"] == shown
