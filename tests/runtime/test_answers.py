"""Who is answered when: never before it is durable, and signals do not keep the disk busy."""

from __future__ import annotations

from concurrent.futures import Future
from typing import Any, cast

import pytest

from engine.answers import COMMIT_DELAY_NS, SIGNAL_DELAY_NS, Answers
from engine.errors import LimitError
from engine.events import RefusalEvent
from engine.inputs import ResumeRequested, SignalRefused, TimerElapsed
from engine.view import Question

LONG_NS = 10**12
SIGNAL = SignalRefused("s", "SPY", "too_old", "")


def asked(answers: Answers, patient: bool, request: Any = SIGNAL) -> Future[Any]:
    answer: Future[Any] = Future()
    answers.add(request, answer, patient)
    return answer


def test_the_first_signal_after_a_quiet_while_waits_for_nothing() -> None:
    answers = Answers()
    assert answers.due_ns() is None
    asked(answers, patient=True)

    assert answers.due(LONG_NS)


def test_a_flood_becomes_durable_together() -> None:
    answers = Answers()
    first = asked(answers, patient=True)
    answers.take([])
    answers.recorded(False, None, LONG_NS)
    assert first.done()
    more = [asked(answers, patient=True) for _ in range(3)]
    assert not answers.due(LONG_NS + 1)
    answers.take([])
    answers.recorded(True, None, LONG_NS + 1)

    assert not any(one.done() for one in more)
    assert answers.due_ns() == LONG_NS + SIGNAL_DELAY_NS
    answers.recorded(False, None, LONG_NS + SIGNAL_DELAY_NS)
    assert [one.result(0) for one in more] == [None] * 3
    assert answers.due_ns() is None


def test_with_whoever_is_in_a_hurry_all_become_durable() -> None:
    answers = Answers()
    asked(answers, patient=True)
    answers.take([])
    answers.recorded(False, None, LONG_NS)
    patient = asked(answers, patient=True)
    assert not answers.due(LONG_NS)
    hurried = asked(answers, patient=False)
    assert answers.due(LONG_NS)
    answers.take([])
    answers.recorded(False, None, LONG_NS)

    assert patient.done()
    assert hurried.done()
    asked(answers, patient=True)  # the hurry is over
    assert not answers.due(LONG_NS)


def test_who_looks_gets_no_answer_any_more_when_the_engine_has_stopped() -> None:
    answers = Answers()
    look: Future[Any] = Future()
    answers.ask(Question(lambda state, runtime: 1), look)
    assert answers.due_ns() is None  # nothing has to become durable for it
    answers.fail()
    with pytest.raises(LimitError):
        look.result(0)


def test_what_nobody_waits_for_becomes_durable_too() -> None:
    answers = Answers()
    for mono_ns in (5, 6):
        answers.recorded(True, None, mono_ns)

    assert answers.due_ns() == 5 + COMMIT_DELAY_NS
    answers.recorded(False, None, 7)
    assert answers.due_ns() is None


def test_a_request_is_told_how_it_was_refused() -> None:
    answers = Answers()
    resume = ResumeRequested("me", "why")
    told = asked(answers, patient=False, request=resume)
    other = asked(answers, patient=False, request=TimerElapsed())
    refusal = RefusalEvent(1, 1, "", "not_halted", identity="me", detail="resume")
    answers.take([refusal])
    answers.recorded(False, None, 1)

    assert told.result(0) is refusal
    assert other.result(0) is None


def test_a_disk_that_refuses_and_an_engine_that_ends_are_told() -> None:
    answers = Answers()
    refused = asked(answers, patient=True)
    answers.take([])
    answers.recorded(False, "no space left", 1)
    stepped = asked(answers, patient=True)
    answers.take([])
    answers.recorded(True, None, 2)
    waiting = asked(answers, patient=True)
    answers.fail()

    with pytest.raises(LimitError, match="no space left"):
        refused.result(0)
    for one in (stepped, waiting):
        with pytest.raises(LimitError, match="stopped"):
            one.result(0)


@pytest.mark.parametrize("raised", [SystemExit(3), ValueError("x")])
def test_a_question_that_wants_to_end_everything_ends_itself(raised: BaseException) -> None:
    def asks(*_: Any) -> None:
        raise raised

    answers, answer = Answers(), Future[Any]()
    answers.ask(Question(asks), answer)
    answers.tell(*[cast("Any", None)] * 2)

    assert answer.exception() is raised
