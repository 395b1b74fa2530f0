"""Many ticks to many subscribers in one call; see bursts.pxd."""

cimport cython
from libc.math cimport isnan
from libc.stdint cimport int64_t, uint8_t

from _fast.past_bars cimport PastBars
from _fast.tellers cimport IS_ASK, IS_BID, IS_TRADE, Teller, letter, number, price_of
from _fast.tick_frames cimport Sheet


@cython.final
cdef class Place:
    def __init__(self, object book not None, PastBars bars not None):
        self.book = book
        self.bars = bars
        self.tellers, self.sheets, self.rows = [], [], []

    def load(
        self, list tellers not None, list sheets not None, double bid_from, double ask_to,
        double last_from, double last_to, int64_t until_ns,
    ):
        cdef object book = self.book
        if len(tellers) != len(sheets):
            raise ValueError(f"{len(tellers)} tellers and {len(sheets)} sheets")
        self.tellers, self.sheets = tellers, sheets
        self.bid_from, self.ask_to = bid_from, ask_to
        self.last_from, self.last_to = last_from, last_to
        self.until_ns = until_ns
        self.shown.bid, self.shown.bid_size = number(book.bid), book.bid_size
        self.shown.ask, self.shown.ask_size = number(book.ask), book.ask_size
        self.shown.open, self.shown.high = number(book.open), number(book.high)
        self.shown.low, self.shown.volume = number(book.low), book.volume
        self.bids = self.asks = self.trades = 0

    def unload(self):
        cdef object book = self.book
        if self.bids:
            book.bid, book.bid_ns = self.shown.bid, self.bid_ns
            book.bid_size = book.bid_left = self.shown.bid_size
            book.quoted = True
        if self.asks:
            book.ask, book.ask_ns = self.shown.ask, self.ask_ns
            book.ask_size = book.ask_left = self.shown.ask_size
            book.quoted = True
        if self.trades:
            book.last, book.last_ns = self.last, self.last_ns
            book.last_size = book.print_left = self.last_size
            book.volume = self.shown.volume
            book.open, book.high = price_of(self.shown.open), price_of(self.shown.high)
            book.low = price_of(self.shown.low)
        self.rows, rows = [], self.rows
        return rows

    @property
    def traded(self):
        return self.trades > 0

    cdef bint matters(self, uint8_t kind, double price, int64_t now_ns) noexcept:
        """Whether somebody waits for this tick."""
        if now_ns >= self.until_ns:
            return True
        if kind == IS_BID:
            return price >= self.bid_from
        if kind == IS_TRADE:
            return price >= self.last_from or price <= self.last_to
        return price <= self.ask_to

    cdef int take(
        self, uint8_t kind, double price, int64_t size, int64_t time_ns, int64_t now_ns
    ) except -1:
        """A tick happens at the exchange, and is told."""
        cdef Py_ssize_t i
        if kind == IS_BID:
            self.shown.bid, self.shown.bid_size, self.bid_ns = price, size, now_ns
            self.bids += 1
        elif kind == IS_TRADE:
            self.last, self.last_size, self.last_ns = price, size, now_ns
            self.traded_ns = time_ns
            self.trades += 1
            self.shown.volume += size
            if isnan(self.shown.high) or isnan(self.shown.low):
                self.shown.open = self.shown.high = self.shown.low = price
            elif price > self.shown.high:
                self.shown.high = price
            elif price < self.shown.low:
                self.shown.low = price
        else:
            self.shown.ask, self.shown.ask_size, self.ask_ns = price, size, now_ns
            self.asks += 1
        self.bars.take_in(now_ns, kind, price, size)
        for i in range(len(self.tellers)):
            (<Teller>self.tellers[i]).tell(
                <Sheet>self.sheets[i], kind, price, size, time_ns, &self.shown
            )
        return 0


@cython.final
cdef class Burst:
    def __init__(self, object ready not None):
        self.ready = ready
        self.places = {}

    @property
    def met(self):
        return list(self.places.values())

    def play(self, list ticks not None, Py_ssize_t at, int64_t now_ns, int64_t until_ns):
        cdef Place place
        cdef int64_t time_ns, size
        cdef double price
        cdef uint8_t kind
        self.places = {}
        self.now_ns = now_ns
        while at < len(ticks):
            tick = ticks[at]
            symbol = tick.symbol
            found = self.places.get(symbol)
            if found is None:
                found = self.ready(symbol)
                if found is None:
                    break
                self.places[symbol] = found
            place = found
            letters, cost, shares = tick.kind, tick.price, tick.size
            kind, price, size, time_ns = letter(letters), cost, shares, tick.time_ns
            now_ns = max(self.now_ns, time_ns)
            if time_ns >= until_ns or place.matters(kind, price, now_ns):
                break
            self.now_ns = now_ns
            place.take(kind, price, size, time_ns, now_ns)
            place.rows.append((now_ns, letters, cost, shares))
            at += 1
        return at
