"""What stands between the core and the world: a step is taken, recorded, and only then allowed.

As long as the disk keeps what it is given, the commands of a step leave once they are durable.
When it refuses, entries end at once (a halt at level 2, latched) and no order command leaves any
more: no order of ours may be at the broker that a restart would not know. What rests there goes
on protecting. Two things go on all the same. What would still open something is taken back,
because a cancellation needs no memory: the broker tells it again. And the core goes on thinking,
so that it knows what is held and what is missing; to it a command that did not leave is one that
was lost on the way, and what it still wants it asks again, once the first is proven absent. Every
second the disk is tried, and given everything that it lacks.

It also keeps the way back short: a snapshot after so many records and whenever the session is
down, and a new file when the old one has grown. And it moves the journal's log into its file in
quiet moments, so that no commit has to.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Final

from engine.commands import Cancel, Command, OrderCommand
from engine.core import Core, Output
from engine.daybook import DayBook
from engine.executions import TOLD_AGAIN, known
from engine.halts import TAKE_BACK
from engine.inputs import HaltRequested, Input, Noticed
from engine.journal import Journal, JournalFailed
from engine.orders import OPENING_ROLES
from engine.recovery import take_snapshot

RETRY_NS: Final = 1_000_000_000
SNAPSHOT_RECORDS: Final = 5_000  # between two snapshots of a live session
PAUSE_RECORDS: Final = 500  # enough for one while the session is down
LOG_RECORDS: Final = 250  # after which the journal's log begins anew, in a quiet moment
FILE_RECORDS: Final = 250_000  # after which a file becomes an archive, while the session is down


class Recorder:
    """Belongs to the writer. ``snapshot`` is the record of the newest snapshot there is."""

    def __init__(self, core: Core, journal: Journal, book: DayBook, snapshot: int = 0) -> None:
        self.core: Final = core
        self.notices: list[Input] = []  # for the next step, from here
        self._journal = journal
        self._book = book
        self._snapshot = snapshot
        self._tried = snapshot  # the record after which one was last attempted
        self._moved = journal.count  # the record up to which the log has been moved
        self._retry_ns = 0
        self.stepped_ns = 0  # on the clock of performance: when the latest step was thought

    @property
    def failure(self) -> str | None:
        """Why nothing can be made durable at present."""
        return self._journal.failure

    @property
    def at_rest(self) -> bool:
        """Whether a look at it does nothing."""
        return not (self.notices or self.pending or self._journal.on_disk) and not self.failure

    @property
    def pending(self) -> bool:
        return self._journal.pending and self.failure is None

    def step(
        self, inputs: Sequence[Input], now_ns: int, at_once: bool = False, left: bool = False
    ) -> Output:
        """Take a step and record it, without what is counted already. The commands of what is
        returned may leave. It is durable if orders come of it or ``at_once`` says so, unless
        ``failure`` says why not. Its orders ``left`` before: they were armed.

        Raises:
            JournalError: so much waits for the disk that no more can be kept.
        """
        state = self.core.state
        inputs = [one for one in inputs if type(one) not in TOLD_AGAIN or not known(state, one)]
        output = self.core.step(inputs, now_ns)
        self.stepped_ns = time.perf_counter_ns()
        self._journal.append(now_ns, inputs, output.commands)
        if at_once or any(isinstance(one, OrderCommand) for one in output.commands):
            self.commit()
        if self.failure is None or left:
            return output
        allowed = [one for one in output.commands if self._needs_no_memory(one)]
        return Output(allowed, output.events)

    def _needs_no_memory(self, command: Command) -> bool:
        if not isinstance(command, OrderCommand):
            return True
        order = self.core.state.orders.get(command.order_id)
        return isinstance(command, Cancel) and order is not None and order.role in OPENING_ROLES

    def commit(self) -> None:
        """Make all that was recorded durable, or say in ``notices`` that it cannot be."""
        if self.failure is not None:
            return
        try:
            self._journal.commit()
        except JournalFailed as problem:
            self._failed(problem)

    def _failed(self, problem: JournalFailed) -> None:
        self.notices.append(HaltRequested(TAKE_BACK, "journal", str(problem)))

    def prepare(self) -> None:
        """Before a session: the file may be a new one."""
        self._journal.lengthen_log()

    def look(self, mono_ns: int) -> None:
        """In a quiet moment: try a disk that has refused, and keep the way back short.

        Raises:
            JournalError: the disk is back with another journal than it had.
        """
        if self.failure is not None:
            self._try_again(mono_ns)
        elif self._journal.on_disk:
            self._look_after()

    def _try_again(self, mono_ns: int) -> None:
        if mono_ns < self._retry_ns:
            return
        self._retry_ns = mono_ns + RETRY_NS
        try:
            self._journal.recover()
        except JournalFailed:
            return
        self._journal.lengthen_log()
        told = "the journal can be written again and has everything; engine resume ends the halt"
        self.notices.append(Noticed("warning", told))

    def _look_after(self) -> None:
        try:
            self._journal.check_place()
        except JournalFailed as problem:
            self._failed(problem)
        else:
            self._shorten()

    def _shorten(self) -> None:
        journal, live = self._journal, self.core.state.live
        since = journal.count - self._tried
        if since >= (SNAPSHOT_RECORDS if live else PAUSE_RECORDS) and (
            since >= 2 * SNAPSHOT_RECORDS or not self._waits
        ):
            self.keep_snapshot()
        if journal.count - self._moved >= LOG_RECORDS and not self._waits:
            self._move_log()
        # What is archived must not be needed to start.
        grown = journal.count - journal.begins_after >= FILE_RECORDS
        if grown and not live and self._snapshot == journal.count:
            self._rotate()

    @property
    def _waits(self) -> bool:
        """Whether the answer to an order is awaited, and with it perhaps an execution."""
        state = self.core.state
        return state.live and any(one.deadline_ns for one in state.orders.values())

    def _move_log(self) -> None:
        self.commit()
        if self.failure is not None:
            return
        self._moved = self._journal.count
        try:
            self._journal.checkpoint()
        except JournalFailed as problem:
            self._failed(problem)

    def keep_snapshot(self) -> None:
        """Keep the state as it is now, if there is anything new to keep."""
        self.commit()
        journal = self._journal
        if self.failure is not None or journal.count == self._tried or not journal.on_disk:
            return
        self._tried = journal.count
        try:
            self._snapshot = take_snapshot(journal, self.core, self._book)
        except OSError as problem:
            told = f"no snapshot could be written ({problem}): the next start will take longer"
            self.notices.append(Noticed("warning", told))

    def _rotate(self) -> None:
        try:
            self._journal.rotate()
        except JournalFailed as problem:
            self._failed(problem)
