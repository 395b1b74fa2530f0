"""From the journal to the state in which the last run ended.

The newest snapshot that fits the journal is the state at its record; the records behind it are
replayed. A snapshot that is damaged, or of another version of the engine, is told, and the one
before it is used, or the whole journal with its archives.

Replay feeds the recorded inputs to a new core and sends nothing. The commands that come out must
be those that were recorded: if they are not, the code decides differently now than it did then,
the order ids and references it would look for were never used, and nobody may trade on that.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path

import attrs

from engine.config import Broker, Config
from engine.core import Core
from engine.daybook import DayBook
from engine.errors import ConfigError, JournalError
from engine.image import ImageError, from_image, image, shape
from engine.journal import Journal
from engine.snapshots import (
    StateSnapshot,
    read_snapshot,
    snapshot_paths,
    write_snapshot,
)

Progress = Callable[[int, int], None]  # records replayed, of so many


@attrs.define
class Recovered:
    """The core and the day's book after the last record. ``snapshot`` is the record from whose
    snapshot they began (0: from none), ``notes`` tell why newer ones were of no use."""

    core: Core
    book: DayBook
    snapshot: int = 0
    notes: list[str] = attrs.field(factory=list)


def recover(journal: Journal, config: Config, progress: Progress | None = None) -> Recovered:
    """The core after every record of ``journal``; a new one if there is none.

    Raises:
        JournalError: a record is damaged, or replays to other commands than it recorded.
    """
    found = Recovered(Core(config), DayBook())
    for place, read in _snapshots(journal):
        try:
            snapshot = read()
            _check_fits(journal, snapshot, place)
            found.core.state, found.book = from_image(snapshot.image)
            found.snapshot = snapshot.count
            break
        except (JournalError, ImageError) as problem:
            told = str(problem) if isinstance(problem, JournalError) else f"{place}: {problem}"
            found.notes.append(f"{told}; going on without this snapshot")
    _replay(journal, found, progress)
    return found


def _snapshots(journal: Journal) -> list[tuple[str, Callable[[], StateSnapshot]]]:
    """The newest first."""
    if not journal.on_disk:
        kept = journal.kept
        return [] if kept is None else [(journal.path, lambda: kept)]
    paths = snapshot_paths(Path(journal.path))
    return [(str(path), partial(read_snapshot, path)) for path in paths]


def rebuild(journal: Journal, config: Config) -> Core:
    """The core after a replay of the whole journal, whatever snapshots there are. Raises as
    ``recover``."""
    found = Recovered(Core(config), DayBook())
    _replay(journal, found, None)
    return found.core


def check_symbols(core: Core, config: Config) -> None:
    """Refuse settings that leave out what is held or at the broker: nobody would look after it.

    Raises:
        ConfigError: one line that names it.
    """
    if left := sorted(core.state.busy - set(config.strategy.symbols)):
        raise ConfigError(
            f"strategy.symbols leaves out {', '.join(left)}, of which the journal has shares or "
            "orders: name it until it is flat"
        )


def bound_account(core: Core, broker: Broker) -> str:
    """The account in which something is held or ordered, whatever else the login lists; empty:
    there is nothing.

    Raises:
        ConfigError: the settings name another one, or another client id than that of the orders.
            Only who placed an order can cancel it, and the number of an order is another order's
            under another id: to amend a stop would be to place one more.
    """
    state = core.state
    busy = state.busy | state.shares.keys()  # also the shares of direct orders
    living = bool(state.armed) or any(not one.dead for one in state.orders.values())
    if living and broker.client_id != state.client_id:
        raise ConfigError(
            f"broker.client_id is {broker.client_id}, and the journal has orders of client id "
            f"{state.client_id}, which nobody else can cancel: name that one until they are gone"
        )
    if busy and state.account and broker.account not in ("", state.account):
        raise ConfigError(
            f"broker.account is {broker.account}, and the journal has shares or orders in "
            f"{state.account}: name that one until it is flat, or begin a new journal"
        )
    return state.account if busy else ""


def take_snapshot(journal: Journal, core: Core, book: DayBook) -> int:
    """Keep the state after the last record of ``journal``, which must be durable; the record.

    Raises:
        OSError: the disk refused; snapshots that were there are still there.
    """
    assert not journal.pending, "a snapshot must not be ahead of its journal"
    data = image(core.state, book)
    snapshot = StateSnapshot(journal.count, journal.head_hash, shape(), data)
    write_snapshot(Path(journal.path), snapshot, journal.disk)
    return snapshot.count


def _check_fits(journal: Journal, snapshot: StateSnapshot, path: str) -> None:
    if snapshot.shape != shape():
        raise JournalError(f"{path}: was made by another version of the engine ({snapshot.engine})")
    if snapshot.count > journal.count:
        raise JournalError(f"{path}: is ahead of the journal, which has {journal.count} records")
    if journal.hash_at(snapshot.count) != snapshot.hash:
        raise JournalError(f"{path}: belongs to another journal")


def _replay(journal: Journal, found: Recovered, progress: Progress | None) -> None:
    core, book = found.core, found.book
    total = journal.count - found.snapshot
    for done, record in enumerate(journal.records(found.snapshot), start=1):
        output = core.step(record.inputs, record.now_ns)
        if tuple(output.commands) != record.commands:
            raise JournalError(
                f"{journal.path}: record {record.seq} replays to other orders than it recorded; "
                "it was written by another version of the engine: use that version to end its "
                "positions, then begin a new journal"
            )
        book.take(core.state, output.events, record.now_ns)
        if progress is not None:
            progress(done, total)
