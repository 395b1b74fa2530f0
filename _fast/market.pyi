from collections.abc import Iterable
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

_Operand = tuple[str, tuple[float, ...], int]
"""An indicator's family, its parameters, and which of its lines."""

class Market:
    """State of all instruments, fed by decoded messages; one thread owns it.

    ``capacity`` instruments of 512 bytes each, plus ``bars_max`` completed bars of 56 bytes
    each, which cost memory only as bars complete: 512 unless told otherwise, or as many as fit
    into 64 MB for all of them. Request ids are below ``requests_max``.

    Raises:
        ValueError: a bound below 1 or above 2**30.
    """

    def __init__(
        self,
        capacity: int = 1024,
        requests_max: int = 1048576,
        bars_max: int | None = None,
        conditions_max: int = 131072,
    ) -> None: ...
    @property
    def capacity(self) -> int: ...
    @property
    def requests_max(self) -> int: ...
    @property
    def bars_max(self) -> int: ...
    @property
    def conditions_max(self) -> int: ...
    @property
    def count(self) -> int:
        """Instruments added."""
    @property
    def conditions(self) -> int:
        """Conditions that exist."""
    @property
    def fired(self) -> int:
        """Fires not yet drained."""
    @property
    def unbound(self) -> int:
        """Messages dropped because their request id has no row."""
    @property
    def refused(self) -> int:
        """Fires put off because the undrained ones filled their buffer; retried per message."""
    @property
    def bad_times(self) -> int:
        """Messages dated over a day ahead of the clock, or beyond 2116; taken as of now."""
    @property
    def bad_bars(self) -> int:
        """Real-time bars dropped: no four prices with low <= open, close <= high."""
    @property
    def late_trades(self) -> int:
        """Trades that came after their bar was complete, of all instruments."""
    @property
    def clock(self) -> int:
        """Exchange time in ns for messages that carry none; 0 until set."""
    @property
    def instruments(self) -> NDArray[np.void]:
        """The live columns, not a copy: read-only, shape (count,), instruments.INSTRUMENT_DTYPE."""

    def add(
        self,
        bar_seconds: int = 60,
        atr_period: int = 14,
        atr_mean: Literal["wilder", "simple"] = "wilder",
        trades_from: int = 0,
    ) -> int:
        """A new instrument; returns its row. ``trades_from`` feeds bars: 0 LAST, 1 TRADE, 2 BAR.

        Raises:
            ValueError: the market is full, or an argument is out of range.
        """
    def feed_from(self, row: int, trades_from: int) -> None:
        """Another source of trades feeds the bars of ``row`` from now on: 0 LAST, 1 TRADE.

        Raises:
            ValueError: it is neither.
            IndexError: there is no such row.
        """
    def bind(self, request_id: int, row: int) -> None:
        """Messages of ``request_id`` belong to ``row``; several requests may feed one row.

        Raises:
            ValueError: the id is negative or not below ``requests_max``.
            IndexError: there is no such row.
        """
    def unbind(self, request_id: int) -> None:
        """Drop and count messages of ``request_id`` from now on; unknown ids are fine."""
    def set_clock(self, exchange_ns: int) -> None:
        """Exchange time for messages that carry none; earlier than before: no effect."""
    def apply_tick(
        self,
        request_id: int,
        kind: int,
        price: float,
        size: float,
        time_ns: int = 0,
        *,
        price2: float = ...,
        size2: float = ...,
        mask: int = 0,
    ) -> int:
        """Apply one message as if decoded (``kind`` of ticks.KINDS); returns conditions fired."""
    def apply_bar(
        self,
        request_id: int,
        time_ns: int,
        open: float,  # noqa: A002
        high: float,
        low: float,
        close: float,
        volume: float,
    ) -> int:
        """A real-time bar of five seconds that starts at ``time_ns``; returns conditions fired.

        Volume 0 means that nothing traded in it, below 0 that volume is not reported.
        """
    def close_bars(self, now_ns: int) -> int:
        """Complete each bar whose interval ended at or before ``now_ns``; returns how many.

        Sets the clock. Bars from real-time bars wait five seconds longer for their last part.
        """
    def view(
        self, row: int
    ) -> tuple[float | None, float | None, float | None, int, int, float | None, int, int, int]:
        """(bid, ask, last, quote_ns, trade_ns, atr, halted, data_type, shortable); None: no
        value. shortable: 0 unknown, 1 no, 2 if shares are located, 3 yes."""
    def bars(self, row: int) -> NDArray[np.void]:
        """Completed bars, oldest first, at most ``bars_max``: a copy, dtype bars.BAR_DTYPE."""
    def bar_in_progress(self, row: int) -> np.void | None:
        """A copy of the bar in progress, None when there is none."""
    def warm(self, row: int, bars: ArrayLike) -> None:
        """Feed completed historical bars (dtype with the fields of BAR_DTYPE) to bars and ATR.

        History wins over bars seen live in the same intervals; live bars after it are kept and
        the ATR is computed anew over all. Trades that still come for the interval of the newest
        historical bar are taken to be in it: they change ``last``, and no bar. Do not pass a bar
        whose interval is not over.

        Raises:
            ValueError: times not ascending, two bars in one interval, or prices out of order;
                nothing has changed then.
        """
    def when(
        self,
        row: int,
        column: str,
        op: Literal["above", "below", "over", "under"],
        level: float,
        fire_if_true: bool = False,
    ) -> int:
        """A condition on a column (conditions.COLUMNS); returns its id, never used twice.

        ``above`` is value >= level, ``below`` value <= level, ``over`` and ``under`` the same
        without the level itself; NaN is none of them. It fires when it
        becomes true, and again only after having been false. True already: it waits to become
        false first, or fires at once with ``fire_if_true``.

        Raises:
            ValueError: unknown column or op, level not finite, or ``conditions_max`` reached.
        """
    def when_study(
        self,
        row: int,
        left: str | _Operand,
        op: Literal["above", "below", "over", "under"],
        right: float | _Operand,
        fire_if_true: bool = False,
    ) -> int:
        """A condition on an indicator that the row follows; returns its id as ``when`` does.

        Either ``left`` is a column, and ``right`` the indicator at which its level is, from bar
        to bar anew; or ``left`` is an indicator, judged against another or a level as each bar
        completes. What is true as soon as both sides are numbers has not become true; with
        ``fire_if_true`` it fires.

        Raises:
            ValueError: an operand is neither, the indicator is not followed or has no such line,
                unknown column or op, level not finite, or ``conditions_max`` reached.
        """
    def follow(self, row: int, wanted: Iterable[tuple[str, tuple[float, ...]]]) -> None:
        """Keep these indicators (studies.FAMILIES and parameters) and no others up with the bars.

        One that was followed goes on; a new one takes what is kept of the completed bars.

        Raises:
            ValueError: no such indicator or parameters, or a condition reads one that is left
                out; nothing has changed then.
        """
    def studies(self, row: int) -> list[tuple[tuple[float, ...], tuple[float, ...], int, int]]:
        """(values, values of the bar before, bars taken, bars needed) of each indicator, in the
        order in which ``follow`` first named them; NaN where it is not warm."""
    def drop(self, condition_id: int) -> None:
        """Remove a condition; a fire that is already pending stays.

        Raises:
            KeyError: there is no such condition.
        """
    def fires(self) -> list[tuple[int, int, float, int]]:
        """Drain the fires, oldest first: (condition_id, row, value, time_ns)."""

def replay(
    market: Market,
    request_ids: NDArray[np.int32],
    kinds: NDArray[np.int32],
    prices: NDArray[np.float64],
    sizes: NDArray[np.float64],
    times: NDArray[np.int64],
    start: int = 0,
    stop_on_fire: bool = False,
) -> int:
    """Apply recorded messages without the GIL, from index ``start`` on.

    Each time sets the clock and dates its message. Returns the index after the last message
    applied: the length, or behind the one that fired with ``stop_on_fire``.

    Raises:
        ValueError: lengths differ, arrays not contiguous or of another type, ``start`` outside.
    """
