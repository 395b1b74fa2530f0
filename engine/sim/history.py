"""Historical bars of the simulated market, built from the ticks that the exchange has played.

Completed five-second bars are kept, so a request costs bars and not ticks. Before its first
tick a market has no past: that part is a *simulated past*, a seeded walk backwards from the
first price with the scale of the first bars (0.1 % a minute while there are fewer than three),
so that a client can warm its indicators up. Its anchor and scale are fixed by the first request
and it reaches ``PAST_SESSIONS_MAX`` sessions back; it is made again for each request, kept never.
"""

from __future__ import annotations

import itertools
import math
import random
from collections.abc import Iterable, Iterator
from datetime import timedelta
from typing import Any, Final, Literal, get_args

import attrs
import numpy as np
from numpy.typing import NDArray

from _fast.past_bars import SERIES, PastBars
from engine.errors import ConfigError
from engine.inputs import Instrument
from engine.sim.instruments import local_time, session
from engine.sim.records import TickKind

What = Literal["TRADES", "MIDPOINT", "BID", "ASK"]
SECOND_NS: Final = 1_000_000_000
BASE_NS: Final = 5 * SECOND_NS
MINUTE_NS: Final = 60 * SECOND_NS
DAY_NS: Final = 86_400 * SECOND_NS
LATEST_NS: Final = 2**63 - 1
BASE_BARS_MAX: Final = 120_000  # of one series: about 25 regular sessions
PAST_SESSIONS_MAX: Final = 30
SESSIONS_KEPT: Final = 64  # with the bars of one size and series that were put together for them
DEFAULT_SCALE: Final = 0.001 / math.sqrt(60 / 5)  # 0.1 % a minute, per base bar
_SCALE_RANGE: Final = (0.000_01, 0.005)
_SCALE_BARS: Final = (3, 100)  # how many bars it takes to measure the scale, and how many are used
_TRADING_DAYS: Final = {"D": 1, "W": 5, "M": 21, "Y": 252}
_SIZES_S: Final = {
    **{f"{count} secs": count for count in (5, 10, 15, 30)},
    "1 min": 60,
    **{f"{count} mins": count * 60 for count in (2, 3, 5, 10, 15, 20, 30)},
    "1 hour": 3_600,
    **{f"{count} hours": count * 3_600 for count in (2, 3, 4, 8)},
    "1 day": 86_400,
}


@attrs.frozen(cache_hash=True)
class HistoryBar:
    """One bar; ``time_ns`` is its start. Volume and count are 0 for quotes."""

    time_ns: int
    open: float
    high: float
    low: float
    close: float
    volume: int
    average: float  # weighted by volume for trades, else the mean of the five-second closes
    count: int


@attrs.frozen
class Duration:
    """How far back a request reaches, in trading time: whole trading days, or nanoseconds."""

    days: int = 0
    length_ns: int = 0


def duration(text: str) -> Duration:
    """``"3600 S"``, ``"2 D"``, ``"1 W"``: seconds, days, weeks, months, years of trading.

    Raises:
        ConfigError: not a count above 0 and a unit of S, D, W, M, Y.
    """
    count, _, unit = text.strip().partition(" ")
    if count.isascii() and count.isdigit() and 0 < int(count) < 1_000_000:
        if unit == "S":
            return Duration(length_ns=int(count) * SECOND_NS)
        if unit in _TRADING_DAYS:
            return Duration(days=int(count) * _TRADING_DAYS[unit])
    raise ConfigError(f"duration {text!r}: state a count and one of S, D, W, M, Y")


def bar_size_ns(text: str) -> int:
    """``"5 secs"`` to ``"1 day"`` in nanoseconds. Raises ConfigError for any other size."""
    seconds = _SIZES_S.get(text.strip())
    if seconds is None:
        raise ConfigError(f"bar size {text!r}: expected one of {', '.join(_SIZES_S)}")
    return seconds * SECOND_NS


@attrs.frozen
class _Anchor:
    """Where the simulated past ends: time and price of the first bar, and the walk's scale."""

    time_ns: int
    price: float
    scale: float


class History:
    """The past of one instrument, real as far as the exchange has played it."""

    __slots__ = (
        "_anchor",
        "_calendar",
        "_finished",
        "_grouped",
        "_instrument",
        "_seed",
        "_walks",
        "played",
    )

    def __init__(self, instrument: Instrument, seed: int) -> None:
        self._instrument = instrument
        self._seed = seed
        self.played: Final = PastBars(BASE_NS, BASE_BARS_MAX)  # who plays many ticks adds to it
        self._anchor: _Anchor | None = None
        self._calendar: list[tuple[int, int]] = []
        self._walks: dict[tuple[Any, ...], tuple[list[HistoryBar], float]] = {}
        self._grouped: dict[tuple[Any, ...], list[HistoryBar]] = {}  # of whole walks
        # By series, session and size of bars: those that no tick changes any more, and up to when.
        self._finished: dict[tuple[int, int, int], tuple[list[HistoryBar], int]] = {}

    def add(self, time_ns: int, kind: TickKind, price: float, size: int) -> None:
        """Take one tick into the base bars."""
        self.played.add(time_ns, kind, price, size)

    def extend(
        self,
        times: NDArray[np.int64],
        kinds: NDArray[np.uint8],
        prices: NDArray[np.float64],
        sizes: NDArray[np.int64],
    ) -> None:
        """Many ticks; kinds are the letters' numbers."""
        self.played.extend(times, kinds, prices, sizes)

    def _live(self, series: int, start_ns: int, end_ns: int) -> list[HistoryBar]:
        """Base bars that were played; the last one may be unfinished."""
        rows = self.played.between(series, start_ns, end_ns)
        return list(itertools.starmap(HistoryBar, rows))

    def bars(
        self, end_ns: int, back: str, bar_size: str, what: str, regular_only: bool = True
    ) -> list[HistoryBar]:
        """Bars that begin before ``end_ns`` and at most ``back`` earlier, oldest first.

        ``back`` counts trading time, as at IB: "1 D" is the latest session, "3600 S" an hour of
        trading even when the session began a minute ago. The last bar may be unfinished.
        Without a tick of the kind there is nothing. ``regular_only`` leaves extended hours out.

        BID_ASK bars open with the average bid, close with the average ask, and reach from the
        lowest bid to the highest ask, as at IB.

        Raises:
            ConfigError: ``what`` is none of TRADES, MIDPOINT, BID, ASK, BID_ASK, or the duration
                or the bar size is not one of IB's.
        """
        if what == "BID_ASK":
            bids = self.bars(end_ns, back, bar_size, "BID", regular_only)
            asks = self.bars(end_ns, back, bar_size, "ASK", regular_only)
            return _both(bids, asks)
        if what not in SERIES:
            raise ConfigError(f"history of {what!r}: expected one of {', '.join(get_args(What))}")
        series = SERIES.index(what)
        reach, bar_ns = duration(back), bar_size_ns(bar_size)
        if not self.played.begun(series):
            return []
        anchor = self._anchored(series)
        spans = self._spans(end_ns, reach, anchor.time_ns)
        if not spans:
            return []
        found = self._simulated(spans, anchor, what == "TRADES", bar_ns)
        if not regular_only:
            spans = [(spans[0][0], spans[0][0], end_ns)]
        for start, opens, closes in spans:
            later = self._played(
                series, start, opens, min(closes, end_ns), bar_ns, keep=regular_only
            )
            if found and later and found[-1].time_ns == later[0].time_ns:
                # The bar in which the market began: half simulated, half played.
                later[0] = _merged(later[0].time_ns, [found.pop(), later[0]])
            found.extend(later)
        return found

    def schedule(self, end_ns: int, back: str) -> list[tuple[int, int]]:
        """(open, close) of each session that ``back`` covers before ``end_ns``, oldest first.
        A market without sessions has none. Raises ConfigError: ``back`` is no duration."""
        reach = duration(back)
        if not self._instrument.sessions:
            return []
        return [(opens, closes) for _, opens, closes in self._spans(end_ns, reach, 0)]

    def _anchored(self, series: int) -> _Anchor:
        """The end of the simulated past, decided once."""
        if self._anchor is None:
            least, most = _SCALE_BARS
            bars = self._live(series, 0, LATEST_NS)[:most]
            scale = DEFAULT_SCALE
            if len(bars) >= least:
                moves = [abs(math.log(bar.close / bar.open)) for bar in bars]
                scale = min(max(sum(moves) / len(moves), _SCALE_RANGE[0]), _SCALE_RANGE[1])
            self._anchor = _Anchor(bars[0].time_ns, bars[0].open, scale)
        return self._anchor

    def _spans(self, end_ns: int, reach: Duration, first_ns: int) -> list[tuple[int, int, int]]:
        """What ``reach`` covers before ``end_ns``: (start, session open, session close)."""
        if not self._instrument.sessions:
            back_ns = reach.length_ns or reach.days * DAY_NS
            start = max(end_ns - back_ns, first_ns - PAST_SESSIONS_MAX * DAY_NS)
            return [(start, start - start % DAY_NS, end_ns)]
        if not self._calendar:
            self._calendar = [
                *_earlier(self._instrument.sessions[0][0]),
                *self._instrument.sessions,
            ]
        open_before = [span for span in self._calendar if span[0] < end_ns]
        if reach.days:
            return [(opens, opens, closes) for opens, closes in open_before[-reach.days :]]
        found: list[tuple[int, int, int]] = []
        left_ns = reach.length_ns
        for opens, closes in reversed(open_before):
            until = min(closes, end_ns)
            start = max(opens, until - left_ns)
            found.append((start, opens, closes))
            left_ns -= until - start
            if left_ns <= 0:
                break
        return found[::-1]

    def _played(
        self, series: int, start: int, opens: int, until: int, bar_ns: int, keep: bool
    ) -> list[HistoryBar]:
        """Bars that were played, of one session. ``keep``: those of a whole session that are
        finished stay, and only what came after them is put together."""
        if not keep or start != opens or bar_ns < MINUTE_NS:
            return _grouped(self._live(series, start, until), opens, bar_ns)
        key = series, opens, bar_ns
        known, since = self._finished.get(key, ([], opens))
        if until <= since:
            known, since = [], opens
        later = _grouped(self._live(series, since, until), opens, bar_ns)
        found = [*known, *later]
        if len(later) > 1:
            while len(self._finished) >= SESSIONS_KEPT and key not in self._finished:
                del self._finished[next(iter(self._finished))]
            self._finished[key] = found[:-1], later[-1].time_ns
        return found

    def _simulated(
        self, spans: list[tuple[int, int, int]], anchor: _Anchor, traded: bool, bar_ns: int
    ) -> list[HistoryBar]:
        """Bars of the part of ``spans`` that lies before the first tick."""
        if self._instrument.sessions:
            wanted = {opens: start for start, opens, _ in spans}
            walked = [span for span in self._calendar if span[0] < anchor.time_ns]
            walked = [span for span in walked[-PAST_SESSIONS_MAX:] if span[0] >= spans[0][1]]
        else:
            wanted = {spans[0][1]: spans[0][0]}
            walked = [(spans[0][1], anchor.time_ns)]
        price, found = anchor.price, list[list[HistoryBar]]()
        for opens, closes in reversed(walked):
            key = opens, min(closes, anchor.time_ns), price, anchor.scale, traded
            minutes, price = self._walk(*key)
            if wanted.get(opens) == opens:
                found.append(self._whole(minutes, (*key, bar_ns), opens, bar_ns))
            elif opens in wanted:
                part = [bar for bar in minutes if bar.time_ns >= wanted[opens]]
                found.append(_of_minutes(part, opens, bar_ns))
        return list(itertools.chain.from_iterable(reversed(found)))

    def _whole(
        self, minutes: list[HistoryBar], key: tuple[Any, ...], opens: int, bar_ns: int
    ) -> list[HistoryBar]:
        """Bars of a whole walk, which stay, too."""
        known = self._grouped.get(key)
        if known is None:
            known = _of_minutes(minutes, opens, bar_ns)
            if bar_ns >= MINUTE_NS:
                self._grouped[key] = known
        return known

    def _walk(
        self, opens: int, until: int, price: float, scale: float, traded: bool
    ) -> tuple[list[HistoryBar], float]:
        """Minute bars from ``opens`` to ``until`` that end at ``price``, and their first open. The
        past is asked for again and again, and stays."""
        key = opens, until, price, scale, traded
        known = self._walks.get(key)
        if known is None:
            known = self._walks[key] = self._walked(*key)
        return known

    def _walked(
        self, opens: int, until: int, price: float, base_scale: float, traded: bool
    ) -> tuple[list[HistoryBar], float]:
        stream = random.Random(f"past/{self._seed}/{self._instrument.symbol}/{opens}")
        scale = base_scale * math.sqrt(MINUTE_NS / BASE_NS)
        bars = []
        start = until - until % MINUTE_NS - MINUTE_NS
        while start >= opens:
            close = price
            price = max(round(close * math.exp(stream.gauss(0.0, scale)), 2), 0.01)
            swing = abs(stream.gauss(0.0, scale / 2)) * close
            high = round(max(close, price) + swing, 2)
            low = max(round(min(close, price) - swing, 2), 0.01)
            lots = 12 + int(stream.expovariate(0.01))
            volume, count = (lots * 100, lots) if traded else (0, 0)
            middle = (high + low + close) / 3
            bars.append(HistoryBar(start, price, high, low, close, volume, middle, count))
            start -= MINUTE_NS
        return bars[::-1], price


def _split(minutes: Iterable[HistoryBar]) -> Iterator[HistoryBar]:
    """Five-second bars of simulated minutes: a straight way from open by way of the low and the
    high to the close, so that they add up to the minute again."""
    parts = MINUTE_NS // BASE_NS
    for bar in minutes:
        stops = [bar.open, bar.low, bar.high, bar.close]
        way = [
            round(stops[leg] + (stops[leg + 1] - stops[leg]) * step / (parts // 3), 2)
            for leg in range(3)
            for step in range(parts // 3)
        ] + [bar.close]
        for part in range(parts):
            first, last = way[part], way[part + 1]
            volume = bar.volume // parts + (bar.volume % parts if part == 0 else 0)
            count = bar.count // parts + (bar.count % parts if part == 0 else 0)
            yield HistoryBar(
                bar.time_ns + part * BASE_NS,
                first,
                max(first, last),
                min(first, last),
                last,
                volume,
                (first + last) / 2,
                count,
            )


def _earlier(first_open_ns: int) -> list[tuple[int, int]]:
    """The weekdays before the first known session, for the simulated past."""
    day = local_time(first_open_ns).date()
    found: list[tuple[int, int]] = []
    while len(found) < PAST_SESSIONS_MAX:
        day -= timedelta(days=1)
        if day.weekday() < 5:
            found.append(session(day))
    return found[::-1]


def _of_minutes(minutes: list[HistoryBar], opens: int, bar_ns: int) -> list[HistoryBar]:
    return _grouped(minutes if bar_ns >= MINUTE_NS else _split(minutes), opens, bar_ns)


def _grouped(bars: Iterable[HistoryBar], opens: int, bar_ns: int) -> list[HistoryBar]:
    """Base bars of one session as bars of ``bar_ns``; the first begins with the session."""
    found: list[HistoryBar] = []
    label, members = 0, list[HistoryBar]()
    for bar in bars:
        start = opens if bar_ns >= DAY_NS else bar.time_ns - bar.time_ns % bar_ns
        if start < opens <= bar.time_ns:
            start = opens
        if members and start != label:
            found.append(_merged(label, members))
            members = []
        label = start
        members.append(bar)
    if members:
        found.append(_merged(label, members))
    return found


def _both(bids: list[HistoryBar], asks: list[HistoryBar]) -> list[HistoryBar]:
    """Bars of both sides of the quote, where both have one."""
    by_time = {bar.time_ns: bar for bar in asks}
    pairs = ((bid, by_time[bid.time_ns]) for bid in bids if bid.time_ns in by_time)
    return [
        HistoryBar(
            bid.time_ns,
            bid.average,
            ask.high,
            bid.low,
            ask.average,
            0,
            (bid.average + ask.average) / 2,
            0,
        )
        for bid, ask in pairs
    ]


def _merged(start: int, bars: list[HistoryBar]) -> HistoryBar:
    volume = sum(bar.volume for bar in bars)
    if volume:
        average = sum(bar.average * bar.volume for bar in bars) / volume
    else:
        average = sum(bar.average for bar in bars) / len(bars)
    return HistoryBar(
        start,
        bars[0].open,
        max(bar.high for bar in bars),
        min(bar.low for bar in bars),
        bars[-1].close,
        volume,
        average,
        sum(bar.count for bar in bars),
    )
