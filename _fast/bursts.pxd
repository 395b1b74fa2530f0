# Many ticks of a simulated market in one call, told to everybody who has subscribed to it. To each
# the same effect as one by one: the exchange's quote, its past, what the streams say, in order.
#
# A burst ends before the first tick that an order or a clock waits for, or whose symbol somebody
# follows in a way that compiled code cannot speak (`ready` says so); that tick is somebody else's.

from libc.stdint cimport int64_t, uint8_t

from _fast.past_bars cimport PastBars
from _fast.tellers cimport Shown

cdef class Place:              # one symbol at the exchange
    cdef readonly object book
    cdef PastBars bars
    cdef list tellers          # and the sheet of each one's client
    cdef list sheets
    cdef readonly list rows    # the ticks of this burst, for who keeps them
    cdef Shown shown
    cdef double last
    cdef int64_t last_size
    cdef int64_t bid_ns
    cdef int64_t ask_ns
    cdef int64_t last_ns
    cdef int64_t bids          # ticks of each kind in this burst
    cdef int64_t asks
    cdef int64_t trades
    cdef readonly int64_t traded_ns    # by the clock of the last trade itself
    # what an order waits for: a bid up there, an ask down there, a trade beyond either
    cdef double bid_from
    cdef double ask_to
    cdef double last_from
    cdef double last_to
    cdef int64_t until_ns      # a session or a day changes
    cdef bint matters(self, uint8_t kind, double price, int64_t now_ns) noexcept
    cdef int take(
        self, uint8_t kind, double price, int64_t size, int64_t time_ns, int64_t now_ns
    ) except -1

cdef class Burst:
    cdef object ready
    cdef dict places           # that this burst has met
    cdef readonly int64_t now_ns
