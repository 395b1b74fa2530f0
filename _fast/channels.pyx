"""Channels around a price, streaming and over arrays; formulas in channels.pxd."""

from libc.stdlib cimport free

from _fast.arrays cimport over
from _fast.averages cimport ema_init
from _fast.deviations cimport deviation_close, deviation_init, deviation_open, deviation_run
from _fast.ranges cimport atr_free, atr_init, atr_reset
from _fast.windows cimport (
    extremes_free, extremes_init, extremes_reset, extremes_run, period_of, recent_init,
)


cdef double width_of(double width, str what) except? -1:
    if not 0 <= width < 1e6:
        raise ValueError(f"{what} width is 0 to 1e6, not {width}")
    return width


cdef class Channel(Stream):
    """What the channels have in common: three lines, ready together."""

    def __cinit__(self):
        self.lines = Lines(NAN, NAN, NAN)
        self.shown = &self.lines.upper

    @property
    def value(self):
        return self.lines.upper, self.lines.middle, self.lines.lower


cdef class Bollinger(Channel):
    """Mean of the last ``period`` values, and ``width`` of their standard deviations around it."""

    def __cinit__(self, period=20, width=2.0):
        self.state.width = width_of(width, "bollinger")
        deviation_open(&self.state.deviation, period_of(period, "bollinger"))
        self.warmup = self.state.deviation.warm.need

    def __dealloc__(self):
        deviation_close(&self.state.deviation)

    def push(self, double x):
        self.lines = bollinger_push(&self.state, x)
        return self.value

    def reset(self):
        self.state.deviation.warm.run = 0
        self.lines = Lines(NAN, NAN, NAN)


cdef class Keltner(Channel):
    """Exponential mean of closes, and ``width`` average true ranges around it."""

    def __cinit__(self, period=20, width=2.0, atr_period=10):
        self.state.width = width_of(width, "keltner")
        ema_init(&self.state.middle, period_of(period, "keltner"))
        atr_init(&self.state.atr, atr_period, "wilder")
        self.warmup = max(self.state.middle.warm.need, self.state.atr.smooth.warm.need + 1)

    def push(self, double high, double low, double close):
        self.lines = keltner_push(&self.state, high, low, close)
        return self.value

    def reset(self):
        self.state.middle.warm.run = 0
        atr_reset(&self.state.atr)
        self.lines = Lines(NAN, NAN, NAN)


cdef class Donchian(Channel):
    """Highest high and lowest low of the last ``period`` bars."""

    def __cinit__(self, period=20):
        self.warmup = period_of(period, "donchian")
        extremes_init(&self.state.extremes, self.warmup)
        recent_init(&self.state.high, self.warmup)
        recent_init(&self.state.low, self.warmup)

    def __dealloc__(self):
        extremes_free(&self.state.extremes)
        free(self.state.high.values)
        free(self.state.low.values)

    def push(self, double high, double low):
        self.lines = donchian_push(&self.state, high, low)
        return self.value

    def reset(self):
        extremes_reset(&self.state.extremes)
        self.lines = Lines(NAN, NAN, NAN)


cdef inline void put(double** out, Py_ssize_t i, Lines lines) noexcept nogil:
    out[0][i] = lines.upper
    out[1][i] = lines.middle
    out[2][i] = lines.lower


cdef void bollinger_over(void* state, const double** x, double** out, Py_ssize_t n) noexcept nogil:
    cdef BollingerState* at = <BollingerState*>state
    cdef Py_ssize_t i
    cdef double reach
    deviation_run(&at.deviation, x[0], out[0], out[1], n)
    for i in range(n):
        reach = at.width * out[0][i]
        out[0][i] = out[1][i] + reach
        out[2][i] = out[1][i] - reach


cdef void keltner_over(void* state, const double** x, double** out, Py_ssize_t n) noexcept nogil:
    cdef KeltnerState at = (<KeltnerState*>state)[0]
    cdef Py_ssize_t i
    for i in range(n):
        put(out, i, keltner_push(&at, x[0][i], x[1][i], x[2][i]))


cdef void donchian_over(void* state, const double** x, double** out, Py_ssize_t n) noexcept nogil:
    cdef DonchianState* at = <DonchianState*>state
    cdef Py_ssize_t i
    extremes_run(&at.extremes, x[0], x[1], x[1], out[0], out[2], n)
    for i in range(n):
        out[1][i] = out[0][i] * 0.5 + out[2][i] * 0.5


def bollinger(values, period=20, width=2.0):
    cdef BollingerState at
    at.width = width_of(width, "bollinger")
    deviation_init(&at.deviation, period_of(period, "bollinger"))
    return over(bollinger_over, &at, 1, 3, "", values)


def keltner(high, low, close, period=20, width=2.0, atr_period=10):
    cdef KeltnerState at
    at.width = width_of(width, "keltner")
    ema_init(&at.middle, period_of(period, "keltner"))
    atr_init(&at.atr, atr_period, "wilder")  # which has no memory to free
    return over(keltner_over, &at, 3, 3, "high, low and close", high, low, close)


def donchian(high, low, period=20):
    cdef DonchianState at
    extremes_init(&at.extremes, period_of(period, "donchian"))
    try:
        return over(donchian_over, &at, 2, 3, "high and low", high, low)
    finally:
        extremes_free(&at.extremes)
