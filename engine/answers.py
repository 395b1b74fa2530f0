"""Who waits for an answer to what was handed in, and when each gets it: once it is durable.

Whoever asks as a host or an operator is not kept waiting: its step is made durable at once. A flood
of signals would keep the disk busy all the time, and an execution would wait for it; so they become
durable together, a few milliseconds after the last time, or with the orders of anybody. The first
one after a quiet while waits for nothing. Whoever only looks is answered last in a turn: to show
everything takes longer than to protect something.
"""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import Future
from typing import Any, Final

from engine.errors import LimitError
from engine.events import BaseEvent
from engine.inputs import Input
from engine.refusals import refusal_of
from engine.state import State
from engine.view import Question, Watched

COMMIT_DELAY_NS: Final = 20_000_000  # inputs without commands are durable within this
SIGNAL_DELAY_NS: Final = 5_000_000  # those of signals that somebody waits for, within this


class Answers:
    """Belongs to the writer."""

    def __init__(self) -> None:
        self._answered_ns = 0  # when somebody was last answered
        self._since_ns = 0  # since when something is not durable; 0: everything is
        self._asked: list[tuple[Input, Future[Any]]] = []  # for the next step
        self._hurried = False  # one of them is not patient
        self._stepped: list[tuple[Future[Any], Any]] = []  # with what they will be told
        self._looking: list[tuple[Question, Future[Any]]] = []

    def add(self, request: Input, answer: Future[Any], patient: bool) -> None:
        self._asked.append((request, answer))
        self._hurried |= not patient

    def ask(self, question: Question, answer: Future[Any]) -> None:
        """Somebody wants to look: after the step of this turn, whose orders must not wait."""
        self._looking.append((question, answer))

    def tell(self, state: State, runtime: Watched) -> None:
        """Answer whoever looks."""
        looking, self._looking = self._looking, []
        for question, answer in looking:
            try:
                found = question.ask(state, runtime)
            except KeyboardInterrupt:
                raise
            except BaseException as problem:  # who looks must not end who trades
                answer.set_exception(problem)
            else:
                answer.set_result(found)

    def due_ns(self) -> int | None:
        """When what was recorded has to become durable; None: nothing waits for it."""
        kept_ns = self._since_ns + COMMIT_DELAY_NS if self._since_ns else None
        if not (self._asked or self._stepped):
            return kept_ns
        told_ns = 0 if self._hurried else self._answered_ns + SIGNAL_DELAY_NS
        return told_ns if kept_ns is None else min(kept_ns, told_ns)

    def due(self, mono_ns: int) -> bool:
        due_ns = self.due_ns()
        return due_ns is not None and due_ns <= mono_ns

    def take(self, events: Sequence[BaseEvent]) -> None:
        """A step has been taken, with these events."""
        self._stepped += [(answer, refusal_of(one, events)) for one, answer in self._asked]
        self._asked.clear()
        self._hurried = False

    def recorded(self, pending: bool, failure: str | None, mono_ns: int) -> None:
        """Whether anything is still to become durable, and whether it can at all."""
        if pending:
            self._since_ns = self._since_ns or mono_ns
            return
        self._since_ns = 0
        stepped, self._stepped = self._stepped, []
        if stepped:
            self._answered_ns = mono_ns
        for answer, told in stepped:
            if failure is not None:
                answer.set_exception(LimitError(failure))
            else:
                answer.set_result(told)

    def fail(self) -> None:
        """There will be no answer any more."""
        left = [one for one, _ in self._stepped]
        for answer in [*left, *(one for _, one in self._asked), *(one for _, one in self._looking)]:
            answer.set_exception(LimitError("the engine has stopped"))
        self._asked.clear()
        self._stepped.clear()
        self._looking.clear()
