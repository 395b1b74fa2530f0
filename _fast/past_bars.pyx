"""Five-second bars of played ticks; see past_bars.pxd."""

cimport cython
from libc.stdint cimport int64_t, uint8_t
from libc.stdlib cimport free, realloc
from libc.string cimport memmove

SERIES = ("TRADES", "MIDPOINT", "BID", "ASK")

cdef enum:
    TRADES = 0
    MIDPOINT = 1
    BIDS = 2
    ASKS = 3
    ROOM_AT_FIRST = 512
    SURPLUS = 4                # a part of the most, until it is worth the while to move the others


cdef int begin(
    PastSeries* series, int64_t time_ns, double price, int64_t base_ns, Py_ssize_t bars_max
) except -1:
    cdef Py_ssize_t room = series.room
    cdef PastBar* done
    if series.end_ns:
        if series.kept >= bars_max + bars_max // SURPLUS + 1:
            memmove(
                series.done, &series.done[series.kept - bars_max], bars_max * sizeof(PastBar)
            )
            series.kept = bars_max
        if series.kept == room:
            room = 2 * room if room else ROOM_AT_FIRST
            done = <PastBar*>realloc(series.done, room * sizeof(PastBar))
            if done is NULL:
                raise MemoryError
            series.done = done
            series.room = room
        series.done[series.kept] = finished(series)
        series.kept += 1
    series.current.time_ns = time_ns - time_ns % base_ns
    series.end_ns = series.current.time_ns + base_ns
    series.current.open = series.current.high = series.current.low = price
    series.current.volume = series.current.count = 0
    series.value = 0.0
    return 0


cdef inline PastBar finished(PastSeries* series) noexcept:
    cdef PastBar bar = series.current
    bar.average = series.value / bar.volume if bar.volume else bar.close
    return bar


cdef inline int add(
    PastSeries* series, int64_t time_ns, double price, int64_t size, int64_t count,
    int64_t base_ns, Py_ssize_t bars_max,
) except -1:
    cdef PastBar* bar = &series.current
    if time_ns >= series.end_ns:
        begin(series, time_ns, price, base_ns, bars_max)
    elif price > bar.high:
        bar.high = price
    elif price < bar.low:
        bar.low = price
    bar.close = price
    bar.volume += size
    bar.count += count
    series.value += price * size
    return 0


cdef tuple row_of(const PastBar* bar):
    return (
        bar.time_ns, bar.open, bar.high, bar.low, bar.close, bar.volume, bar.average, bar.count
    )


@cython.final
cdef class PastBars:
    """Four series of one instrument."""

    def __cinit__(self, int64_t base_ns, Py_ssize_t bars_max):
        if base_ns <= 0 or bars_max <= 0:
            raise ValueError(f"{bars_max} bars of {base_ns} ns: both are above 0")
        self.base_ns = base_ns
        self.bars_max = bars_max

    def __dealloc__(self):
        cdef int i
        for i in range(4):
            free(self.series[i].done)

    cdef int take_in(self, int64_t time_ns, uint8_t kind, double price, int64_t size) except -1:
        if kind == 84:
            return self.put(TRADES, time_ns, price, size, 1)
        if kind == 66:
            self.bid = price
            self.put(BIDS, time_ns, price, 0, 0)
        else:
            self.ask = price
            self.put(ASKS, time_ns, price, 0, 0)
        if self.bid != 0.0 and self.ask != 0.0:
            self.put(MIDPOINT, time_ns, (self.bid + self.ask) / 2.0, 0, 0)
        return 0

    cdef int put(
        self, int series, int64_t time_ns, double price, int64_t size, int64_t count
    ) except -1:
        cdef Py_ssize_t most = self.bars_max
        return add(&self.series[series], time_ns, price, size, count, self.base_ns, most)

    def add(self, int64_t time_ns, str kind not None, double price, int64_t size):
        if kind not in ("B", "A", "T"):
            raise ValueError(f"a tick is B, A or T, not {kind!r}")
        self.take_in(time_ns, <uint8_t>ord(kind), price, size)

    def extend(
        self, const int64_t[::1] times, const uint8_t[::1] kinds, const double[::1] prices,
        const int64_t[::1] sizes,
    ):
        cdef Py_ssize_t i
        if not (times.shape[0] == kinds.shape[0] == prices.shape[0] == sizes.shape[0]):
            raise ValueError("the columns are of equal length")
        for i in range(times.shape[0]):
            self.take_in(times[i], kinds[i], prices[i], sizes[i])

    def begun(self, int series):
        return self.one(series).end_ns > 0

    def between(self, int series, int64_t start_ns, int64_t end_ns):
        cdef PastSeries* found = self.one(series)
        cdef Py_ssize_t low = 0, high = found.kept, middle
        cdef PastBar bar
        rows = []
        while low < high:
            middle = (low + high) // 2
            if found.done[middle].time_ns < start_ns:
                low = middle + 1
            else:
                high = middle
        while low < found.kept and found.done[low].time_ns < end_ns:
            rows.append(row_of(&found.done[low]))
            low += 1
        if found.end_ns and start_ns <= found.current.time_ns < end_ns:
            bar = finished(found)
            rows.append(row_of(&bar))
        return rows

    def kept(self, int series):
        return self.one(series).kept

    cdef PastSeries* one(self, int series) except NULL:
        if not 0 <= series < 4:
            raise IndexError(f"series {series} is not one of {len(SERIES)}")
        return &self.series[series]
