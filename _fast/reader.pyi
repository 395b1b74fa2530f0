import builtins
from typing import Any, Final, Self

from _fast.armed import ArmedSet
from _fast.market import Market

FRAMES: Final[int]
FIRED: Final[int]
WAKE: Final[int]
TIMEOUT: Final[int]
CLOSED: Final[int]
BROKEN: Final[int]

class Reader:
    """Reads one TWS connection into a Market; see reader.pxd for the rules.

    Args:
        fd: connected stream socket, -1 to be fed from memory only. Not closed here.
        wake_fd: readable end of an eventfd or pipe that ends a wait, -1 for none. Not closed here.
        market: what market messages are applied to.
        server_version: as negotiated, 176 or above.
        leftover: bytes received behind the handshake.

    Raises:
        ValueError: the server version is not supported.
    """

    armed: ArmedSet  # orders that leave when their condition fires
    closed_errno: int  # why the connection ended, 0 if the peer closed it in order
    record_errno: int  # why recording stopped by itself, 0 if it did not
    frames: int  # whole frames cut
    ticks: int  # market messages applied
    bad_frames: int  # frames that could not be read
    batches: int  # receives
    last_receive_ns: int  # CLOCK_MONOTONIC of the latest batch, 0 before the first

    def __new__(
        cls,
        fd: int,
        wake_fd: int,
        market: Market,
        server_version: int,
        leftover: builtins.bytes = b"",
    ) -> Self: ...
    @property
    def bytes(self) -> int:
        """Bytes received."""
    @property
    def pending(self) -> int:
        """Bytes of a frame that is not complete yet."""
    def set_clock(self, mono_anchor_ns: int, exchange_anchor_ns: int, rate: float = 1.0) -> None:
        """Tell the exchange's time: at ``mono_anchor_ns`` of CLOCK_MONOTONIC it was
        ``exchange_anchor_ns`` (UTC), and it runs ``rate`` times as fast. From now on every batch
        sets the market's clock; before, nothing does.

        Raises:
            ValueError: an anchor is negative, or the rate is not a finite number above 0.
        """
    def record(self, fd: int) -> None:
        """Copy what is received from now on to a file (see reader.pxd for the form); -1: stop.
        Not closed here."""
    def wait(self, timeout_ns: int) -> int:
        """Read until something concerns Python; the flags say what. Below 0: no time limit.

        Raises:
            OSError: a descriptor cannot be polled, or the wake-up descriptor was closed.
            RuntimeError: another thread is in a call of this reader.
            KeyboardInterrupt: or whatever a signal handler raises.
        """
    def feed(self, chunk: builtins.bytes, mono_ns: int = -1) -> int:
        """Process bytes from memory as if they had been received, as one batch; returns flags.
        ``mono_ns`` is when, on the clock of ``set_clock``; below 0: now, by CLOCK_MONOTONIC.

        Raises:
            RuntimeError: another thread is in a call of this reader.
        """
    def take(self) -> list[tuple[int, tuple[Any, ...]]]:
        """The queued messages in order of arrival, each with the CLOCK_MONOTONIC of its batch:
        order tuples (orders.pxd), ``("cold", id, is protobuf, body)``, ``("bad", reason, bytes)``.

        Raises:
            RuntimeError: another thread is in a call of this reader.
        """
