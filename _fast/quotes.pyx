"""Spread and imbalance, streaming and over arrays; formulas in quotes.pxd."""

from _fast.arrays cimport over


cdef class Spread(Stream):
    """Ask less bid."""

    def __cinit__(self):
        self.warmup = 1
        self.shown = &self.value
        self.value = NAN

    def push(self, double bid, double ask):
        self.value = spread_of(bid, ask)
        return self.value

    def reset(self):
        self.value = NAN


cdef class Imbalance(Stream):
    """Bid size less ask size, in shares of both."""

    def __cinit__(self):
        self.warmup = 1
        self.shown = &self.value
        self.value = NAN

    def push(self, double bid_size, double ask_size):
        self.value = imbalance_of(bid_size, ask_size)
        return self.value

    def reset(self):
        self.value = NAN


cdef void spread_over(void* state, const double** x, double** out, Py_ssize_t n) noexcept nogil:
    cdef Py_ssize_t i
    for i in range(n):
        out[0][i] = spread_of(x[0][i], x[1][i])


cdef void imbalance_over(void* state, const double** x, double** out, Py_ssize_t n) noexcept nogil:
    cdef Py_ssize_t i
    for i in range(n):
        out[0][i] = imbalance_of(x[0][i], x[1][i])


def spread(bid, ask):
    return over(spread_over, NULL, 2, 1, "bid and ask", bid, ask)


def imbalance(bid_size, ask_size):
    return over(imbalance_over, NULL, 2, 1, "bid size and ask size", bid_size, ask_size)
