"""Bars by time; the rules are in bars.pxd."""

from libc.string cimport memcpy

import numpy as np

from _fast.types cimport NUMBER_MAX, SECOND_NS, TIME_MAX_NS

cdef Bar _probe
BAR_DTYPE = np.dtype({
    "names": ["time_ns", "open", "high", "low", "close", "volume", "count"],
    "formats": ["i8", "f8", "f8", "f8", "f8", "f8", "i8"],
    "offsets": [
        <char*>&_probe.time_ns - <char*>&_probe,
        <char*>&_probe.open - <char*>&_probe,
        <char*>&_probe.high - <char*>&_probe,
        <char*>&_probe.low - <char*>&_probe,
        <char*>&_probe.close - <char*>&_probe,
        <char*>&_probe.volume - <char*>&_probe,
        <char*>&_probe.count - <char*>&_probe,
    ],
    "itemsize": sizeof(Bar),
})
RING_BARS = BARS_MAX

assert sizeof(Bar) == 56


cdef void series_init(Series* series, int64_t interval_ns, Bar* ring, int32_t ring_max) noexcept nogil:
    series.current.time_ns = 0
    series.current.count = 0
    series.until_ns = 0
    series.interval_ns = interval_ns
    series.ring = ring
    series.ring_max = ring_max
    series.kept = series.next = series.covered = 0


cdef void series_extend(Series* series, const Bar* bar) noexcept nogil:
    keep(series, bar)
    series.current.time_ns = interval_start(bar.time_ns, series.interval_ns)
    series.until_ns = series.current.time_ns + series.interval_ns
    series.covered = 1


cdef void series_copy(const Series* series, Bar* out) noexcept nogil:
    cdef int32_t old = series.kept - series.next  # those behind `next` are the oldest
    if old > 0:
        memcpy(out, series.ring + series.ring_max - old, old * sizeof(Bar))
        memcpy(out + old, series.ring, series.next * sizeof(Bar))
    else:
        memcpy(out, series.ring, series.kept * sizeof(Bar))


cdef object history_of(object bars, int64_t interval_ns):
    given = np.asarray(bars)
    if given.ndim != 1 or given.dtype.names is None or not set(BAR_DTYPE.names) <= set(given.dtype.names):
        raise ValueError(f"history is a structured array with {', '.join(BAR_DTYPE.names)}")
    history = np.zeros(len(given), dtype=BAR_DTYPE)
    for name in BAR_DTYPE.names:
        history[name] = given[name]
    times = history["time_ns"]
    bad = np.flatnonzero((times <= 0) | (times >= TIME_MAX_NS))
    if len(bad):
        raise ValueError(f"bar {bad[0]} of the history has no time")
    times -= times % interval_ns
    bad = np.flatnonzero(np.diff(times) <= 0)
    if len(bad):
        raise ValueError(
            f"bar {bad[0] + 1} of the history is not later than the one before it "
            f"({interval_ns // SECOND_NS} second bars, each once, oldest first)"
        )
    low, high = history["low"], history["high"]
    sound = (low > 0) & (high < NUMBER_MAX)
    for name in ("open", "close"):
        sound &= (low <= history[name]) & (history[name] <= high)
    bad = np.flatnonzero(~sound)
    if len(bad):
        raise ValueError(f"bar {bad[0]} of the history has no four prices with low <= open, close <= high")
    return history


cdef class Bars:
    """Bars of one stream of trades, for use outside a Market (recorded trades, larger bars)."""

    def __cinit__(self, seconds=60, bars_max=RING_BARS):
        if seconds < 1:
            raise ValueError(f"a bar lasts at least one second, not {seconds}")
        if bars_max < 1:
            raise ValueError(f"at least one completed bar is kept, not {bars_max}")
        self.memory = np.zeros(bars_max, dtype=BAR_DTYPE)
        cdef Bar[::1] ring = self.memory
        series_init(&self.series, seconds * SECOND_NS, &ring[0], bars_max)

    def trade(self, int64_t time_ns, double price, double size=0.0):
        cdef Bar part
        if time_ns <= 0 or not price < float("inf") or not price > 0:
            raise ValueError(f"a trade has a time after 1970 and a price above 0, not {time_ns}, {price}")
        part.time_ns = time_ns
        part.open = part.high = part.low = part.close = price
        part.volume = size
        part.count = 1
        return merge(&self.series, &part) > MISSED

    def close(self, int64_t now_ns):
        if self.series.current.count == 0 or now_ns < self.series.until_ns:
            return False
        complete(&self.series)
        return True

    def completed(self):
        result = np.empty(self.series.kept, dtype=BAR_DTYPE)
        cdef Bar[::1] bars = result
        if self.series.kept:
            series_copy(&self.series, &bars[0])
        return result

    def in_progress(self):
        if self.series.current.count == 0:
            return None
        result = np.empty(1, dtype=BAR_DTYPE)
        cdef Bar[::1] bar = result
        bar[0] = self.series.current
        return result[0]
