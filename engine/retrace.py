"""A journal gone through once more, to look at what happened: nothing is sent.

The records are fed to a core of its own, which must decide as it was recorded; what comes out with
each record is then told by the linked context that it concerns.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Iterator
from typing import Any, Final

import attrs

from engine.config import Config, Strategy
from engine.contexts import Context
from engine.core import Core
from engine.errors import JournalError
from engine.events import BaseEvent
from engine.image import ImageError, from_image, shape
from engine.inputs import Input
from engine.journal_chain import JournalReader, Record
from engine.snapshots import read_snapshot, snapshot_paths
from engine.state import State

Item = Input | BaseEvent


@attrs.frozen
class Step:
    """One record, the events that followed, and the contexts of before by symbol."""

    record: Record
    events: tuple[BaseEvent, ...]
    before: dict[str, Context]


class Retrace:
    """``step`` takes every record of a journal, in order; ``seq`` is the last that it took."""

    def __init__(self, core: Core | None = None, seq: int = 0) -> None:
        # The settings are those of the first record.
        self._core: Final = core or Core(Config(strategy=Strategy(symbols=("NONE",))))
        self.seq = seq

    @classmethod
    def of(cls, reader: JournalReader, records_max: int | None = None) -> Retrace:
        """From the first record, or from the oldest snapshot if that is not here or more than
        ``records_max`` away.

        Raises:
            JournalError: the first record is not here, and no snapshot fits.
        """
        near = records_max is None or reader.count <= records_max
        if reader.first == 1 and near:
            return cls()
        for path in reversed(snapshot_paths(reader.place)):
            with contextlib.suppress(JournalError, ImageError):
                found = read_snapshot(path)
                if found.shape == shape() and reader.hash_at(found.count) == found.hash:
                    retrace = cls(seq=found.count)
                    retrace._core.state, _ = from_image(found.image)
                    return retrace
        if reader.first == 1:
            return cls()
        raise JournalError(
            f"{reader.place}: its first records are archived elsewhere, and no snapshot fits"
        )

    @property
    def state(self) -> State:
        return self._core.state

    def step(self, record: Record) -> Step:
        """Raises JournalError if this version of the engine decides differently."""
        before = dict(self.state.current)
        output = self._core.step(record.inputs, record.now_ns)
        if tuple(output.commands) != record.commands:
            raise JournalError(
                f"record {record.seq} replays to other orders than it recorded: another version "
                "of the engine wrote it"
            )
        self.seq = record.seq
        return Step(record, tuple(output.events), before)

    def told(self, step: Step) -> dict[int, list[Item]]:
        """What concerns which context: by its orders, else by its symbol."""
        found: dict[int, list[Item]] = {}
        items: Iterable[Item] = (*step.record.inputs, *step.events)
        for item in items:
            for number in self._owners(item, step.before):
                found.setdefault(number, []).append(item)
        return found

    def _owners(self, item: Any, before: dict[str, Context]) -> Iterator[int]:
        state = self.state
        order = state.orders.get(getattr(item, "order_id", -1))
        if order is not None:
            if order.owner in state.contexts:
                yield order.owner
            return
        market = getattr(item, "market", None)
        symbol = getattr(item, "symbol", "") or (market.symbol if market is not None else "")
        context = state.current.get(symbol) or before.get(symbol)
        if context is not None:
            yield context.number
