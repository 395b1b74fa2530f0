"""Average true range, streaming and over arrays; formulas in indicators.pxd."""

from libc.math cimport NAN, isnan
from libc.stdlib cimport free, malloc

import numpy as np

cdef enum:
    BLOCK = 256

MEANS = {"wilder": WILDER, "simple": SIMPLE}


cdef int atr_init(AtrState* atr, object period, object mean) except -1:
    atr.ranges = NULL
    if not 1 <= period <= PERIOD_MAX:
        raise ValueError(f"atr period is 1 to {PERIOD_MAX} bars, not {period}")
    if mean not in MEANS:
        raise ValueError(f"atr mean is wilder or simple, not {mean!r}")
    atr.period = period
    atr.mean = MEANS[mean]
    if atr.mean == SIMPLE:
        atr.ranges = <double*>malloc(atr.period * sizeof(double))
        if atr.ranges is NULL:
            raise MemoryError
    atr_reset(atr)
    return 0


cdef void atr_reset(AtrState* atr) noexcept nogil:
    atr.value = NAN
    atr.value_before = NAN
    atr.previous_close = NAN
    atr.previous_range = NAN
    atr.sum = 0.0
    atr.seen = -1
    atr.next = 0


cdef void atr_free(AtrState* atr) noexcept nogil:
    free(atr.ranges)
    atr.ranges = NULL


cdef class Atr:
    """ATR fed bar by bar; ``push`` returns the value, NaN until ``period`` + 1 bars are in."""

    def __cinit__(self, period=14, mean="wilder"):
        atr_init(&self.state, period, mean)

    def __dealloc__(self):
        atr_free(&self.state)

    @property
    def value(self):
        return self.state.value

    @property
    def ready(self):
        return atr_ready(&self.state)

    def push(self, double high, double low, double close):
        atr_push(&self.state, high, low, close)
        return self.state.value


cdef void wilder_run(
    AtrState* atr, const double* high, const double* low, const double* close,
    double* values, Py_ssize_t start, Py_ssize_t n,
) noexcept nogil:
    """The rest of an array once two values exist: wilder_push, term by term.

    In blocks, so that the true ranges and what they add are computed several at a time and only
    the recurrence itself is one after the other. The arithmetic is that of wilder_step.
    """
    cdef double gain = 1.0 / atr.period
    cdef double keep = (atr.period - 1.0) / atr.period
    cdef double keep_gain = keep * gain
    cdef double keep_keep = keep * keep
    cdef double before = atr.value_before
    cdef double value = atr.value
    cdef double fresh
    cdef double[BLOCK + 1] ranges  # [0] is the last one of the block before
    cdef double[BLOCK] added
    cdef Py_ssize_t i, size
    ranges[0] = atr.previous_range
    while start < n:
        size = min(n - start, <Py_ssize_t>BLOCK)
        for i in range(size):
            ranges[i + 1] = true_range(high[start + i], low[start + i], close[start + i - 1])
        for i in range(size):
            added[i] = keep_gain * ranges[i] + gain * ranges[i + 1]
        for i in range(size):
            fresh = keep_keep * before + added[i]
            before = value
            value = fresh
            values[start + i] = fresh
        ranges[0] = ranges[size]
        start += size


def atr(high, low, close, period=14, mean="wilder"):
    cdef const double[::1] highs = np.ascontiguousarray(high, dtype=np.float64)
    cdef const double[::1] lows = np.ascontiguousarray(low, dtype=np.float64)
    cdef const double[::1] closes = np.ascontiguousarray(close, dtype=np.float64)
    cdef Py_ssize_t n = highs.shape[0]
    cdef Py_ssize_t i = 0
    if lows.shape[0] != n or closes.shape[0] != n:
        raise ValueError(
            f"high, low and close are of equal length, not {n}, {lows.shape[0]}, {closes.shape[0]}"
        )
    cdef Atr stream = Atr(period, mean)
    cdef AtrState state = stream.state  # a local copy: the compiler may keep it in registers
    result = np.empty(n)
    cdef double[::1] values = result
    with nogil:
        while i < n:
            atr_push(&state, highs[i], lows[i], closes[i])
            values[i] = state.value
            i += 1
            if state.mean == WILDER and not isnan(state.value_before):
                wilder_run(&state, &highs[0], &lows[0], &closes[0], &values[0], i, n)
                break
    return result
