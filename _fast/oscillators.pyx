"""Oscillators, streaming and over arrays; formulas in oscillators.pxd."""

from libc.stdint cimport uint64_t
from libc.stdlib cimport free

from _fast.arrays cimport over
from _fast.averages cimport (
    ema_init, sma_close, sma_init, sma_open, sma_run, smooth_run, wilder_init,
)
from _fast.windows cimport (
    extremes_free, extremes_init, extremes_reset, extremes_run, oddity, period_of, recent_init,
)

cdef enum:
    BLOCK = 256


cdef int rsi_init(RsiState* at, object period) except -1:
    cdef int32_t n = period_of(period, "rsi")
    wilder_init(&at.up, n)
    wilder_init(&at.down, n)
    at.previous = NAN
    return 0


cdef int macd_init(MacdState* at, object fast, object slow, object signal) except -1:
    ema_init(&at.fast, period_of(fast, "macd fast"))
    ema_init(&at.slow, period_of(slow, "macd slow"))
    ema_init(&at.signal, period_of(signal, "macd signal"))
    if at.fast.warm.need >= at.slow.warm.need:
        raise ValueError(f"macd fast period is below the slow one, not {fast} and {slow}")
    return 0


# Without memory of its own, but for the extremes'.
cdef int stochastic_init(StochasticState* at, object period, object smooth, object d) except -1:
    sma_init(&at.k, period_of(smooth, "stochastic smoothing"))
    sma_init(&at.d, period_of(d, "stochastic d"))
    return extremes_init(&at.extremes, period_of(period, "stochastic"))


cdef class Rsi(Stream):
    """Relative strength index."""

    def __cinit__(self, period=14):
        rsi_init(&self.state, period)
        self.warmup = self.state.up.warm.need + 1
        self.shown = &self.value
        self.value = NAN

    def push(self, double x):
        self.value = rsi_push(&self.state, x)
        return self.value

    def reset(self):
        self.state.up.warm.run = self.state.down.warm.run = 0
        self.state.previous = self.value = NAN


cdef class Macd(Stream):
    """Moving average convergence divergence: line, signal, histogram."""

    def __cinit__(self, fast=12, slow=26, signal=9):
        macd_init(&self.state, fast, slow, signal)
        self.warmup = self.state.slow.warm.need + self.state.signal.warm.need - 1
        self.shown = &self.lines.signal
        self.lines = MacdLines(NAN, NAN, NAN)

    @property
    def value(self):
        return self.lines.line, self.lines.signal, self.lines.histogram

    def push(self, double x):
        self.lines = macd_push(&self.state, x)
        return self.value

    def reset(self):
        self.state.fast.warm.run = self.state.slow.warm.run = self.state.signal.warm.run = 0
        self.lines = MacdLines(NAN, NAN, NAN)


cdef class Stochastic(Stream):
    """Stochastic oscillator: K and D."""

    def __cinit__(self, period=14, smooth=3, d=3):
        stochastic_init(&self.state, period, smooth, d)
        sma_open(&self.state.k, self.state.k.warm.need)
        sma_open(&self.state.d, self.state.d.warm.need)
        recent_init(&self.state.high, self.state.extremes.warm.need)
        recent_init(&self.state.low, self.state.extremes.warm.need)
        self.warmup = (
            self.state.extremes.warm.need + self.state.k.warm.need + self.state.d.warm.need - 2
        )
        self.shown = &self.lines.d
        self.lines = StochasticLines(NAN, NAN)

    def __dealloc__(self):
        extremes_free(&self.state.extremes)
        sma_close(&self.state.k)
        sma_close(&self.state.d)
        free(self.state.high.values)
        free(self.state.low.values)

    @property
    def value(self):
        return self.lines.k, self.lines.d

    def push(self, double high, double low, double close):
        self.lines = stochastic_push(&self.state, high, low, close)
        return self.value

    def reset(self):
        extremes_reset(&self.state.extremes)
        self.state.k.warm.run = self.state.d.warm.run = 0
        self.lines = StochasticLines(NAN, NAN)


cdef class Roc(Stream):
    """Rate of change in percent."""

    def __cinit__(self, period=10):
        self.warmup = self.state.warm.need = period_of(period, "roc") + 1
        self.state.warm.run = 0
        recent_init(&self.state.recent, self.warmup)
        self.shown = &self.value
        self.value = NAN

    def __dealloc__(self):
        free(self.state.recent.values)

    def push(self, double x):
        self.value = roc_push(&self.state, x)
        return self.value

    def reset(self):
        self.state.warm.run = 0
        self.value = NAN


cdef void rsi_over(void* state, const double** x, double** out, Py_ssize_t n) noexcept nogil:
    """rsi_push in blocks, so that all but the means is computed several at a time."""
    cdef RsiState* at = <RsiState*>state
    cdef double[BLOCK] rises, falls, down
    cdef double* up
    cdef double change, total
    cdef Py_ssize_t start = 0
    cdef Py_ssize_t i, size
    if n > 0:
        out[0][0] = rsi_push(at, x[0][0])
        start = 1
    while start < n:
        size = min(n - start, <Py_ssize_t>BLOCK)
        for i in range(size):
            change = x[0][start + i] - x[0][start + i - 1]
            rises[i] = 0.5 * (fabs(change) + change)
            falls[i] = 0.5 * (fabs(change) - change)
        up = out[0] + start
        smooth_run(&at.up, rises, up, size)
        smooth_run(&at.down, falls, down, size)
        for i in range(size):
            total = up[i] + down[i]
            up[i] = 0.0 if total < NOTHING else 100.0 * (up[i] / total)
        start += size


cdef void macd_over(void* state, const double** x, double** out, Py_ssize_t n) noexcept nogil:
    """One mean after the other, if nothing interrupts them; then macd_push."""
    cdef MacdState at = (<MacdState*>state)[0]
    cdef MacdLines lines
    cdef double* line = out[0]
    cdef double* signal = out[1]
    cdef double* histogram = out[2]
    cdef Py_ssize_t skipped = min(n, <Py_ssize_t>(at.slow.warm.need - at.fast.warm.need))
    cdef Py_ssize_t warm = at.slow.warm.need + at.signal.warm.need - 2
    cdef uint64_t found = 0
    cdef Py_ssize_t i
    for i in range(skipped):
        histogram[i] = NAN
    smooth_run(&at.slow, x[0], signal, n)
    smooth_run(&at.fast, x[0] + skipped, histogram + skipped, n - skipped)
    for i in range(n):
        line[i] = histogram[i] - signal[i]
    smooth_run(&at.signal, line, signal, n)
    for i in range(min(warm, n)):
        line[i] = histogram[i] = NAN
    for i in range(warm, n):
        found |= oddity(signal[i])
        histogram[i] = line[i] - signal[i]
    # Before `warm` only an input that is no number interrupts.
    for i in range(min(warm, n)):
        found |= oddity(x[0][i])
    if found:
        at = (<MacdState*>state)[0]
        for i in range(n):
            lines = macd_push(&at, x[0][i])
            line[i] = lines.line
            signal[i] = lines.signal
            histogram[i] = lines.histogram


cdef void stochastic_over(void* state, const double** x, double** out, Py_ssize_t n) noexcept nogil:
    """The extremes, K before smoothing in the place of one of them, then one mean after the
    other."""
    cdef StochasticState* at = <StochasticState*>state
    cdef double* k = out[0]
    cdef double* d = out[1]
    cdef Py_ssize_t i
    extremes_run(&at.extremes, x[0], x[1], x[2], k, d, n)
    if at.k.warm.need > 1:
        for i in range(n):
            d[i] = place_in(x[2][i], k[i], d[i])
        sma_run(&at.k, d, k, n)
    else:
        for i in range(n):
            k[i] = place_in(x[2][i], k[i], d[i])
    sma_run(&at.d, k, d, n)
    for i in range(n):
        k[i] += d[i] - d[i]


cdef void roc_over(void* state, const double** x, double** out, Py_ssize_t n) noexcept nogil:
    cdef RocState* at = <RocState*>state
    cdef Py_ssize_t behind = at.warm.need - 1
    cdef const double* values = x[0]
    cdef double* result = out[0]
    cdef uint64_t found = 0
    cdef Py_ssize_t i
    cdef double fresh
    for i in range(min(behind, n)):
        found |= oddity(values[i])
        result[i] = NAN
    for i in range(behind, n):
        fresh = change_from(values[i], values[i - behind])
        found |= oddity(fresh + values[i])
        result[i] = fresh
    if found:
        for i in range(n):
            result[i] = roc_step(at, values + i)


def rsi(values, period=14):
    cdef RsiState at
    rsi_init(&at, period)
    return over(rsi_over, &at, 1, 1, "", values)


def macd(values, fast=12, slow=26, signal=9):
    cdef MacdState at
    macd_init(&at, fast, slow, signal)
    return over(macd_over, &at, 1, 3, "", values)


def stochastic(high, low, close, period=14, smooth=3, d=3):
    cdef StochasticState at
    stochastic_init(&at, period, smooth, d)
    try:
        return over(stochastic_over, &at, 3, 2, "high, low and close", high, low, close)
    finally:
        extremes_free(&at.extremes)


def roc(values, period=10):
    cdef RocState at
    at.warm.run = 0
    at.warm.need = period_of(period, "roc") + 1
    return over(roc_over, &at, 1, 1, "", values)
