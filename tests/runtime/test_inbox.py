"""The one way in: bounded, in order, waking the writer, and never leaving anybody waiting."""

from __future__ import annotations

import os
import select
import threading

import pytest

from engine.errors import LimitError
from engine.inbox import TURN_MAX, Inbox


def woken(inbox: Inbox) -> bool:
    return bool(select.select([inbox.wake_fd], [], [], 0)[0])


def test_letters_come_out_in_order_and_each_once() -> None:
    inbox = Inbox()
    for content in "abc":
        inbox.put(content)

    assert woken(inbox)
    assert [letter.content for letter in inbox.take()] == ["a", "b", "c"]
    assert inbox.take() == []


def test_a_full_inbox_refuses_at_once_and_counts() -> None:
    inbox = Inbox(items_max=2)
    inbox.put(1)
    inbox.put(2)

    with pytest.raises(LimitError, match="full"):
        inbox.put(3)
    assert inbox.refused == 1
    assert [letter.content for letter in inbox.take()] == [1, 2]


def test_several_go_in_together_or_not_at_all() -> None:
    inbox = Inbox(items_max=3)
    answers = inbox.put_all("ab")

    with pytest.raises(LimitError, match="no room for 2 items"):
        inbox.put_all("cd")
    letters = inbox.take()
    assert [letter.content for letter in letters] == ["a", "b"]
    assert [letter.answer for letter in letters] == answers
    inbox.close()
    with pytest.raises(LimitError, match="stopped"):
        inbox.put_all("abcde")


def test_a_flood_is_taken_in_bounded_turns_and_wakes_again_for_the_rest() -> None:
    inbox = Inbox()
    for number in range(TURN_MAX + 5):
        inbox.put(number)
    os.eventfd_read(inbox.wake_fd)

    assert len(inbox.take()) == TURN_MAX
    assert woken(inbox)
    assert len(inbox.take()) == 5


def test_closing_fails_whoever_waits_and_whoever_comes_later() -> None:
    inbox = Inbox()
    waiting = inbox.put("unanswered")
    inbox.close()

    with pytest.raises(LimitError, match="stopped"):
        waiting.result(0)
    with pytest.raises(LimitError, match="stopped"):
        inbox.put("late")


def test_many_threads_lose_nothing() -> None:
    inbox = Inbox()

    def put(start: int) -> None:
        for number in range(500):
            inbox.put(start + number)

    threads = [threading.Thread(target=put, args=(1000 * n,)) for n in range(4)]
    for thread in threads:
        thread.start()
    got: list[int] = []
    while len(got) < 2000:
        got += [letter.content for letter in inbox.take()]
    for thread in threads:
        thread.join()

    assert sorted(got) == [1000 * n + k for n in range(4) for k in range(500)]
    for n in range(4):  # of one thread, in its order
        mine = [number for number in got if number // 1000 == n]
        assert mine == sorted(mine)
