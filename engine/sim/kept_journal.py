"""A journal in memory that outlives its engine: a simulation starts several, one after another."""

from __future__ import annotations

from engine.journal import Journal
from engine.journal_store import MEMORY


class KeptJournal(Journal):
    """It is found again by the next life of the engine: what was committed, no more."""

    def close(self) -> None:
        """What was not committed is lost, as with the process."""

    def found_again(self) -> KeptJournal:
        return KeptJournal(MEMORY, self._store, None)
