"""The one way in: bounded, in order, waking the writer, and never leaving anybody waiting."""

from __future__ import annotations

import asyncio
import os
import select
import threading

import pytest

from engine.errors import LimitError, UserError
from engine.inbox import SIGNALS_MAX, TURN_MAX, Inbox, SignalLane
from engine.inputs import CloseRequested, HaltRequested, Noticed


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


def test_a_full_inbox_has_room_for_the_kill_switch() -> None:
    """Whoever fills it is who is to be stopped."""
    inbox = Inbox(items_max=1)
    inbox.put(1)
    answer = inbox.put(HaltRequested(2, "control", "too much"))

    with pytest.raises(LimitError, match="full"):
        inbox.put(2)
    assert [letter.answer for letter in inbox.take()][1] is answer
    inbox.close()
    with pytest.raises(LimitError, match="stopped"):
        inbox.put(HaltRequested(2, "control", "too late"))


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


def test_what_could_not_be_recorded_is_refused_to_whoever_hands_it_in() -> None:
    """At the writer it would end the engine, for a word of a host."""
    inbox = Inbox()
    with pytest.raises(UserError, match=r"CloseRequested\.symbol is int, not NoneType or str"):
        inbox.put(CloseRequested(7, "x"))  # type: ignore[arg-type]
    with pytest.raises(UserError, match=r"Noticed\.level has no value 'bogus'"):
        inbox.put_all([Noticed("info", "x"), Noticed("bogus", "x")])  # type: ignore[arg-type]
    assert inbox.take() == []


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
    assert letter.answer is not None
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

    assert letter.answer is not None
    assert not letter.answer.cancel()
    letter.answer.set_result(None)


# -- the lane of signals ---------------------------------------------------------------------------


def test_signals_come_out_in_order_few_at_a_time_behind_everything_else() -> None:
    inbox = Inbox()
    answer = inbox.put_signals(range(SIGNALS_MAX + 2))
    inbox.put("halt")
    os.eventfd_read(inbox.wake_fd)

    first = inbox.take()
    assert [letter.content for letter in first] == ["halt", *range(SIGNALS_MAX)]
    assert [letter.patient for letter in first] == [False] + [True] * SIGNALS_MAX
    assert woken(inbox)
    rest = inbox.take()
    assert [letter.content for letter in rest] == [SIGNALS_MAX, SIGNALS_MAX + 1]
    # All are durable when the last one is.
    assert [letter.answer for letter in (*first[1:], *rest)] == [None] * (SIGNALS_MAX + 1) + [
        answer
    ]


def test_signals_wait_when_they_are_not_wanted_and_the_writer_comes_again() -> None:
    inbox = Inbox()
    inbox.put_signals("a")
    inbox.put("question")
    os.eventfd_read(inbox.wake_fd)

    assert [letter.content for letter in inbox.take(signals=False)] == ["question"]
    assert woken(inbox)
    assert [letter.content for letter in inbox.take()] == ["a"]


def test_a_flood_of_signals_leaves_room_for_an_operator() -> None:
    inbox = Inbox(items_max=2)
    waiting = inbox.put_signals("ab")
    with pytest.raises(LimitError, match="no room for 2 items"):
        inbox.put_signals("cd")
    inbox.put("halt")
    assert inbox.waiting == 3

    inbox.close()
    with pytest.raises(LimitError, match="stopped"):
        waiting.result(0)
    with pytest.raises(LimitError, match="stopped"):
        inbox.put_signals("e")


def test_one_wake_up_is_for_both_lanes() -> None:
    inbox = Inbox()
    inbox.put_signals("ab")
    inbox.put_signals("c")
    inbox.put("d")

    assert os.eventfd_read(inbox.wake_fd) == 1


def test_a_way_in_warns_ahead_of_its_signals() -> None:
    inbox = Inbox()
    lane = SignalLane(inbox)
    answers = lane.together("ab")  # type: ignore[arg-type]
    lane.warn("it has ended")

    assert answers[0] is answers[1]
    assert [letter.content for letter in inbox.take()] == [
        Noticed("warning", "it has ended"),
        "a",
        "b",
    ]


@pytest.mark.parametrize("raised", [SystemExit(3), asyncio.CancelledError(), ValueError("x")])
def test_whoever_is_called_back_cannot_end_who_answers(
    raised: BaseException, caplog: pytest.LogCaptureFixture
) -> None:
    """It is called on the writer's thread."""

    def called(_: object) -> None:
        raise raised

    inbox = Inbox()
    answer = inbox.put(1)
    heard: list[int] = []
    answer.add_done_callback(called)
    answer.add_done_callback(lambda done: heard.append(done.result()))
    answer.set_result(7)

    assert heard == [7]
    assert len(caplog.records) == 1
