"""Directional movement, streaming and over arrays; formulas in trend.pxd."""

from libc.stdint cimport uint64_t

from _fast.arrays cimport over
from _fast.ranges cimport range_check, range_from
from _fast.windows cimport oddity, period_of

cdef enum:
    BLOCK = 256


cdef void directional_reset(DirectionalState* at) noexcept nogil:
    at.warm.run = 0
    at.high = at.low = at.close = NAN
    at.plus = at.minus = at.range = 0.0


cdef int directional_init(DirectionalState* at, object period) except -1:
    cdef int32_t n = period_of(period, "directional movement")
    at.warm.need = n + 1
    at.keep = (n - 1.0) / n
    directional_reset(at)
    return 0


cdef void adx_reset(AdxState* at) noexcept nogil:
    directional_reset(&at.directional)
    at.warm.run = 0
    at.value = 0.0


cdef int adx_init(AdxState* at, object period) except -1:
    directional_init(&at.directional, period)
    at.warm.need = at.directional.warm.need - 1
    at.gain = 1.0 / at.warm.need
    adx_reset(at)
    return 0


cdef class Directional(Stream):
    """Directional movement: +DI and -DI."""

    def __cinit__(self, period=14):
        directional_init(&self.state, period)
        self.warmup = self.state.warm.need
        self.shown = &self.directions.plus
        self.directions = Directions(NAN, NAN)

    @property
    def value(self):
        return self.directions.plus, self.directions.minus

    def push(self, double high, double low, double close):
        self.directions = directional_push(&self.state, high, low, close)
        return self.value

    def reset(self):
        directional_reset(&self.state)
        self.directions = Directions(NAN, NAN)


cdef class Adx(Stream):
    """Average directional index, with +DI and -DI."""

    def __cinit__(self, period=14):
        adx_init(&self.state, period)
        self.warmup = 2 * self.state.warm.need
        self.shown = &self.trend.adx
        self.trend = Trend(NAN, NAN, NAN)

    @property
    def value(self):
        return self.trend.adx, self.trend.plus, self.trend.minus

    def push(self, double high, double low, double close):
        self.trend = adx_push(&self.state, high, low, close)
        return self.value

    def reset(self):
        adx_reset(&self.state)
        self.trend = Trend(NAN, NAN, NAN)


cdef bint movements_run(
    const double* high, const double* low, const double* close,
    double* plus, double* minus, double* ranges, Py_ssize_t n,
) noexcept nogil:
    """What n bars add, each with one before it; false if something is no number."""
    cdef uint64_t found = oddity((high - 1)[0] + (low - 1)[0]) | oddity(close[n - 1])
    cdef double up, down, tr
    cdef Py_ssize_t i
    for i in range(n):
        up = high[i] - high[i - 1]
        down = low[i - 1] - low[i]
        tr = range_from(high[i], low[i], close[i - 1])
        plus[i] = movement(up, down)
        minus[i] = movement(down, up)
        ranges[i] = tr
        found |= oddity(range_check(high[i], tr) + low[i])
    return found == 0


cdef void directional_run(
    DirectionalState* state, const double** x, double* plus, double* minus, Py_ssize_t n
) noexcept nogil:
    """directional_push over arrays, in blocks, so that all but the sums is computed several at a
    time; bar by bar where something is no number."""
    cdef DirectionalState at = state[0]
    cdef double[BLOCK] ranges
    cdef double up, down, range_
    cdef Directions to
    cdef Py_ssize_t i = 0
    cdef Py_ssize_t j, end
    while i < n:
        end = min(n, i + <Py_ssize_t>BLOCK)
        if i > 0 and at.warm.run == at.warm.need and movements_run(
            x[0] + i, x[1] + i, x[2] + i, plus + i, minus + i, ranges, end - i
        ):
            up, down, range_ = at.plus, at.minus, at.range
            for j in range(end - i):
                up = at.keep * up + plus[i + j]
                down = at.keep * down + minus[i + j]
                range_ = at.keep * range_ + ranges[j]
                plus[i + j] = up
                minus[i + j] = down
                ranges[j] = range_
            if isfinite(range_) and isfinite(up) and isfinite(down):
                at.plus, at.minus, at.range = up, down, range_
                at.high, at.low, at.close = x[0][end - 1], x[1][end - 1], x[2][end - 1]
                for j in range(end - i):
                    plus[i + j] = share_of(plus[i + j], ranges[j])
                    minus[i + j] = share_of(minus[i + j], ranges[j])
                i = end
        elif at.warm.run < at.warm.need:
            end = i + 1
        while i < end:
            to = directional_push(&at, x[0][i], x[1][i], x[2][i])
            plus[i] = to.plus
            minus[i] = to.minus
            i += 1
    state[0] = at


cdef void directional_over(void* state, const double** x, double** out, Py_ssize_t n) noexcept nogil:
    directional_run(<DirectionalState*>state, x, out[0], out[1], n)


cdef void adx_over(void* state, const double** x, double** out, Py_ssize_t n) noexcept nogil:
    cdef AdxState at = (<AdxState*>state)[0]
    cdef double* adx = out[0]
    cdef double* plus = out[1]
    cdef double* minus = out[2]
    cdef Py_ssize_t i
    directional_run(&at.directional, x, plus, minus, n)
    for i in range(n):
        adx[i] = dx_of(plus[i], minus[i])
    for i in range(n):
        adx[i] = dx_push(&at, adx[i])


def directional(high, low, close, period=14):
    cdef DirectionalState at
    directional_init(&at, period)
    return over(directional_over, &at, 3, 2, "high, low and close", high, low, close)


def adx(high, low, close, period=14):
    cdef AdxState at
    adx_init(&at, period)
    return over(adx_over, &at, 3, 3, "high, low and close", high, low, close)
