"""Numbers of a quiet stretch; see lanes.pxd."""

from libc.math cimport NAN

from _fast.tellers cimport QuoteTeller, number, price_of


cdef int load_lane(
    Lane* lane, object book, QuoteTeller told, tuple streams, object waits, object trade
) except -1:
    """A book of the exchange, what its stream of quotes has told and to whom, what orders wait
    for, and the trade that is measured."""
    cdef Py_ssize_t index, count = len(streams)
    cdef Py_UCS4 mark
    if count > STREAMS_MAX:
        raise ValueError(f"{count} subscriptions of one symbol, of at most {STREAMS_MAX}")
    lane.bid, lane.ask, lane.last = number(book.bid), number(book.ask), number(book.last)
    lane.open, lane.high, lane.low = number(book.open), number(book.high), number(book.low)
    lane.bid_size, lane.ask_size, lane.last_size = book.bid_size, book.ask_size, book.last_size
    lane.bid_ns, lane.ask_ns, lane.last_ns = book.bid_ns, book.ask_ns, book.last_ns
    lane.volume = book.volume
    lane.bids = lane.asks = lane.trades = lane.quotes = 0
    if told is None:
        lane.told_bid = lane.told_ask = lane.told_last = NAN
        lane.told_high = lane.told_low = lane.told_open = NAN
        lane.told_last_size, lane.told_second = -1, 0
    else:
        lane.told_bid, lane.told_ask, lane.told_last = told.told_bid, told.told_ask, told.told_last
        lane.told_high, lane.told_low = told.told_high, told.told_low
        lane.told_open = told.told_open
        lane.told_last_size, lane.told_second = told.last_size, told.last_s
    for index in range(<int>STREAMS_MAX):
        lane.streams[index] = lane.requests[index] = 0
    for index in range(count):
        lane.streams[index], lane.requests[index] = streams[index]
    lane.bid_from, lane.ask_to = waits.bid_from, waits.ask_to
    lane.last_from, lane.last_to = waits.last_from, waits.last_to
    lane.until_ns = waits.until_ns
    lane.average, lane.adverse, lane.favourable = trade.average, trade.adverse, trade.favourable
    mark = trade.mark
    lane.sign, lane.mark = trade.sign, <int32_t>mark
    return 0


cdef int unload_book(const Lane* lane, object book) except -1:
    book.bid, book.ask, book.last = price_of(lane.bid), price_of(lane.ask), price_of(lane.last)
    book.open, book.high, book.low = price_of(lane.open), price_of(lane.high), price_of(lane.low)
    book.bid_size, book.ask_size, book.last_size = lane.bid_size, lane.ask_size, lane.last_size
    book.bid_ns, book.ask_ns, book.last_ns = lane.bid_ns, lane.ask_ns, lane.last_ns
    book.volume = lane.volume
    if lane.bids:
        book.bid_left, book.quoted = lane.bid_size, True
    if lane.asks:
        book.ask_left, book.quoted = lane.ask_size, True
    if lane.trades:
        book.print_left = lane.last_size
    return 0


cdef void unload_told(const Lane* lane, QuoteTeller told) noexcept:
    told.told_bid, told.told_ask, told.told_last = lane.told_bid, lane.told_ask, lane.told_last
    told.told_high, told.told_low, told.told_open = lane.told_high, lane.told_low, lane.told_open
    told.last_size, told.last_s = lane.told_last_size, lane.told_second


cdef int unload_trade(const Lane* lane, object trade) except -1:
    trade.mark = chr(lane.mark)
    trade.adverse, trade.favourable = lane.adverse, lane.favourable
    return 0


cdef int load_look(Look* look, object held) except -1:
    look.row, look.sign, look.quantity = held.row, held.sign, held.quantity
    look.average, look.realised, look.told = held.average, held.realised, held.told
    look.aside, look.open, look.profit = held.aside, held.open, held.profit
    look.peak, look.drawdown = held.peak, held.drawdown
    look.adverse, look.favourable = held.adverse, held.favourable
    look.trade_drawdown, look.trade_peak = held.trade_drawdown, held.trade_peak
    look.samples, look.quoted, look.seen = held.samples, held.quoted, held.seen
    return 0


cdef int unload_look(const Look* look, object held) except -1:
    held.open, held.profit, held.peak, held.drawdown = (
        look.open, look.profit, look.peak, look.drawdown
    )
    held.adverse, held.favourable = look.adverse, look.favourable
    held.trade_drawdown, held.trade_peak = look.trade_drawdown, look.trade_peak
    held.samples, held.quoted, held.seen = look.samples, bool(look.quoted), bool(look.seen)
    return 0
