"""True range and its average, streaming and over arrays; formulas in ranges.pxd."""

from libc.stdint cimport uint64_t
from libc.stdlib cimport free, malloc

from _fast.arrays cimport over
from _fast.averages cimport sma_close, sma_init, sma_open, sma_run, smooth_run, wilder_init
from _fast.windows cimport oddity, period_of

cdef enum:
    BLOCK = 256

MEANS = {"wilder": WILDER, "simple": SIMPLE}


cdef int atr_init(AtrState* at, object period, object mean) except -1:
    cdef int32_t n
    at.simple = NULL
    n = period_of(period, "atr")
    if mean not in MEANS:
        raise ValueError(f"atr mean is wilder or simple, not {mean!r}")
    wilder_init(&at.smooth, n)
    at.previous_close = NAN
    if MEANS[mean] == SIMPLE:
        at.simple = <SmaState*>malloc(sizeof(SmaState))
        if at.simple is NULL:
            raise MemoryError
        sma_init(at.simple, n)
        try:
            sma_open(at.simple, n)
        except MemoryError:
            atr_free(at)
            raise
    return 0


cdef void atr_reset(AtrState* at) noexcept nogil:
    at.smooth.warm.run = 0
    at.previous_close = NAN
    if at.simple is not NULL:
        at.simple.warm.run = 0


cdef void atr_free(AtrState* at) noexcept nogil:
    if at.simple is not NULL:
        sma_close(at.simple)
        free(at.simple)
        at.simple = NULL


cdef class TrueRange(Stream):
    """True range, bar by bar."""

    def __cinit__(self):
        self.warmup = 2
        self.shown = &self.value
        self.reset()

    def push(self, double high, double low, double close):
        self.value = range_push(&self.previous_close, high, low, close)
        return self.value

    def reset(self):
        self.previous_close = self.value = NAN


cdef class Atr(Stream):
    """Average true range, bar by bar."""

    def __cinit__(self, period=14, mean="wilder"):
        atr_init(&self.state, period, mean)
        self.warmup = self.state.smooth.warm.need + 1
        self.shown = &self.value
        self.value = NAN

    def __dealloc__(self):
        atr_free(&self.state)

    def push(self, double high, double low, double close):
        self.value = atr_push(&self.state, high, low, close)
        return self.value

    def reset(self):
        atr_reset(&self.state)
        self.value = NAN


cdef bint ranges_run(
    const double* high, const double* low, const double* close, double* out, Py_ssize_t n
) noexcept nogil:
    """True ranges of n bars, each with one before it; false if something is no number."""
    cdef double previous_close = NAN
    cdef double tr = range_push(&previous_close, (high - 1)[0], (low - 1)[0], (close - 1)[0])
    cdef uint64_t found = oddity(previous_close) | oddity(close[n - 1])
    cdef Py_ssize_t i
    for i in range(n):
        tr = range_from(high[i], low[i], close[i - 1])
        found |= oddity(range_check(high[i], tr))
        out[i] = tr
    return found == 0


cdef void true_range_over(void* state, const double** x, double** out, Py_ssize_t n) noexcept nogil:
    cdef double previous_close = NAN
    cdef Py_ssize_t i
    if n > 1 and ranges_run(x[0] + 1, x[1] + 1, x[2] + 1, out[0] + 1, n - 1):
        out[0][0] = NAN
        return
    for i in range(n):
        out[0][i] = range_push(&previous_close, x[0][i], x[1][i], x[2][i])


cdef void wilder_over(void* state, const double** x, double** out, Py_ssize_t n) noexcept nogil:
    """In blocks, so that the true ranges are computed several at a time."""
    cdef AtrState* at = <AtrState*>state
    cdef double[BLOCK] ranges
    cdef Py_ssize_t i = 0
    cdef Py_ssize_t end
    while i < n:
        end = min(n, i + <Py_ssize_t>BLOCK) if i > 0 else 1
        if i > 0 and ranges_run(x[0] + i, x[1] + i, x[2] + i, ranges, end - i):
            smooth_run(&at.smooth, ranges, out[0] + i, end - i)
            i = end - 1
            range_push(&at.previous_close, x[0][i], x[1][i], x[2][i])
            i = end
        while i < end:
            out[0][i] = atr_push(at, x[0][i], x[1][i], x[2][i])
            i += 1


cdef void simple_over(void* state, const double** x, double** out, Py_ssize_t n) noexcept nogil:
    """The true ranges, then their mean; bar by bar where there is no memory for them."""
    cdef AtrState* at = <AtrState*>state
    cdef double* ranges = <double*>malloc(n * sizeof(double))
    cdef Py_ssize_t i
    if ranges is NULL:
        for i in range(n):
            out[0][i] = atr_push(at, x[0][i], x[1][i], x[2][i])
        return
    true_range_over(NULL, x, &ranges, n)
    sma_run(at.simple, ranges, out[0], n)
    free(ranges)


def true_range(high, low, close):
    return over(true_range_over, NULL, 3, 1, "high, low and close", high, low, close)


def atr(high, low, close, period=14, mean="wilder"):
    cdef AtrState at
    atr_init(&at, period, mean)
    try:
        return over(
            wilder_over if at.simple is NULL else simple_over,
            &at, 3, 1, "high, low and close", high, low, close,
        )
    finally:
        atr_free(&at)
