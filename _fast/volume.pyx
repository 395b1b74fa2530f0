"""Volume, streaming and over arrays; formulas in volume.pxd."""

from _fast.arrays cimport over
from _fast.averages cimport sma_close, sma_init, sma_open, sma_over, sma_push
from _fast.windows cimport period_of

cdef class Obv(Stream):
    """On-balance volume."""

    def __cinit__(self):
        self.warmup = 1
        self.shown = &self.value
        self.reset()

    def push(self, double close, double volume):
        self.value = obv_push(&self.state, close, volume)
        return self.value

    def reset(self):
        obv_reset(&self.state)
        self.value = NAN


cdef class Vwap(Stream):
    """Volume-weighted average price of a session."""

    def __cinit__(self):
        self.warmup = 1
        self.shown = &self.value
        self.reset()

    def push(self, double price, double volume, double session=0.0):
        self.value = vwap_push(&self.state, price, volume, session)
        return self.value

    def reset(self):
        vwap_reset(&self.state)
        self.value = NAN


cdef class VolumeAverage(Stream):
    """Simple mean of the last ``period`` volumes."""

    def __cinit__(self, period=20):
        sma_open(&self.state, period_of(period, "volume average"))
        self.warmup = self.state.warm.need
        self.shown = &self.value
        self.value = NAN

    def __dealloc__(self):
        sma_close(&self.state)

    def push(self, double volume):
        self.value = sma_push(&self.state, volume)
        return self.value

    def reset(self):
        self.state.warm.run = 0
        self.value = NAN


cdef void obv_over(void* state, const double** x, double** out, Py_ssize_t n) noexcept nogil:
    """obv_push, if everything is a number: what is not stays in `check`, or in the value."""
    cdef ObvState at
    cdef const double* close = x[0]
    cdef const double* volume = x[1]
    cdef double* values = out[0]
    cdef double value, check
    cdef Py_ssize_t i
    if n == 0:
        return
    check = close[0]
    value = values[0] = volume[0]
    for i in range(1, n):
        value += signed_volume(close[i], close[i - 1], volume[i])
        check += close[i]
        values[i] = value
    if not isfinite(check + value):
        obv_reset(&at)
        for i in range(n):
            values[i] = obv_push(&at, close[i], volume[i])


cdef void vwap_over(void* state, const double** x, double** out, Py_ssize_t n) noexcept nogil:
    cdef VwapState at
    cdef Py_ssize_t i
    cdef bint sessions = (<bint*>state)[0]
    vwap_reset(&at)
    for i in range(n):
        out[0][i] = vwap_push(&at, x[0][i], x[1][i], x[2][i] if sessions else 0.0)


def obv(close, volume):
    return over(obv_over, NULL, 2, 1, "close and volume", close, volume)


def vwap(price, volume, session=None):
    cdef bint sessions = session is not None
    if sessions:
        return over(vwap_over, &sessions, 3, 1, "price, volume and session", price, volume, session)
    return over(vwap_over, &sessions, 2, 1, "price and volume", price, volume)


def volume_average(volume, period=20):
    cdef SmaState at
    sma_init(&at, period_of(period, "volume average"))
    return over(sma_over, &at, 1, 1, "", volume)
