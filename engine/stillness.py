"""Looks at prices that find nothing as long as no price changes.

What could be armed is looked at twice a second. Where time is virtual and such a look would find
what the one before has found, whoever lets the time pass may leave it out: ``Still`` says which
ones, and what they would have left behind.
"""

from __future__ import annotations

from collections.abc import Callable

import attrs

LookAgain = Callable[[], int | None]


@attrs.define(kw_only=True)
class Still:
    """All times are monotonic. Looks are ``every_ns`` apart from ``first_ns`` on. At ``due_ns``
    something else is due; the first look from ``idle_ns`` on also looks around, the first from
    ``check_ns`` on sees whether bars have ended, and so does one again after ``check_every_ns`` at
    the earliest; ``bar_ends_ns``: when the first of them has. ``look`` looks at prices that have
    changed: when the first bar ends now, None if there is more to do than to look; ``stale``: they
    have already. ``passed``: how many looks were left out."""

    first_ns: int
    every_ns: int
    due_ns: int
    idle_ns: int
    check_ns: int
    check_every_ns: int
    bar_ends_ns: int
    look: LookAgain
    stale: bool = False
    passed: int = 0

    _others_ns: int = attrs.field(init=False, default=0)  # without the ends of bars

    def __attrs_post_init__(self) -> None:
        self.check_ns = self._first(self.check_ns)
        self.check_every_ns = -(-self.check_every_ns // self.every_ns) * self.every_ns
        # What is due by the exchange's clock is waited for a nanosecond longer than needed, and a
        # look at the very moment sees it.
        self._others_ns = min(self.due_ns, self._first(min(self.due_ns - 1, self.idle_ns)))

    @property
    def until_ns(self) -> int:
        """The wait ends here at the latest."""
        checks = _times(self.check_ns, self.check_every_ns, self.bar_ends_ns)
        return min(self._others_ns, self.check_ns + checks * self.check_every_ns)

    def leave_out(self, until_ns: int) -> None:
        """All that come before then."""
        self.passed = _times(self.first_ns, self.every_ns, until_ns)

    def found_nothing(self) -> bool:
        """Whether a look at prices that have changed finds nothing either."""
        ends_ns = self.look()
        if ends_ns is not None:
            self.bar_ends_ns = ends_ns
        return ends_ns is not None

    @property
    def next_ns(self) -> int:
        """The first look that is not left out."""
        return self.first_ns + self.passed * self.every_ns

    @property
    def checked_ns(self) -> int | None:
        """The latest of those left out that would have seen whether bars have ended."""
        latest_ns = self.next_ns - self.every_ns
        if not self.passed or latest_ns < self.check_ns:
            return None
        return latest_ns - (latest_ns - self.check_ns) % self.check_every_ns

    def _first(self, from_ns: int) -> int:
        """The first look from then on."""
        return self.first_ns + _times(self.first_ns, self.every_ns, from_ns) * self.every_ns


def _times(first_ns: int, every_ns: int, until_ns: int) -> int:
    """How many of such moments come before another one."""
    return max(-(-(until_ns - first_ns) // every_ns), 0)
