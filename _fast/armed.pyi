from collections.abc import Iterable

from _fast.market import Market

Burst = tuple[int, int, float | None, float | None, float | None, float, bytes]

class ArmedSet:
    """Bursts of which one may leave; see armed.pxd for the rules."""

    count: int  # that may leave
    fired: int  # the condition whose burst has left, -1: none
    sent: int  # bytes of it that the socket took
    error: int  # errno of the socket, 0: it took something
    leaving_ns: int  # CLOCK_MONOTONIC, when the socket was asked
    fired_ns: int  # and when it had answered: the other side may have run first

    def load(
        self, market: Market, bursts: Iterable[Burst], until_ns: int, awake_until_ns: int = 0
    ) -> None:
        """Put ``bursts`` in the place of all that were here: (condition, row, bid, ask, last, gap,
        bytes) of each, the prices as they were decided on, None or NaN where there is none.

        Args:
            until_ns: on the clock that dates the batches; later nothing leaves.
            awake_until_ns: the same on CLOCK_BOOTTIME; 0: it is not asked.

        Raises:
            RuntimeError: a burst has left and was not taken.
            IndexError: a row was not added.
        """
    def clear(self) -> None:
        """Nothing may leave any more. What has left stays to be taken."""
    def wait(self, woken: bool) -> None:
        """A wait begins, or somebody has woken it: he is heard before anything leaves. The reader
        says so itself, unless somebody else does its waiting."""
    def take(self) -> tuple[int, bytes, int]:
        """Take note of the burst that has left: (condition, all its bytes, how many of them the
        socket took).

        Raises:
            RuntimeError: none has.
        """
