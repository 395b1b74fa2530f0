# What one decoded market message does to its instrument: columns, bar in progress, ATR. No GIL.
# All of it is inline, because a call into another module costs a sixth of a tick.
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
#   SHORTABLE       price: above 2.5 at least 1000 shares can be borrowed, above 1.5 some may be
#                   located, else none; no such number: unknown.
#   DATA_TYPE       price: 1 live, 2 frozen, 3 delayed, 4 delayed frozen.
#   OTHER           counted.
#
# A trade that is older than the current bar's interval changes nothing but late_trades; one of
# the current interval whose bar was completed by the clock changes `last` and late_trades; one
# in the interval of the newest historical bar changes `last` (history has it already).

from libc.math cimport NAN, isnan
from libc.stdint cimport int16_t, int32_t, int64_t, uint32_t

from _fast.bars cimport COMPLETED, MERGED, MISSED, Bar, Taken, complete, merge, newest
from _fast.conditions cimport (
    COLUMN_ASK, COLUMN_ASK_SIZE, COLUMN_ATR, COLUMN_BID, COLUMN_BID_SIZE, COLUMN_LAST,
    COLUMN_LAST_SIZE, COLUMN_MID, COLUMN_SPREAD, COLUMN_VOLUME,
)
from _fast.instruments cimport FROM_BAR, FROM_LAST, Row
from _fast.ranges cimport atr_push, atr_ready
from _fast.studies cimport studies_push
from _fast.types cimport (
    ASK, ASK_SIZE, BID, BID_SIZE, DATA_TYPE, DELAYED, HALTED, KIND_MASK, LAST, LAST_SIZE,
    LAST_TIME, NUMBER_MAX, QUOTE, SECOND_NS, SHORTABLE, TRADE, UNREPORTED, VOLUME, Instrument, Tick,
)

cdef enum:
    BID_BITS = 1 << COLUMN_BID | 1 << COLUMN_SPREAD | 1 << COLUMN_MID
    ASK_BITS = 1 << COLUMN_ASK | 1 << COLUMN_SPREAD | 1 << COLUMN_MID
    PART_S = 5                 # length of TWS's real-time bars

cdef inline double price_of(double price) noexcept nogil:
    return price if 0.0 < price < NUMBER_MAX else NAN

cdef inline double size_of(double size) noexcept nogil:
    return size if 0.0 <= size < NUMBER_MAX else NAN

cdef inline void quoted(Instrument* at, int64_t time_ns) noexcept nogil:
    at.spread = at.ask - at.bid
    at.mid = (at.ask + at.bid) * 0.5
    if time_ns > at.quote_ns:
        at.quote_ns = time_ns

cdef inline uint32_t set_bid(Instrument* at, double price, double size) noexcept nogil:
    at.bid = price_of(price)
    if isnan(size):
        return BID_BITS
    at.bid_size = size_of(size)
    return BID_BITS | 1 << COLUMN_BID_SIZE

cdef inline uint32_t set_ask(Instrument* at, double price, double size) noexcept nogil:
    at.ask = price_of(price)
    if isnan(size):
        return ASK_BITS
    at.ask_size = size_of(size)
    return ASK_BITS | 1 << COLUMN_ASK_SIZE

# Volume of the day: only its increase since the last message belongs to a bar.
cdef inline void set_volume(Instrument* at, Row* row, double size, int64_t time_ns) noexcept nogil:
    cdef double increase = size_of(size) - row.volume_seen
    at.volume = row.volume_seen = size_of(size)
    if at.trades_from != FROM_LAST or not increase > 0:
        return
    if row.series.current.count and time_ns < row.series.until_ns:
        row.series.current.volume += increase
    else:
        row.volume_pending += increase

# A small whole number that came as a double, -1 when it is none.
cdef inline int32_t code_of(double value) noexcept nogil:
    return <int32_t>value if 0.0 <= value < 1000.0 else -1

cdef inline void set_last_time(Instrument* at, int64_t time_ns) noexcept nogil:
    # Whole seconds: only more than that says that LAST repeated an old trade. Where the trades
    # come tick by tick, trade_ns is the better one and only moves forward.
    if time_ns > at.trade_ns or (
        at.trades_from == FROM_LAST and time_ns + SECOND_NS <= at.trade_ns
    ):
        at.trade_ns = time_ns

# The newest completed bar goes to the indicators.
cdef inline uint32_t completed(Instrument* at, Row* row) noexcept nogil:
    cdef const Bar* bar = newest(&row.series)
    at.atr = atr_push(&row.atr, bar.high, bar.low, bar.close)
    at.atr_ready = atr_ready(&row.atr)
    if row.studies is not NULL:
        studies_push(row.studies, bar)
    return 1 << COLUMN_ATR

# A trade: the last price, and the bar when its stream feeds. 0: too old for either.
cdef inline uint32_t traded(Instrument* at, Row* row, const Bar* part, bint feeds) noexcept nogil:
    cdef uint32_t changed = 1 << COLUMN_LAST
    cdef Taken taken = MERGED
    if part.time_ns < row.series.current.time_ns:
        at.late_trades += 1
        return 0
    if feeds and part.time_ns > 0:  # 0: no clock was ever set, so the trade has no bar
        taken = merge(&row.series, part)
        if taken == MISSED:
            at.late_trades += not row.series.covered
        elif taken != MERGED:
            row.series.current.volume += row.volume_pending
            row.volume_pending = 0.0
            if taken == COMPLETED:
                changed |= completed(at, row)
    at.last = part.close
    if part.time_ns > at.trade_ns:
        at.trade_ns = part.time_ns
    return changed

# LAST and TRADE: one price, and who counts it.
cdef inline uint32_t priced(
    Instrument* at, Row* row, const Tick* tick, int64_t time_ns
) noexcept nogil:
    cdef bint by_tick = tick.field & KIND_MASK == TRADE
    cdef uint32_t changed = 0
    cdef Bar part
    if by_tick and tick.mask & UNREPORTED:
        return 0
    part.open = part.high = part.low = part.close = price_of(tick.price)
    part.time_ns = time_ns
    part.volume = 0.0
    part.count = 1
    if by_tick:
        if 0.0 < tick.size < NUMBER_MAX:
            part.volume = tick.size
    else:
        # A price that did not move is a size-only update, not one more trade. (Without a
        # branch: at random trades, half of its predictions would miss.)
        part.count = not (part.close == row.series.current.close) & (time_ns < row.series.until_ns)
    if isnan(part.close):
        at.last = NAN
        changed = 1 << COLUMN_LAST
    else:
        changed = traded(at, row, &part, at.trades_from == (1 if by_tick else 0))
    if changed and not isnan(tick.size):
        at.last_size = size_of(tick.size)
        changed |= 1 << COLUMN_LAST_SIZE
    return changed

# Set what the message says, as of `time_ns`; returns the columns that may have changed, as bits.
cdef inline uint32_t change(
    Instrument* at, Row* row, const Tick* tick, int64_t time_ns
) noexcept nogil:
    cdef int32_t kind = tick.field & KIND_MASK
    cdef uint32_t changed = 0
    at.ticks += 1
    if tick.field & DELAYED:
        at.data_type = 3
    if kind == BID:
        changed = set_bid(at, tick.price, tick.size)
        quoted(at, time_ns)
    elif kind == ASK:
        changed = set_ask(at, tick.price, tick.size)
        quoted(at, time_ns)
    elif kind == QUOTE:
        changed = set_bid(at, tick.price, tick.size) | set_ask(at, tick.price2, tick.size2)
        quoted(at, time_ns)
    elif kind == LAST or kind == TRADE:
        changed = priced(at, row, tick, time_ns)
    elif kind == BID_SIZE:
        at.bid_size = size_of(tick.size)
        quoted(at, time_ns)
        changed = 1 << COLUMN_BID_SIZE
    elif kind == ASK_SIZE:
        at.ask_size = size_of(tick.size)
        quoted(at, time_ns)
        changed = 1 << COLUMN_ASK_SIZE
    elif kind == LAST_SIZE:
        at.last_size = size_of(tick.size)
        changed = 1 << COLUMN_LAST_SIZE
    elif kind == VOLUME:
        set_volume(at, row, tick.size, time_ns)
        changed = 1 << COLUMN_VOLUME
    elif kind == LAST_TIME:
        if tick.time_ns > 0:
            set_last_time(at, time_ns)
    elif kind == HALTED:
        at.halted = <int16_t>code_of(tick.price)
    elif kind == SHORTABLE:
        if tick.price > 2.5:
            at.shortable = 3
        else:
            at.shortable = 2 if tick.price > 1.5 else 1 if tick.price >= 0.0 else 0
    elif kind == DATA_TYPE:
        at.data_type = code_of(tick.price)
    return changed

# A real-time bar has four prices in order; other ones say nothing.
cdef inline bint is_sound(const Bar* part) noexcept nogil:
    return (
        0.0 < part.low <= part.open <= part.high < NUMBER_MAX
        and part.low <= part.close <= part.high
    )

# A sound real-time bar, its volume as sent; returns the columns as `change` does.
cdef inline uint32_t change_by_bar(Instrument* at, Row* row, Bar* part) noexcept nogil:
    cdef uint32_t changed = 0
    if part.time_ns <= row.part_ns:  # TWS repeats bars after a reconnection
        at.late_trades += 1
        return 0
    row.part_ns = part.time_ns
    if part.volume == 0.0:
        return 0
    if not 0.0 < part.volume < NUMBER_MAX:
        part.volume = 0.0
    if at.trades_from == FROM_BAR or part.time_ns >= at.trade_ns:
        changed = traded(at, row, part, at.trades_from == FROM_BAR)
    # The last of a bar's parts is known by its end; no need to wait for the next trade.
    if (
        at.trades_from == FROM_BAR and row.series.current.count
        and part.time_ns + PART_S * SECOND_NS >= row.series.until_ns
    ):
        complete(&row.series)
        changed |= completed(at, row)
    return changed

# The clock says `now_ns`: complete the bar in progress if it is due; returns the columns.
cdef inline uint32_t change_by_clock(Instrument* at, Row* row, int64_t now_ns) noexcept nogil:
    # The last five-second part of a bar arrives after the bar's end.
    cdef int64_t wait_ns = PART_S * SECOND_NS if at.trades_from == FROM_BAR else 0
    if row.series.current.count == 0 or now_ns < row.series.until_ns + wait_ns:
        return 0
    complete(&row.series)
    return completed(at, row)
