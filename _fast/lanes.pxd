# What a stretch keeps of each symbol while it plays, as plain numbers, and how these come from the
# objects of the simulator and of the engine, and go back to them.

from libc.stdint cimport int32_t, int64_t

from _fast.tellers cimport QuoteTeller

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

cdef int load_lane(
    Lane* lane, object book, QuoteTeller told, tuple streams, object waits, object trade
) except -1
cdef int unload_book(const Lane* lane, object book) except -1
cdef void unload_told(const Lane* lane, QuoteTeller told) noexcept
cdef int unload_trade(const Lane* lane, object trade) except -1
cdef int load_look(Look* look, object held) except -1
cdef int unload_look(const Look* look, object held) except -1
