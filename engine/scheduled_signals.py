"""The signals of a file, given out at their times of the exchange's clock."""

from __future__ import annotations

from datetime import UTC, date, datetime
from functools import lru_cache

from engine.broker.session import Session
from engine.core import Core
from engine.daybook import EXCHANGE_ZONE
from engine.inputs import Signal, SignalRefused
from engine.signals.files import SignalFile
from statecharts.vocabulary import SessionState


class ScheduledSignals:
    """A signal file on the exchange's clock: seconds count from the day's first live session,
    so that a run that is started again does not move them."""

    def __init__(self, file: SignalFile, core: Core, session: Session) -> None:
        self._file = file
        self._core = core
        self._session = session

    def next_due_ns(self) -> int | None:
        """When to look; None while nothing is given out, or the writer would never sleep."""
        start_ns = self._core.state.day_start_ns
        return self._file.next_due_ns(start_ns, _day(start_ns)) if self._live else None

    def due(self, exchange_ns: int) -> list[Signal | SignalRefused]:
        start_ns = self._core.state.day_start_ns
        return self._file.due(exchange_ns, start_ns, _day(start_ns)) if self._live else []

    @property
    def _live(self) -> bool:
        # Both: a journal that ended live replays to a core that is, before its session is.
        return self._core.state.live and self._session.state is SessionState.LIVE

    def __len__(self) -> int:
        return len(self._file)


@lru_cache(maxsize=1)  # the writer asks with every turn, and the answer is a day's
def _day(time_ns: int) -> date:
    return datetime.fromtimestamp(time_ns / 1e9, UTC).astimezone(EXCHANGE_ZONE).date()
