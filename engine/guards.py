"""What pulls the kill switch by itself: the day's loss, a storm of rejections, somebody who wants
more orders than the throttles give, a lasting doubt.

Looked at by the writer twice a second, beside the market's samples; what a guard decides becomes
an input like a person's, so it is on record and replays. The latch keeps what a guard pulled;
who takes it back is not overruled for the same reason, until that reason has gone and comes anew
(a loss: on another day).
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Sequence
from decimal import Decimal

from engine.config import Guards as GuardSettings
from engine.events import BaseEvent, RefusalEvent, RejectEvent
from engine.headroom import WARN_AT, Use, day_uses, far, uses
from engine.inputs import HaltRequested, Input, Noticed
from engine.reasons import Reason
from engine.state import State

NOTHING, FULL = Decimal(0), Decimal(1)
CENT = 0.01  # to which the day's result is rounded where it is told
MINUTE_NS = 60_000_000_000
PACES = ("orders_per_minute", "orders_per_second")  # limits whose use ends with time
Mark = tuple[Use, Decimal]  # a limit, and the one of the two marks that it has reached
# Who is refused for these again and again does not listen: something runs away.
THROTTLES = frozenset({Reason.TOO_MANY_ORDERS, Reason.TOO_MANY_ENTRIES, Reason.TOO_MANY_STOP_OUTS})


class Guards:
    """Belongs to the writer."""

    def __init__(self, settings: GuardSettings) -> None:
        self._settings = settings
        self._pulled: set[str] = set()
        self._day = 0
        self._rejected: deque[int] = deque()
        self._throttled: deque[int] = deque()
        self._frozen_ns: dict[str, int] = {}  # since when
        self._warned: dict[str, Decimal] = {}  # the marks of limits that were last told
        self._day_warned: dict[str, Decimal] = {}
        self._result = 0.0, 0.0, 0  # at the latest look: profit, fall and day
        self._stepped = True  # since the last look

    def take(self, events: Sequence[BaseEvent]) -> None:
        """The events of one step: rejections and refusals count by their own time."""
        self._stepped = True
        self._rejected.extend(event.time_ns for event in events if isinstance(event, RejectEvent))
        self._throttled.extend(
            event.time_ns
            for event in events
            if isinstance(event, RefusalEvent) and event.reason in THROTTLES
        )

    def look(self, state: State, profit: float, fall: float, now_ns: int, day: int) -> list[Input]:
        """What they have to say now: ``profit`` is that of ``day``, ``fall`` how far it is below
        its best."""
        if day != self._day:
            self._day = day
            self._pulled -= {"loss", "drawdown"}
            self._day_warned.clear()
        moved, self._result = self._result != (profit, fall, day), (profit, fall, day)
        found = self._losses(profit, fall) if moved else []
        found += self._storms(now_ns)
        found += self._doubts(state, now_ns)
        found += self._warnings(state, now_ns)
        return found + self._day_warnings(profit, fall) if moved else found

    def quiet(self, state: State, now_ns: int) -> tuple[float, float] | None:
        """The loss and the fall of the day below which looks find nothing new as long as nothing
        is decided: a little less than what is told or pulls next; None: they may."""
        if state.frozen or self._frozen_ns or not self._settled(state, now_ns):
            return None
        settings = self._settings
        loss = self._next_mark("day_loss", "loss", settings.day_loss_max)
        return loss, self._next_mark("day_drawdown", "drawdown", settings.day_drawdown_max)

    def _settled(self, state: State, now_ns: int) -> bool:
        """Whether there is nothing to warn of, also after a step. What ends with time becomes
        only less until the next look."""
        if self._stepped:
            marks = _marks(state, now_ns)
            if any(map(self._is_new, marks)):
                return False
            self._keep(marks)
        return True

    def _next_mark(self, name: str, pulls: str, most: Decimal) -> float:
        if (told := self._day_warned.get(name, NOTHING)) < WARN_AT:
            return float(most * WARN_AT) - CENT
        return float(most) - CENT if told < FULL or pulls not in self._pulled else math.inf

    def _storms(self, now_ns: int) -> list[Input]:
        found: list[Input] = []
        settings, count = self._settings, _recent(self._rejected, now_ns)
        if count >= settings.rejects_per_minute_max:
            found += self._pull(1, "rejections", f"{count} rejections in a minute")
        else:
            self._pulled.discard("rejections")
        count = _recent(self._throttled, now_ns)
        if count >= settings.throttled_per_minute_max:
            found += self._pull(2, "throttled", f"{count} throttled orders in a minute")
        else:
            self._pulled.discard("throttled")
        return found

    def _losses(self, profit: float, drawdown: float) -> list[Input]:
        if not (math.isfinite(profit) and math.isfinite(drawdown)):
            return []  # a price that is no number says nothing of the day
        settings, loss, fall = self._settings, Decimal(repr(-profit)), Decimal(repr(drawdown))
        if loss >= settings.day_loss_max:
            return self._pull(settings.loss_level, "loss", f"the day has lost {loss:.2f}")
        if fall >= settings.day_drawdown_max:
            return self._pull(
                settings.loss_level, "drawdown", f"{fall:.2f} below the day's best result"
            )
        return []

    def _doubts(self, state: State, now_ns: int) -> list[Input]:
        for symbol in list(self._frozen_ns):
            if symbol not in state.frozen:
                del self._frozen_ns[symbol]
                self._pulled.discard(f"frozen {symbol}")
        found: list[Input] = []
        patience_ns = state.scaled(self._settings.frozen_s_max)
        for symbol in state.frozen:
            if now_ns - self._frozen_ns.setdefault(symbol, now_ns) > patience_ns:
                why = f"{symbol} is frozen for more than {self._settings.frozen_s_max:g} s"
                found += self._pull(1, f"frozen {symbol}", why)
        return found

    def _warnings(self, state: State, now_ns: int) -> list[Input]:
        """Told when 80 % and when all of a limit is used; again only after it was less. Between
        two steps only the pace of orders becomes less, by itself."""
        if not self._stepped and not any(map(self._warned.get, PACES)):
            return []
        marks = _marks(state, now_ns)
        found: list[Input] = [_told(use, mark) for use, mark in filter(self._is_new, marks)]
        self._keep(marks)
        return found

    def _is_new(self, reached: Mark) -> bool:
        use, mark = reached
        return mark > self._warned.get(use.name, NOTHING)

    def _keep(self, marks: list[Mark]) -> None:
        self._warned = {use.name: mark for use, mark in marks}
        self._stepped = False

    def _day_warnings(self, profit: float, fall: float) -> list[Input]:
        """The same of the day's result, once a day each: it moves with every price."""
        found: list[Input] = []
        for use in day_uses(self._settings, profit, fall):
            reached = _reached(use)
            if reached > self._day_warned.get(use.name, NOTHING):
                found.append(_told(use, reached))
                self._day_warned[use.name] = reached
        return found

    def _pull(self, level: int, reason: str, why: str) -> list[Input]:
        if reason in self._pulled:
            return []
        self._pulled.add(reason)
        return [HaltRequested(level, "guard", why)]


def _marks(state: State, now_ns: int) -> list[Mark]:
    """The limits of which much is used."""
    if far(state, now_ns):
        return []
    return [(use, mark) for use in uses(state, now_ns) if (mark := _reached(use))]


def _reached(use: Use) -> Decimal:
    """Which of the two marks, if any."""
    share = use.share
    if share is None or share < WARN_AT:
        return NOTHING
    return FULL if share >= FULL else WARN_AT


def _told(use: Use, reached: Decimal) -> Noticed:
    told = f"{use.name}: {use.used:.2f} of {use.most:.2f} is used"
    return Noticed("critical" if reached == FULL else "warning", told)


def _recent(times_ns: deque[int], now_ns: int) -> int:
    """How many of them are of the last minute; the others are forgotten."""
    while times_ns and times_ns[0] <= now_ns - MINUTE_NS:
        times_ns.popleft()
    return len(times_ns)
