# Bars of five seconds of what a simulated exchange has played: trades, and both sides of the quote
# with the middle between them. A bar ends with the first tick behind it.

from libc.stdint cimport int64_t, uint8_t

cdef struct PastBar:
    int64_t time_ns            # start
    double open
    double high
    double low
    double close
    int64_t volume
    double average             # weighted by volume; the close without any
    int64_t count

cdef struct PastSeries:
    PastBar current
    int64_t end_ns             # of the current bar, 0: no tick yet
    double value               # sum of price times size
    PastBar* done
    Py_ssize_t kept
    Py_ssize_t room

cdef class PastBars:
    cdef PastSeries[4] series
    cdef double bid            # 0: none yet
    cdef double ask
    cdef int64_t base_ns
    cdef Py_ssize_t bars_max   # of those that ended: a quarter more at most, and never fewer

    cdef int take_in(self, int64_t time_ns, uint8_t kind, double price, int64_t size) except -1
    cdef int put(
        self, int series, int64_t time_ns, double price, int64_t size, int64_t count
    ) except -1
    cdef PastSeries* one(self, int series) except NULL
