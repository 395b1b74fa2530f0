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

from _fast.market cimport Market
from _fast.reader cimport Reader

cdef enum:
    STREAMS_MAX = 4

cdef enum Told:                # what a stream tells
    TOLD_QUOTE = 1
    TOLD_LAST = 2
    TOLD_BID_ASK = 3

cdef struct Lane:              # one symbol; NaN stands where there is no price yet
    # the quote and the day at the exchange
    double bid
    double ask
    double last
    double open
    double high
    double low
    int64_t bid_size
    int64_t ask_size
    int64_t last_size
    int64_t volume
    int64_t bid_ns
    int64_t ask_ns
    int64_t last_ns
    int64_t bids               # ticks of each kind since the lane was loaded
    int64_t asks
    int64_t trades
    # what the stream of quotes has told
    double told_bid
    double told_ask
    double told_last
    double told_high
    double told_low
    double told_open
    int64_t told_last_size
    int64_t told_second
    # the client's subscriptions, in their order
    int32_t[STREAMS_MAX] streams
    int32_t[STREAMS_MAX] requests
    # what an order waits for: a bid up there, an ask down there, a trade beyond either
    double bid_from
    double ask_to
    double last_from
    double last_to
    int64_t until_ns           # a session or a day changes
    # the trade that is measured: its sign, 0 none, and the kind of tick that marks it
    double average
    double adverse
    double favourable
    int32_t sign
    int32_t mark
    int64_t quotes             # ticks of a quote that were looked at

cdef struct Look:              # what an idle look of the client does to one position that is held
    double average
    double quantity
    double realised
    double told                # of the day's trades that have ended
    double aside
    double open
    double profit
    double peak
    double drawdown
    double adverse
    double favourable
    double trade_drawdown
    double trade_peak
    int64_t samples
    int32_t row
    int32_t sign
    int32_t quoted
    int32_t seen

cdef class Stretch:
    cdef Market market
    cdef Reader reader
    cdef Lane[::1] lanes
    cdef Look[::1] looks
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

    cdef bint matters(self) except -1
    cdef int play(self) except -1
    cdef void happened(self, int64_t now_ns) noexcept
    cdef int hear(self, int64_t now_ns) except -1
    cdef bint look(self) except -1
    cdef bint bars_speak(self, int64_t now_ns) noexcept
