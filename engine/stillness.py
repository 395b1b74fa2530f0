"""Looks at prices that find nothing as long as no price changes.

What could be armed is looked at twice a second. Where time is virtual and such a look would find
what the one before has found, whoever lets the time pass may leave it out: ``Still`` says which
ones, and what they would have left behind.
"""

from __future__ import annotations

import attrs


@attrs.define
class Still:
    """All times are monotonic. Looks are ``every_ns`` apart from ``first_ns`` on; the wait ends at
    ``until_ns`` at the latest. Some of them see whether bars have ended: from ``check_ns`` on,
    every ``check_every_ns``. ``passed``: how many looks were left out."""

    first_ns: int
    every_ns: int
    until_ns: int
    check_ns: int
    check_every_ns: int
    passed: int = 0

    def leave_out(self, until_ns: int) -> None:
        """All that come before then."""
        self.passed = _times(self.first_ns, self.every_ns, until_ns)

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


def still(
    first_ns: int,
    every_ns: int,
    *,
    due_ns: int,
    idle_ns: int,
    check_ns: int,
    check_every_ns: int,
    bar_ends_ns: int,
) -> Still | None:
    """Which looks may be left out; None: none. ``due_ns``: when something else is due;
    ``idle_ns``: the first look from then on also looks around, the first from ``check_ns`` on
    sees whether bars have ended, and so does one again after ``check_every_ns`` at the earliest;
    ``bar_ends_ns``: when the first of them has."""
    check_ns = first_ns + _times(first_ns, every_ns, check_ns) * every_ns
    check_every_ns = -(-check_every_ns // every_ns) * every_ns
    until_ns = min(
        due_ns,
        # What is due by the exchange's clock is waited for a nanosecond longer than needed, and a
        # look at the very moment sees it.
        first_ns + _times(first_ns, every_ns, min(due_ns - 1, idle_ns)) * every_ns,
        check_ns + _times(check_ns, check_every_ns, bar_ends_ns) * check_every_ns,
    )
    if until_ns <= first_ns:
        return None
    return Still(first_ns, every_ns, until_ns, check_ns, check_every_ns)


def _times(first_ns: int, every_ns: int, until_ns: int) -> int:
    """How many of such moments come before another one."""
    return max(-(-(until_ns - first_ns) // every_ns), 0)
