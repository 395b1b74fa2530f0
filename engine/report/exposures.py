"""How much was held, by what held it and by the clock: the exposure of many groups at once."""

from __future__ import annotations

from typing import Final

from engine.backtest.exposure import Exposure
from engine.events import PositionCloseEvent, PositionEvent
from engine.sim.instruments import local_time

HOUR_NS: Final = 3_600_000_000_000  # New York is whole hours from UTC
ALL: Final = ("all", "")
Group = tuple[str, str]  # what it is a group of, and which one


class Exposures:
    """A fold over runs of an engine and what positions became. ``begin`` and ``end`` are those of
    a run; in between time is told by ``reach``."""

    def __init__(self) -> None:
        self.groups: dict[Group, Exposure] = {ALL: Exposure()}
        self._held: dict[str, tuple[PositionEvent, tuple[Group, ...]]] = {}
        self._clock: tuple[Group, ...] = ()  # the hour and the day of now
        self._until_ns = 0
        self._began_ns = 0
        self.running = False

    def begin(self, now_ns: int) -> None:
        self.running, self._began_ns = True, now_ns
        for group, one in self.groups.items():
            if not _timed(group):
                one.begin(now_ns)
        for event, groups in self._held.values():
            for group in groups:
                self._of(group).moved(event, now_ns)
        self._strike(now_ns)

    def end(self, now_ns: int) -> None:
        self.reach(now_ns)
        self._quit(now_ns)
        for group, one in self.groups.items():
            if not _timed(group):
                one.end(now_ns)
        self.running = False

    def reach(self, now_ns: int) -> None:
        """Every hour on the way begins and ends."""
        while self.running and now_ns >= self._until_ns:
            at_ns = self._until_ns
            self._quit(at_ns)
            self._strike(at_ns)

    def moved(self, event: PositionEvent, rule: str, now_ns: int) -> None:
        groups = (ALL, ("symbol", event.symbol), ("rule", rule), ("side", event.side))
        before = self._held.get(event.symbol)
        self._held[event.symbol] = event, groups
        if not self.running:
            return
        for group in before[1] if before else ():
            if group not in groups:
                self._of(group).moved(_gone(event), now_ns)
        for group in (*groups, *self._clock):
            self._of(group).moved(event, now_ns)

    # -- the clock -------------------------------------------------------------------------------

    def _strike(self, at_ns: int) -> None:
        local = local_time(at_ns)
        self._until_ns = (at_ns // HOUR_NS + 1) * HOUR_NS
        self._clock = ("hour", f"{local:%H}"), ("day", f"{local:%Y-%m-%d}")
        for group in self._clock:
            one = self._of(group)
            one.begin(at_ns)
            for event, _ in self._held.values():
                one.moved(event, at_ns)

    def _quit(self, at_ns: int) -> None:
        for group in self._clock:
            one = self.groups[group]
            for event, _ in self._held.values():
                one.moved(_gone(event), at_ns)
            one.end(at_ns)

    def _of(self, group: Group) -> Exposure:
        found = self.groups.get(group)
        if found is None:
            found = self.groups[group] = Exposure()
            if not _timed(group):  # it could have held something from the first on
                found.played_ns = self.groups[ALL].played_ns
                found.begin(self._began_ns)
        return found


def _timed(group: Group) -> bool:
    return group[0] in ("hour", "day")


def _gone(event: PositionEvent) -> PositionCloseEvent:
    """The same position, of which nothing is left here."""
    return PositionCloseEvent(
        time_ns=event.time_ns,
        sequence=event.sequence,
        symbol=event.symbol,
        side=event.side,
        quantity=event.quantity,
        average_price=event.average_price,
        realised=event.realised,
        exit_price=event.average_price,
        reason="",
    )
