# What a subscription to a simulated market says of each tick: QuoteTeller the quotes (reqMktData),
# of which TWS sends changes only, so that it remembers what it told; TickTeller ticks one by one.
# NaN stands where nothing was told yet.

from libc.math cimport isnan
from libc.stdint cimport int64_t, uint8_t

from _fast.tick_frames cimport Sheet, TickFrames

cdef struct Shown:             # the exchange's own quote and day; NaN where there is no price yet
    double bid
    double ask
    double open
    double high
    double low
    int64_t bid_size
    int64_t ask_size
    int64_t volume

cdef enum TickKind:            # the letters of tick files
    IS_ASK = 65
    IS_BID = 66
    IS_TRADE = 84

# As prices of which either may be missing.
cdef inline bint differ(double one, double other) noexcept:
    return one != other and not (isnan(one) and isnan(other))

cdef uint8_t letter(object kind) except 0
cdef double number(object price) except? -1.0
cdef object price_of(double number)

cdef class Teller:
    cdef readonly int64_t request_id
    cdef readonly str symbol
    cdef TickFrames frames
    cdef Sheet own             # for one tick by itself
    cdef int tell(
        self, Sheet sheet, uint8_t kind, double price, int64_t size, int64_t time_ns, Shown* shown
    ) except -1

cdef class QuoteTeller(Teller):
    cdef double told_bid
    cdef double told_ask
    cdef double told_last
    cdef double told_high
    cdef double told_low
    cdef double told_open
    cdef public int64_t last_size
    cdef public int64_t last_s
    cdef int tell_trade(
        self, Sheet sheet, double price, int64_t size, int64_t time_ns, Shown* shown
    ) except -1
    cdef int tell_day(self, Sheet sheet, Shown* shown) except -1

cdef class TickTeller(Teller):
    cdef readonly str kind
    cdef int way
    cdef double mid
