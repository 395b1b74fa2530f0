"""What indicators remember; see windows.pxd."""

from cpython.number cimport PyNumber_Index
from libc.math cimport isnan
from libc.stdint cimport int64_t, uint64_t
from libc.stdlib cimport free, malloc

PERIODS_MAX = PERIOD_MAX


cdef int32_t period_of(object period, str what) except -1:
    cdef int64_t given
    try:
        given = PyNumber_Index(period)
    except OverflowError:
        given = 0
    if not 1 <= given <= PERIOD_MAX:
        raise ValueError(f"{what} period is 1 to {PERIOD_MAX} bars, not {period}")
    return <int32_t>given


cdef double sum_of(const double* newest, int32_t count, double anchor) noexcept nogil:
    # Four sums side by side: one addition need not wait for the one before it.
    cdef const double* at = newest - count + 1
    cdef double[4] sums
    cdef int32_t i
    sums[0] = sums[1] = sums[2] = sums[3] = 0.0
    for i in range(0, count - 3, 4):
        sums[0] += at[i] - anchor
        sums[1] += at[i + 1] - anchor
        sums[2] += at[i + 2] - anchor
        sums[3] += at[i + 3] - anchor
    for i in range(count - count % 4, count):
        sums[0] += at[i] - anchor
    return (sums[0] + sums[1]) + (sums[2] + sums[3])


cdef int recent_init(Recent* recent, int32_t period) except -1:
    recent.period = period
    recent.next = 0
    recent.room = 2 * period + RECENT_SPARE
    recent.values = <double*>malloc(recent.room * sizeof(double))
    if recent.values is NULL:
        raise MemoryError
    return 0


cdef int extremes_init(Extremes* at, int32_t period) except -1:
    at.warm.need = period
    at.tops = <double*>malloc(2 * period * sizeof(double))
    if at.tops is NULL:
        raise MemoryError
    at.bottoms = at.tops + period
    extremes_reset(at)
    return 0


cdef void extremes_reset(Extremes* at) noexcept nogil:
    at.warm.run = at.lap = 0
    at.top = -INFINITY
    at.bottom = INFINITY
    at.highest = at.lowest = NAN


cdef void extremes_free(Extremes* at) noexcept nogil:
    free(at.tops)
    at.tops = NULL


cdef void note_ends(
    double* tops, double* bottoms, const double* high, const double* low, int32_t count
) noexcept nogil:
    cdef double top = -INFINITY
    cdef double bottom = INFINITY
    cdef int32_t i
    for i in range(count - 1, -1, -1):
        top = top if top > high[i + 1 - count] else high[i + 1 - count]
        bottom = bottom if bottom < low[i + 1 - count] else low[i + 1 - count]
        tops[i] = top
        bottoms[i] = bottom


cdef void lap_run(
    Extremes* at, const double* high, const double* low,
    double* highest, double* lowest, Py_ssize_t n,
) noexcept nogil:
    """The next n of a lap, but not its end, all of them numbers."""
    cdef double top = at.top
    cdef double bottom = at.bottom
    cdef const double* tops = at.tops + at.lap
    cdef const double* bottoms = at.bottoms + at.lap
    cdef Py_ssize_t i
    for i in range(n):
        top = top if top > high[i] else high[i]
        bottom = bottom if bottom < low[i] else low[i]
        highest[i] = top if top > tops[i] else tops[i]
        lowest[i] = bottom if bottom < bottoms[i] else bottoms[i]
    at.top = top
    at.bottom = bottom
    at.lap += <int32_t>n


cdef void extremes_run(
    Extremes* at, const double* high, const double* low, const double* rest,
    double* highest, double* lowest, Py_ssize_t n,
) noexcept nogil:
    cdef uint64_t found = 0
    cdef Py_ssize_t i, size
    for i in range(n):
        found |= oddity(high[i] + low[i] + rest[i])
    i = 0
    while i < n:
        if not found and at.warm.run == at.warm.need:
            size = min(n - i, <Py_ssize_t>(at.warm.need - 1 - at.lap))
            lap_run(at, high + i, low + i, highest + i, lowest + i, size)
            i += size
            if i == n:
                return
        highest[i] = lowest[i] = NAN
        if extremes_step(at, high + i, low + i, rest[i]):
            highest[i] = at.highest
            lowest[i] = at.lowest
        i += 1


cdef class Stream:
    """What every stream has: ``ready`` after ``warmup`` inputs in a row that are numbers."""

    @property
    def ready(self):
        return self.shown is not NULL and not isnan(self.shown[0])
