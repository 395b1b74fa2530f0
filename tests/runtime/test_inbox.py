"""The one way in: bounded, in order, waking the writer, and never leaving anybody waiting."""

from __future__ import annotations

import asyncio
import os
import select
import threading

import pytest

from engine.errors import LimitError, UserError
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


def test_the_writer_cannot_wait_for_itself() -> None:
    """A callback of a future runs on the writer's thread: it would wait for ever."""
    inbox = Inbox()
    outcome: list[BaseException] = []

    def callback(_: object) -> None:
        for attempt in (lambda: inbox.ask("x"), lambda: inbox.ask_all(["x"])):
            try:
                attempt()
            except UserError as mistake:
                outcome.append(mistake)

    inbox.put("a signal").add_done_callback(callback)
    (letter,) = inbox.take()
    letter.answer.set_result(None)

    assert [str(one).split(":")[0] for one in outcome] == [
        "the engine's own thread cannot wait for the engine"
    ] * 2
    assert inbox.take() == []
    inbox.close()
    with pytest.raises(LimitError, match="stopped"):  # it waits for nothing any more
        inbox.ask("x")


def test_an_answer_that_does_not_come_in_time_is_given_up() -> None:
    with pytest.raises(TimeoutError):
        Inbox().ask("x", 0.01)


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


def test_whoever_stops_waiting_does_not_stop_the_writer() -> None:
    inbox = Inbox()

    async def impatient() -> None:
        waiting = asyncio.wrap_future(inbox.put("a signal"))
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(waiting, 0.001)

    asyncio.run(impatient())
    (letter,) = inbox.take()

    assert not letter.answer.cancel()
    letter.answer.set_result(None)
