"""From the journal to the state in which the last run ended.

Replay feeds the recorded inputs to a new core and sends nothing. The commands that come out must
be those that were recorded: if they are not, the code decides differently now than it did then,
the order ids and references it would look for were never used, and nobody may trade on that.
"""

from __future__ import annotations

from engine.config import Config
from engine.core import Core
from engine.daybook import DayBook
from engine.errors import JournalError
from engine.journal import Journal


def rebuild(journal: Journal, config: Config, book: DayBook | None = None) -> Core:
    """The core after every record of ``journal``; a new one if there is none. ``book`` is told
    what the record tells, as it was when it happened.

    Raises:
        JournalError: a record is damaged, or replays to other commands than it recorded.
    """
    core = Core(config)
    for record in journal.records():
        output = core.step(record.inputs, record.now_ns)
        if tuple(output.commands) != record.commands:
            raise JournalError(
                f"{journal.path}: record {record.seq} replays to other orders than it recorded; "
                "it was written by another version of the engine: use that version to end its "
                "positions, then begin a new journal"
            )
        if book is not None:
            book.take(core.state, output.events, record.now_ns)
    return core
