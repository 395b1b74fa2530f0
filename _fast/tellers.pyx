"""What subscriptions to a simulated market say; see tellers.pxd."""

cimport cython
from libc.math cimport NAN, isnan
from libc.stdint cimport int64_t, uint8_t

from _fast.tick_frames cimport Sheet, TickFrames
from _fast.types cimport SECOND_NS

cdef enum TickType:            # of TWS
    TYPE_BID_SIZE = 0
    TYPE_BID = 1
    TYPE_ASK = 2
    TYPE_ASK_SIZE = 3
    TYPE_LAST = 4
    TYPE_LAST_SIZE = 5
    TYPE_HIGH = 6
    TYPE_LOW = 7
    TYPE_VOLUME = 8
    TYPE_OPEN = 14
    TYPE_LAST_TIME = 45

cdef enum:
    CAN_AUTO_EXECUTE = 1

cdef enum Way:                 # of ticks one by one; the first two as TWS numbers them
    WAY_LAST = 1
    WAY_ALL_LAST = 2
    WAY_BID_ASK = 3
    WAY_MIDPOINT = 4

BID, ASK, LAST, HIGH, LOW, OPEN = TYPE_BID, TYPE_ASK, TYPE_LAST, TYPE_HIGH, TYPE_LOW, TYPE_OPEN
BID_SIZE, ASK_SIZE, LAST_SIZE = TYPE_BID_SIZE, TYPE_ASK_SIZE, TYPE_LAST_SIZE
VOLUME, LAST_TIME = TYPE_VOLUME, TYPE_LAST_TIME
_WAYS = {
    "Last": WAY_LAST, "AllLast": WAY_ALL_LAST, "BidAsk": WAY_BID_ASK, "MidPoint": WAY_MIDPOINT,
}
cdef const char* VENUE = b"ISLAND"
cdef Py_ssize_t VENUE_BYTES = 6


cdef uint8_t letter(object kind) except 0:
    cdef Py_UCS4 found = kind
    return <uint8_t>found


cdef double number(object price) except? -1.0:
    return NAN if price is None else price


cdef object price_of(double number):
    return None if isnan(number) else number


cdef class Teller:
    def __init__(self, int64_t request_id, str symbol not None, TickFrames frames not None):
        self.request_id = request_id
        self.symbol = symbol
        self.frames = frames
        self.own = Sheet()

    cdef int tell(
        self, Sheet sheet, uint8_t kind, double price, int64_t size, int64_t time_ns, Shown* shown
    ) except -1:
        raise NotImplementedError

    def tick(self, tick, quote):
        cdef Shown shown
        shown.bid, shown.bid_size = number(quote.bid), quote.bid_size
        shown.ask, shown.ask_size = number(quote.ask), quote.ask_size
        shown.open, shown.high, shown.low = number(quote.open), number(quote.high), number(quote.low)
        shown.volume = quote.volume
        self.tell(self.own, letter(tick.kind), tick.price, tick.size, tick.time_ns, &shown)
        return self.own.cut()


cdef class QuoteTeller(Teller):
    def __init__(self, int64_t request_id, str symbol not None, TickFrames frames not None):
        super().__init__(request_id, symbol, frames)
        self.told_bid = self.told_ask = self.told_last = NAN
        self.told_high = self.told_low = self.told_open = NAN
        self.last_size = -1

    @property
    def bid(self):
        return price_of(self.told_bid)

    @bid.setter
    def bid(self, price):
        self.told_bid = number(price)

    @property
    def ask(self):
        return price_of(self.told_ask)

    @ask.setter
    def ask(self, price):
        self.told_ask = number(price)

    @property
    def last(self):
        return price_of(self.told_last)

    @last.setter
    def last(self, price):
        self.told_last = number(price)

    @property
    def high(self):
        return price_of(self.told_high)

    @high.setter
    def high(self, price):
        self.told_high = number(price)

    @property
    def low(self):
        return price_of(self.told_low)

    @low.setter
    def low(self, price):
        self.told_low = number(price)

    @property
    def open(self):
        return price_of(self.told_open)

    @open.setter
    def open(self, price):
        self.told_open = number(price)

    cdef int tell(
        self, Sheet sheet, uint8_t kind, double price, int64_t size, int64_t time_ns, Shown* shown
    ) except -1:
        if kind == IS_TRADE:
            return self.tell_trade(sheet, price, size, time_ns, shown)
        if kind == IS_BID:
            if price == self.told_bid:
                return self.frames.write_size(sheet, TYPE_BID_SIZE, size)
            self.told_bid = price
            return self.frames.write_price(sheet, TYPE_BID, price, size, CAN_AUTO_EXECUTE)
        if price == self.told_ask:
            return self.frames.write_size(sheet, TYPE_ASK_SIZE, size)
        self.told_ask = price
        return self.frames.write_price(sheet, TYPE_ASK, price, size, CAN_AUTO_EXECUTE)

    cdef int tell_trade(
        self, Sheet sheet, double price, int64_t size, int64_t time_ns, Shown* shown
    ) except -1:
        cdef TickFrames frames = self.frames
        cdef int64_t second = time_ns // SECOND_NS
        if second != self.last_s:
            self.last_s = second
            frames.write_second(sheet, TYPE_LAST_TIME, second)
        if price != self.told_last:
            frames.write_price(sheet, TYPE_LAST, price, size, 0)
        elif size != self.last_size:
            frames.write_size(sheet, TYPE_LAST_SIZE, size)
        self.told_last, self.last_size = price, size
        frames.write_size(sheet, TYPE_VOLUME, shown.volume)
        return self.tell_day(sheet, shown)

    cdef int tell_day(self, Sheet sheet, Shown* shown) except -1:
        """The day's figures that are no longer what was told."""
        if not isnan(shown.high) and differ(shown.high, self.told_high):
            self.frames.write_price(sheet, TYPE_HIGH, shown.high, 0, 0)
        if not isnan(shown.low) and differ(shown.low, self.told_low):
            self.frames.write_price(sheet, TYPE_LOW, shown.low, 0, 0)
        if not isnan(shown.open) and differ(shown.open, self.told_open):
            self.frames.write_price(sheet, TYPE_OPEN, shown.open, 0, 0)
        self.told_high, self.told_low, self.told_open = shown.high, shown.low, shown.open
        return 0


cdef class TickTeller(Teller):
    def __init__(
        self, int64_t request_id, str symbol not None, str kind not None,
        TickFrames frames not None,
    ):
        super().__init__(request_id, symbol, frames)
        self.kind = kind
        self.way = _WAYS[kind]
        self.mid = NAN

    cdef int tell(
        self, Sheet sheet, uint8_t kind, double price, int64_t size, int64_t time_ns, Shown* shown
    ) except -1:
        cdef int64_t second = time_ns // SECOND_NS
        cdef double mid
        if self.way == WAY_LAST or self.way == WAY_ALL_LAST:
            if kind != IS_TRADE:
                return 0
            return self.frames.write_last(
                sheet, self.way, second, price, size, VENUE, VENUE_BYTES
            )
        if kind == IS_TRADE or isnan(shown.bid) or isnan(shown.ask):
            return 0
        if self.way == WAY_BID_ASK:
            return self.frames.write_bid_ask(
                sheet, second, shown.bid, shown.ask, shown.bid_size, shown.ask_size
            )
        mid = middle(shown.bid, shown.ask)
        if mid == self.mid:
            return 0
        self.mid = mid
        return self.frames.write_mid(sheet, second, mid)


def middle(double bid, double ask):
    return round((bid + ask) / 2.0, 6)
