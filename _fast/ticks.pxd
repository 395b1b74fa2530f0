# Applies decoded market messages: instrument columns, bars, indicators, conditions. No GIL.
#
# One thread owns a Market: the one that reads the socket. It calls `set_now` once per batch and
# `apply` once per message; Python on the same thread binds requests, adds conditions and drains
# fires in between. Nothing here locks.
#
# What a message means (TWS):
#   BID, ASK        price, and size if it is not NaN. A price that is not finite and above 0 is
#                   "no quote": the column becomes NaN (TWS sends -1 or 0 with size 0).
#   LAST            likewise. Feeds bars when trades_from is 0, as one sample of price; a repeated
#                   price within the bar (a size-only update) is not counted again.
#   LAST_SIZE       a column only: the same trade's LAST has been counted or will be.
#   VOLUME          size: volume of the day so far. Its increase goes to the bar in progress, else
#                   to the next one, when trades_from is 0; a decrease (new day) starts afresh.
#   LAST_TIME       time_ns: corrects trade_ns when LAST was older than its message (the first
#                   messages after subscribing repeat the last trade of hours ago).
#   TRADE           tick-by-tick Last/AllLast; time_ns from the message; feeds bars when
#                   trades_from is 1. Mask bit UNREPORTED: not on the tape (combos, average price
#                   trades), forms no price.
#   QUOTE           tick-by-tick BidAsk: price, size the bid, price2, size2 the ask.
#   BAR             real-time bar of five seconds, by apply_bar; feeds when trades_from is 2.
#   HALTED          price: -1 unknown, 0 trading, 1 regulatory, 2 volatility.
#   DATA_TYPE       price: 1 live, 2 frozen, 3 delayed, 4 delayed frozen.
#   OTHER           counted.
#
# A trade that is older than the current bar's interval changes nothing but late_trades; one of
# the current interval whose bar was completed by the clock changes `last` and late_trades; one
# in the interval of the newest historical bar changes `last` (history has it already).

cimport cython
from libc.stdint cimport int32_t, int64_t, uint32_t, uint64_t

from _fast.bars cimport Bar, Series
from _fast.conditions cimport Fire, Watch
from _fast.indicators cimport AtrState
from _fast.types cimport Instrument, Tick

cdef enum Kind:
    OTHER = 0
    BID = 1
    ASK = 2
    LAST = 3
    BID_SIZE = 4
    ASK_SIZE = 5
    LAST_SIZE = 6
    VOLUME = 7
    HALTED = 8
    DATA_TYPE = 9
    LAST_TIME = 10
    TRADE = 11
    QUOTE = 12
    BAR = 13

cdef enum:
    KIND_MASK = 0xFF
    DELAYED = 0x100            # or-ed into Tick.field for the delayed tick ids (66..): data_type 3
    UNREPORTED = 2             # Tick.mask of a TRADE: pastLimit 1, unreported 2

# Which stream feeds the bars of a row.
cdef enum TradesFrom:
    FROM_LAST = 0
    FROM_TRADE = 1
    FROM_BAR = 2

# What an instrument needs besides its columns: six cache lines, ordered by how often they are
# touched (bar in progress; its series and the conditions; quiet bands; the rest).
cdef struct Row:
    Series series
    Watch watch
    AtrState atr
    double volume_seen         # VOLUME of the last message, NaN: none since bind
    double volume_pending      # increase that waits for a bar
    int64_t part_ns            # start of the newest five-second bar taken
    int64_t spare[2]           # to the end of the line

@cython.final
cdef class Market:
    cdef Instrument* instrument_at     # [capacity], memory owned by `columns`
    cdef Row* row_at                   # [capacity], memory owned by `rows`
    cdef int32_t* row_of               # [request_room] request id -> row, -1 unbound
    cdef int32_t request_room
    cdef int64_t now
    cdef Fire* fire_at                 # [FIRES_MAX] fires not yet drained
    cdef readonly int fired            # how many
    cdef readonly uint64_t unbound     # messages whose request id has no row: dropped
    cdef readonly uint64_t refused     # fires put off because FIRES_MAX were undrained
    cdef readonly uint64_t bad_times   # messages dated over a day ahead of the clock: dated now
    cdef readonly uint64_t bad_bars    # real-time bars without four prices: dropped
    cdef readonly int32_t requests_max
    cdef readonly int32_t capacity
    cdef readonly int32_t bars_max
    cdef readonly int32_t conditions_max
    cdef readonly int32_t count        # rows added
    cdef int32_t next_condition
    cdef object columns                # numpy, dtype of Instrument, (capacity,)
    cdef object rows                   # numpy bytes
    cdef object rings                  # numpy, dtype of Bar, (capacity, bars_max)
    cdef dict row_of_condition

    # Apply one message (Tick.row is the request id); returns how many conditions it fired.
    cdef int apply(self, Tick* tick) noexcept nogil
    # A real-time bar of five seconds that starts at time_ns; volume 0: no trade in it, below 0:
    # not reported (indices, currencies). Returns fires as `apply` does.
    cpdef int apply_bar(
        self, int32_t request_id, int64_t time_ns,
        double open, double high, double low, double close, double volume,
    ) noexcept nogil
    # Exchange time for messages that carry none; never goes back.
    cdef void set_now(self, int64_t exchange_ns) noexcept nogil
    # Complete every bar whose interval ended at or before now_ns; returns how many.
    cdef int close_due(self, int64_t now_ns) noexcept nogil

    # For a caller that knows the requests of coming messages: start loading what they will touch.
    cdef void prefetch(self, int32_t request_id) noexcept nogil

    cdef int64_t dated(self, int64_t time_ns) noexcept nogil
    cdef uint32_t change(self, int32_t row, Tick* tick, int64_t time_ns) noexcept nogil
    cdef uint32_t priced(self, int32_t row, Tick* tick, int64_t time_ns) noexcept nogil
    cdef uint32_t traded(self, int32_t row, const Bar* part, bint feeds) noexcept nogil
    cdef uint32_t completed(self, int32_t row) noexcept nogil
    cdef int conclude(self, int32_t row, uint32_t changed, int64_t time_ns) noexcept nogil
    cdef int32_t checked(self, row) except -1
