# Bars by time, aligned to multiples of the interval since the epoch, from a stream of samples.
#
# The current interval is that of the bar in progress or, when there is none, of the newest bar
# completed. A sample of a later interval completes the bar in progress and opens its own; one of
# an older interval is LATE; one of the current interval that finds the bar already completed (by
# the clock, or because history covered it) is MISSED. Intervals without a sample have no bar.
# Completed bars are kept in a ring, the oldest overwritten.

from libc.stdint cimport int32_t, int64_t

cdef enum:
    BARS_MAX = 512             # default size of the ring

cdef enum Taken:
    LATE = -1                  # nothing changed: older than the current interval
    MISSED = 0                 # nothing changed: its bar is complete
    MERGED = 1
    OPENED = 2                 # a new bar, no bar was in progress
    COMPLETED = 3              # a new bar, and the previous one was completed

cdef struct Bar:
    int64_t time_ns            # start of the interval
    double open
    double high
    double low
    double close
    double volume
    int64_t count              # samples merged

cdef struct Series:            # what a sample touches fills the first cache line
    Bar current                # count 0: none in progress; time_ns is the current interval anyway
    int64_t until_ns           # end of the current interval
    int64_t interval_ns
    Bar* ring
    int32_t ring_max
    int32_t kept               # completed bars in the ring
    int32_t next               # where the next completed bar goes
    int32_t covered            # the newest completed bar came from history

cdef inline int64_t interval_start(int64_t time_ns, int64_t interval_ns) noexcept nogil:
    return time_ns - time_ns % interval_ns  # times are after 1970, so truncation is the floor

cdef inline Bar* newest(Series* series) noexcept nogil:
    return &series.ring[(series.next if series.next else series.ring_max) - 1]

cdef inline void keep(Series* series, const Bar* bar) noexcept nogil:
    series.ring[series.next] = bar[0]
    series.next += 1
    if series.next == series.ring_max:
        series.next = 0
    if series.kept < series.ring_max:
        series.kept += 1

# The bar in progress becomes the newest completed one.
cdef inline void complete(Series* series) noexcept nogil:
    keep(series, &series.current)
    series.current.count = 0
    series.covered = 0

# Merge a bar (a single trade has four equal prices). After COMPLETED, `newest` is the bar that
# was completed. time_ns > 0.
cdef inline Taken merge(Series* series, const Bar* part) noexcept nogil:
    cdef Bar* bar = &series.current
    cdef Taken taken = OPENED
    if part.time_ns < series.until_ns:
        if part.time_ns < bar.time_ns:
            return LATE
        if bar.count == 0:
            return MISSED
        if part.high > bar.high:
            bar.high = part.high
        if part.low < bar.low:
            bar.low = part.low
        bar.close = part.close
        bar.volume += part.volume
        bar.count += part.count
        return MERGED
    if bar.count:
        complete(series)
        taken = COMPLETED
    bar[0] = part[0]
    bar.time_ns = interval_start(part.time_ns, series.interval_ns)
    series.until_ns = bar.time_ns + series.interval_ns
    return taken

# `ring` has room for `ring_max` bars and outlives the series.
cdef void series_init(Series* series, int64_t interval_ns, Bar* ring, int32_t ring_max) noexcept nogil
# Append a completed bar of history, later than everything in the series; none is in progress.
cdef void series_extend(Series* series, const Bar* bar) noexcept nogil
# Oldest first into `out`, which has room for series.kept bars.
cdef void series_copy(const Series* series, Bar* out) noexcept nogil

# The same bars with aligned times, as BAR_DTYPE. Raises ValueError for what would spoil an
# indicator: an array without those fields, times absent or not ascending, prices out of order.
cdef object history_of(object bars, int64_t interval_ns)

cdef class Bars:
    cdef Series series
    cdef object memory
