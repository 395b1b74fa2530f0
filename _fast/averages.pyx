"""Averages, streaming and over arrays; formulas in averages.pxd."""

from libc.math cimport NAN, isfinite
from libc.stdlib cimport free

from _fast.arrays cimport over
from _fast.windows cimport SUMS_AGE_MAX, period_of, recent_init


cdef void sma_init(SmaState* at, int32_t period) noexcept nogil:
    at.warm.need = period
    at.warm.run = 0
    at.anchor = at.sum = 0.0
    at.age = 0
    at.age_max = max(4 * period, SUMS_AGE_MAX)
    at.recent.values = NULL


cdef int sma_open(SmaState* at, int32_t period) except -1:
    sma_init(at, period)
    return recent_init(&at.recent, period)


cdef void sma_close(SmaState* at) noexcept nogil:
    free(at.recent.values)
    at.recent.values = NULL


cdef void sma_over(void* state, const double** x, double** out, Py_ssize_t n) noexcept nogil:
    sma_run(<SmaState*>state, x[0], out[0], n)


cdef void sma_run(SmaState* state, const double* x, double* out, Py_ssize_t n) noexcept nogil:
    """sma_step over an array. From one fresh sum to the next without checks: what is not finite
    stays in the sum and is found at the end, then these values are taken step by step. In pairs,
    because one packed division serves two."""
    cdef SmaState at = state[0]
    cdef SmaState saved
    cdef Py_ssize_t i = 0
    cdef Py_ssize_t end
    cdef double first, sum
    cdef int32_t period = at.warm.need
    cdef double count = period
    while i < n:
        out[i] = sma_step(&at, x + i)
        i += 1
        while i < n and at.warm.run < period:
            out[i] = sma_step(&at, x + i)
            i += 1
        saved = at
        end = min(n, i + at.age_max - 1 - at.age)
        at.age += end - i
        sum = at.sum
        while i + 1 < end:
            first = sum + (x[i] - x[i - period])
            sum = first + (x[i + 1] - x[i + 1 - period])
            out[i] = at.anchor + first / count
            out[i + 1] = at.anchor + sum / count
            i += 2
        if i < end:
            sum += x[i] - x[i - period]
            out[i] = at.anchor + sum / count
            i += 1
        at.sum = sum
        if not isfinite(sum):
            i -= at.age - saved.age
            at = saved
            while i < end:
                out[i] = sma_step(&at, x + i)
                i += 1
    state[0] = at


cdef void wma_init(WmaState* at, int32_t period) noexcept nogil:
    at.warm.need = period
    at.warm.run = 0
    at.anchor = at.sum = at.weighted = 0.0
    at.share = 2.0 / (period * (period + 1.0))
    at.age = 0
    at.age_max = max(4 * period, SUMS_AGE_MAX)
    at.recent.values = NULL


cdef double weighted_of(const double* newest, int32_t count, double anchor) noexcept nogil:
    # As sum_of, in four sums.
    cdef const double* at = newest - count + 1
    cdef double[4] sums
    cdef double weight = 0.0
    cdef int32_t i
    sums[0] = sums[1] = sums[2] = sums[3] = 0.0
    for i in range(0, count - 3, 4):
        sums[0] += (weight + 1.0) * (at[i] - anchor)
        sums[1] += (weight + 2.0) * (at[i + 1] - anchor)
        sums[2] += (weight + 3.0) * (at[i + 2] - anchor)
        sums[3] += (weight + 4.0) * (at[i + 3] - anchor)
        weight += 4.0
    for i in range(count - count % 4, count):
        weight += 1.0
        sums[0] += weight * (at[i] - anchor)
    return (sums[0] + sums[1]) + (sums[2] + sums[3])


cdef void wma_over(void* state, const double** x, double** out, Py_ssize_t n) noexcept nogil:
    wma_run(<WmaState*>state, x[0], out[0], n)


cdef void wma_run(WmaState* state, const double* x, double* out, Py_ssize_t n) noexcept nogil:
    """wma_step over an array, as sma_run."""
    cdef WmaState at = state[0]
    cdef WmaState saved
    cdef Py_ssize_t i = 0
    cdef Py_ssize_t end
    cdef double first, weighted, sum
    cdef int32_t period = at.warm.need
    while i < n:
        out[i] = wma_step(&at, x + i)
        i += 1
        while i < n and at.warm.run < period:
            out[i] = wma_step(&at, x + i)
            i += 1
        saved = at
        end = min(n, i + at.age_max - 1 - at.age)
        at.age += end - i
        sum = at.sum
        weighted = at.weighted
        while i + 1 < end:
            first = weighted + (period * (x[i] - at.anchor) - sum)
            sum += x[i] - x[i - period]
            weighted = first + (period * (x[i + 1] - at.anchor) - sum)
            sum += x[i + 1] - x[i + 1 - period]
            out[i] = at.anchor + first * at.share
            out[i + 1] = at.anchor + weighted * at.share
            i += 2
        if i < end:
            weighted += period * (x[i] - at.anchor) - sum
            sum += x[i] - x[i - period]
            out[i] = at.anchor + weighted * at.share
            i += 1
        at.sum = sum
        at.weighted = weighted
        if not isfinite(weighted) or not isfinite(sum):
            i -= at.age - saved.age
            at = saved
            while i < end:
                out[i] = wma_step(&at, x + i)
                i += 1
    state[0] = at


cdef void smooth_init(Smooth* at, int32_t period, double k) noexcept nogil:
    at.warm.need = period
    at.warm.run = 0
    at.share = k / (1.0 + k)
    at.keep = k * k
    at.value = at.before = at.last = NAN


cdef void ema_init(Smooth* at, int32_t period) noexcept nogil:
    smooth_init(at, period, (period - 1.0) / (period + 1.0))


cdef void wilder_init(Smooth* at, int32_t period) noexcept nogil:
    smooth_init(at, period, (period - 1.0) / period)


cdef enum:
    BLOCK = 64


cdef void smooth_over(void* state, const double** x, double** out, Py_ssize_t n) noexcept nogil:
    smooth_run(<Smooth*>state, x[0], out[0], n)


cdef void smooth_run(Smooth* state, const double* x, double* out, Py_ssize_t n) noexcept nogil:
    """smooth_push over an array, in blocks without checks: what is not finite stays in the
    values and is found at the end, then these inputs are taken one by one."""
    cdef Smooth at = state[0]
    cdef Py_ssize_t i = 0
    cdef Py_ssize_t j
    cdef Py_ssize_t end
    cdef double before, value, last, fresh
    while i < n:
        while i < n and at.warm.run < at.warm.need:
            out[i] = smooth_push(&at, x[i])
            i += 1
        end = min(n, i + BLOCK)
        if i < n:
            before, value, last = at.before, at.value, at.last
            for j in range(i, end):
                fresh = smoothed(before, last, x[j], at.share, at.keep)
                before = value
                value = fresh
                last = x[j]
                out[j] = fresh
            if isfinite(before) and isfinite(value):
                at.before, at.value, at.last = before, value, last
                i = end
        while i < end:
            out[i] = smooth_push(&at, x[i])
            i += 1
    state[0] = at


cdef class Sma(Stream):
    """Simple mean of the last ``period`` values."""

    def __cinit__(self, period=20):
        sma_open(&self.state, period_of(period, "sma"))
        self.warmup = self.state.warm.need
        self.shown = &self.value
        self.value = NAN

    def __dealloc__(self):
        sma_close(&self.state)

    def push(self, double x):
        self.value = sma_push(&self.state, x)
        return self.value

    def reset(self):
        self.state.warm.run = 0
        self.value = NAN


cdef class Wma(Stream):
    """Mean of the last ``period`` values, weighted 1 to ``period``."""

    def __cinit__(self, period=20):
        wma_init(&self.state, period_of(period, "wma"))
        recent_init(&self.state.recent, self.state.warm.need)
        self.warmup = self.state.warm.need
        self.shown = &self.value
        self.value = NAN

    def __dealloc__(self):
        free(self.state.recent.values)

    def push(self, double x):
        self.value = wma_push(&self.state, x)
        return self.value

    def reset(self):
        self.state.warm.run = 0
        self.value = NAN


cdef class Ema(Stream):
    """Exponential mean."""

    def __cinit__(self, period=20):
        ema_init(&self.state, period_of(period, "ema"))
        self.warmup = self.state.warm.need
        self.shown = &self.value
        self.value = NAN

    def push(self, double x):
        self.value = smooth_push(&self.state, x)
        return self.value

    def reset(self):
        self.state.warm.run = 0
        self.value = NAN


def sma(values, period=20):
    cdef SmaState at
    sma_init(&at, period_of(period, "sma"))
    return over(sma_over, &at, 1, 1, "", values)


def wma(values, period=20):
    cdef WmaState at
    wma_init(&at, period_of(period, "wma"))
    return over(wma_over, &at, 1, 1, "", values)


def ema(values, period=20):
    cdef Smooth at
    ema_init(&at, period_of(period, "ema"))
    return over(smooth_over, &at, 1, 1, "", values)
