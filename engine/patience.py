"""How long the writer may sleep: until the first of everything that has its time."""

from __future__ import annotations

from typing import Protocol

from engine.answers import Answers
from engine.armory import Armory
from engine.broker.session import Session
from engine.core import Core
from engine.idling import NEVER_NS
from engine.inputs import Signal, SignalRefused


class SignalSource(Protocol):
    """Signals that come by the exchange's clock."""

    def next_due_ns(self) -> int | None: ...

    def due(self, exchange_ns: int) -> list[Signal | SignalRefused]: ...


class Patience:
    """As of the latest wait, on the monotonic clock: when the session has something to do
    (``session_ns``), when anything has but a look around (``due_ns``), and the same without the
    armory (``others_ns``)."""

    def __init__(self, core: Core, session: Session, answers: Answers, armory: Armory) -> None:
        self._core, self._session, self._answers, self._armory = core, session, answers, armory
        self.source: SignalSource | None = None
        self.session_ns: int | None = 0
        self.due_ns = self.others_ns = 0

    def lasts_ns(self, mono_ns: int) -> int:
        """Until the earliest deadline of the session, the core, a signal or the journal, or the
        next look around."""
        session = self._session
        waits = [NEVER_NS]
        if (durable_ns := self._answers.due_ns()) is not None:
            waits.append(durable_ns - mono_ns)
        self.session_ns = session.next_deadline_ns()
        if self.session_ns is not None:
            waits.append(self.session_ns - mono_ns)
        clock = session.exchange_clock
        if clock.set:
            now_ns = clock.now_ns(mono_ns)
            exchange = [self._core.next_deadline_ns]
            if self.source is not None:
                exchange.append(self.source.next_due_ns())
            waits += [int((at - now_ns) / clock.rate) + 1 for at in exchange if at is not None]
        due_ns = min(waits)
        self.others_ns = mono_ns + due_ns
        if (armory_ns := self._armory.due_ns) is not None:
            due_ns = min(due_ns, armory_ns - mono_ns)
        self.due_ns = mono_ns + due_ns
        return max(min(due_ns, session.transport.idle_ns), 0)
