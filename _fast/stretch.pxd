# A quiet stretch of a simulated market: many ticks played in one call, as long as none of them is
# more than a change of numbers. What one by one would do is done here to the same effect:
#
#   at the exchange   a tick moves the clock and is looked at by who measures trades;
#   at the client     `latency_ns` later, it is told by the streams that were subscribed to, in
#                     TWS's own way (changes only), and applied to the client's Market.
#
# The exchange's quote and what the streams remember are numbers that only its clients ask for, so
# they are kept as the client has heard them; what is under way when a stretch ends is played to
# the exchange again by who called.
#
# Nothing is decided here. A stretch ends before the first tick that an order, a clock or a reader
# of ticks waits for (levels in Lane, `stop`), with a condition of the Market that fires, and with
# an idle look of the client that has something to say.

from libc.stdint cimport int32_t, int64_t, uint8_t

from _fast.lanes cimport Lane, Look
from _fast.market cimport Market
from _fast.reader cimport Reader

cdef class Stretch:
    cdef Market market
    cdef Reader reader
    cdef Lane* lanes
    cdef Py_ssize_t symbols_count
    cdef Look* looks                   # of positions that are held, as many as there is room for
    cdef Py_ssize_t held
    cdef Py_ssize_t held_max
    cdef const int64_t[::1] times
    cdef const int32_t[::1] symbols
    cdef const uint8_t[::1] kinds
    cdef const double[::1] prices
    cdef const int64_t[::1] sizes
    # cursors into the columns
    cdef public Py_ssize_t at          # the next tick of the exchange
    cdef public Py_ssize_t heard       # the next tick of the client
    cdef public Py_ssize_t stop        # played by somebody else; there is always a row here
    cdef public bint over              # no tick at all is left
    # moments of the exchange's clock
    cdef public int64_t now_ns         # ahead of the market where only the client waits
    cdef public int64_t event_ns       # of the newest thing that happened there
    cdef public int64_t exchange_ns
    cdef public int64_t beat_ns
    cdef public int64_t beat_every_ns
    cdef public int64_t values_due_ns
    cdef public int64_t profits_due_ns
    cdef public int64_t profits_every_ns
    cdef public int64_t latency_ns
    cdef public int64_t limit_ns       # something else happens
    cdef public int64_t arrives_ns     # bytes reach the client
    cdef public int64_t deadline_ns    # of the client's wait
    # from here to the client's clocks
    cdef public int64_t mono_offset_ns
    cdef public int64_t told_offset_ns
    # the client's idle looks
    cdef public bint calm
    cdef public int64_t idle_ns
    cdef public int64_t patience_ns    # until when nothing but idle looks is due
    cdef public int64_t day_ends_ns    # of its own clock
    cdef public int64_t bars_closed_ns
    cdef public int64_t bars_every_ns
    cdef public double loss_max
    cdef public double fall_max
    cdef public double profit
    cdef public double peak
    cdef public double drawdown
    cdef public Py_ssize_t turns

    cdef Lane* lane(self, Py_ssize_t place) except NULL
    cdef int load_looks(self, list looks) except -1
    cdef bint matters(self) except -1
    cdef int play(self) except -1
    cdef void happened(self, int64_t now_ns) noexcept
    cdef int hear(self, int64_t now_ns) except -1
    cdef bint look(self) except -1
    cdef bint bars_speak(self, int64_t now_ns) noexcept
