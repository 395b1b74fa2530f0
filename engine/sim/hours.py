"""When an instrument trades: regular sessions, extended hours around them, DAY order expiry."""

from __future__ import annotations

from bisect import bisect_right
from typing import Final

from engine.sim.instruments import EXTENDED_AFTER_CLOSE_NS, EXTENDED_BEFORE_OPEN_NS

FOREVER_NS: Final = 1 << 62
_NEVER: Final = (0, 0, None)


class Hours:
    """The sessions of one instrument as questions about a moment (all UTC nanoseconds).

    ``outside`` asks for extended hours as well. No sessions at all means always open; after the
    last known session the market stays closed.
    """

    __slots__ = ("_changes", "_closes", "_extended", "_known", "_sessions")

    def __init__(self, sessions: tuple[tuple[int, int], ...]) -> None:
        self._sessions = sessions
        self._extended = tuple(
            (opens - EXTENDED_BEFORE_OPEN_NS, closes + EXTENDED_AFTER_CLOSE_NS)
            for opens, closes in sessions
        )
        self._closes = {
            False: [closes for _, closes in sessions],
            True: [closes for _, closes in self._extended],
        }
        # The latest answer of ``since``: from when until when, and what it is.
        self._known: dict[bool, tuple[int, int, int | None]] = {False: _NEVER, True: _NEVER}
        self._changes = sorted({ns for span in (*sessions, *self._extended) for ns in span})

    def _span(self, now_ns: int, outside: bool) -> tuple[int, int] | None:
        """The session that is open at ``now_ns`` or opens next."""
        index = bisect_right(self._closes[outside], now_ns)
        spans = self._extended if outside else self._sessions
        return spans[index] if index < len(spans) else None

    def since(self, now_ns: int, outside: bool) -> int | None:
        """When the session that is open now opened; None: closed. Always-open: since 0."""
        from_ns, until_ns, since_ns = self._known[outside]
        if not from_ns <= now_ns < until_ns:
            known = self._known[outside] = self._since(now_ns, outside)
            since_ns = known[2]
        return since_ns

    def _since(self, now_ns: int, outside: bool) -> tuple[int, int, int | None]:
        if not self._sessions:
            return -FOREVER_NS, FOREVER_NS, 0
        closes = self._closes[outside]
        index = bisect_right(closes, now_ns)
        closed_ns = closes[index - 1] if index else -FOREVER_NS
        span = self._span(now_ns, outside)
        if span is None:
            return closed_ns, FOREVER_NS, None
        opens_ns, closes_ns = span
        if opens_ns <= now_ns:
            return max(opens_ns, closed_ns), closes_ns, opens_ns
        return closed_ns, opens_ns, None

    def opening(self, now_ns: int, outside: bool) -> int | None:
        """When it opens next; None: it is open now, or no further session is known."""
        span = self._span(now_ns, outside)
        return span[0] if span and span[0] > now_ns else None

    def next_open(self, now_ns: int) -> int | None:
        """When the first regular session that is still to come opens."""
        index = bisect_right([opens for opens, _ in self._sessions], now_ns)
        return self._sessions[index][0] if index < len(self._sessions) else None

    def next_change(self, now_ns: int) -> int:
        """When a session, regular or extended, opens or closes next; FOREVER_NS: never."""
        index = bisect_right(self._changes, now_ns)
        return self._changes[index] if index < len(self._changes) else FOREVER_NS

    def expiry(self, now_ns: int, outside: bool) -> int | None:
        """When a DAY order entered now ends: the close of this session, or of the next one."""
        span = self._span(now_ns, outside)
        return span[1] if span else None

    def day_end(self, now_ns: int) -> int | None:
        """When the trading day (extended) of ``now_ns`` ends, and its figures start afresh."""
        return self.expiry(now_ns, True)
