"""Many ticks of a simulated market in one call; see stretch.pxd."""

cimport cython
from cpython.mem cimport PyMem_Calloc, PyMem_Free, PyMem_Realloc
from libc.math cimport NAN, isnan
from libc.stdint cimport int32_t, int64_t, uint8_t

from _fast.conditions cimport COLUMN_ATR
from _fast.instruments cimport Row
from _fast.lanes cimport (
    STREAMS_MAX, TOLD_BID_ASK, TOLD_LAST, TOLD_QUOTE, Lane, Look, load_lane, load_look,
    unload_book, unload_look, unload_told, unload_trade,
)
from _fast.market cimport Market
from _fast.reader cimport Reader
from _fast.tellers cimport IS_ASK, IS_BID, IS_TRADE, QuoteTeller, differ
from _fast.types cimport (
    ASK, ASK_SIZE, BID, BID_SIZE, LAST, LAST_SIZE, LAST_TIME, OTHER, QUOTE, SECOND_NS, TRADE,
    VOLUME, Instrument, Tick,
)

NEVER_NS = 1 << 62
OTHERS, ARRIVAL, FIRES, TURN = 0, 1, 2, 3
QUOTES, TRADES, SIDES = TOLD_QUOTE, TOLD_LAST, TOLD_BID_ASK
STREAMS = STREAMS_MAX

cdef int64_t NEVER = <int64_t>1 << 62


cdef struct Mouth:             # what one tick makes the streams say
    Tick tick
    int64_t count


cdef inline void say(
    Market market, Mouth* mouth, int32_t field, double price, double size, int64_t time_ns
) noexcept:
    mouth.tick.field = field
    mouth.tick.price = price
    mouth.tick.size = size
    mouth.tick.time_ns = time_ns
    market.apply(&mouth.tick)
    mouth.count += 1


cdef void tell_day(Market market, Lane* lane, Mouth* mouth) noexcept:
    if not isnan(lane.high) and differ(lane.high, lane.told_high):
        say(market, mouth, OTHER, lane.high, 0.0, 0)
    if not isnan(lane.low) and differ(lane.low, lane.told_low):
        say(market, mouth, OTHER, lane.low, 0.0, 0)
    if not isnan(lane.open) and differ(lane.open, lane.told_open):
        say(market, mouth, OTHER, lane.open, 0.0, 0)
    lane.told_high, lane.told_low, lane.told_open = lane.high, lane.low, lane.open


cdef void tell_trade(
    Market market, Lane* lane, Mouth* mouth, double price, int64_t size, int64_t time_ns
) noexcept:
    cdef int64_t second = time_ns // SECOND_NS
    if second != lane.told_second:
        lane.told_second = second
        say(market, mouth, LAST_TIME, NAN, NAN, second * SECOND_NS)
    if differ(price, lane.told_last):
        say(market, mouth, LAST, price, <double>size, 0)
    elif size != lane.told_last_size:
        say(market, mouth, LAST_SIZE, NAN, <double>size, 0)
    lane.told_last, lane.told_last_size = price, size
    say(market, mouth, VOLUME, NAN, <double>lane.volume, 0)
    tell_day(market, lane, mouth)


cdef void tell_quote(
    Market market, Lane* lane, Mouth* mouth, uint8_t kind, double price, int64_t size,
    int64_t time_ns,
) noexcept:
    if kind == IS_TRADE:
        tell_trade(market, lane, mouth, price, size, time_ns)
    elif kind == IS_BID:
        if price == lane.told_bid:
            say(market, mouth, BID_SIZE, NAN, <double>size, 0)
        else:
            lane.told_bid = price
            say(market, mouth, BID, price, <double>size, 0)
    elif price == lane.told_ask:
        say(market, mouth, ASK_SIZE, NAN, <double>size, 0)
    else:
        lane.told_ask = price
        say(market, mouth, ASK, price, <double>size, 0)


cdef void tell_one_by_one(
    Market market, Lane* lane, Mouth* mouth, int index, uint8_t kind, double price, int64_t size,
    int64_t time_ns,
) noexcept:
    cdef int64_t second_ns = time_ns - time_ns % SECOND_NS
    if lane.streams[index] == TOLD_LAST:
        if kind == IS_TRADE:
            say(market, mouth, TRADE, price, <double>size, second_ns)
        return
    if kind == IS_TRADE or isnan(lane.bid) or isnan(lane.ask):
        return
    mouth.tick.price2, mouth.tick.size2 = lane.ask, <double>lane.ask_size
    say(market, mouth, QUOTE, lane.bid, <double>lane.bid_size, second_ns)
    mouth.tick.price2 = mouth.tick.size2 = NAN


cdef inline void shown(
    Lane* lane, uint8_t kind, double price, int64_t size, int64_t time_ns
) noexcept:
    """A tick in the exchange's book."""
    if kind == IS_BID:
        lane.bid, lane.bid_size, lane.bid_ns = price, size, time_ns
        lane.bids += 1
    elif kind == IS_ASK:
        lane.ask, lane.ask_size, lane.ask_ns = price, size, time_ns
        lane.asks += 1
    else:
        lane.last, lane.last_size, lane.last_ns = price, size, time_ns
        lane.trades += 1
        lane.volume += size
        if isnan(lane.high) or isnan(lane.low):
            lane.open = lane.high = lane.low = price
        elif price > lane.high:
            lane.high = price
        elif price < lane.low:
            lane.low = price


@cython.final
cdef class Stretch:
    """The columns of a market, who listens to it, and how far both have come."""

    def __cinit__(self, Market market not None, Reader reader not None, Py_ssize_t symbols):
        self.market = market
        self.reader = reader
        self.lanes = <Lane*>PyMem_Calloc(<size_t>symbols + 1, sizeof(Lane))
        if self.lanes is NULL:
            raise MemoryError
        self.symbols_count = symbols

    def __dealloc__(self):
        PyMem_Free(self.lanes)
        PyMem_Free(self.looks)

    def follow_clocks(self, int64_t mono_offset_ns):
        cdef Reader reader = self.reader
        if not reader.clocked or reader.rate != 1.0:
            return False
        self.mono_offset_ns = mono_offset_ns
        self.told_offset_ns = reader.exchange_anchor - reader.mono_anchor + mono_offset_ns
        return True

    def over_columns(
        self, const int64_t[::1] times, const int32_t[::1] symbols, const uint8_t[::1] kinds,
        const double[::1] prices, const int64_t[::1] sizes,
    ):
        cdef Py_ssize_t index, n = times.shape[0]
        if not (n == symbols.shape[0] == kinds.shape[0] == prices.shape[0] == sizes.shape[0]):
            raise ValueError("the columns are of equal length")
        for index in range(n):
            self.lane(symbols[index])  # nobody looks at the place again
        self.times, self.symbols, self.kinds = times, symbols, kinds
        self.prices, self.sizes = prices, sizes

    # -- what is played with, and what becomes of it -------------------------------------------

    cdef Lane* lane(self, Py_ssize_t place) except NULL:
        if not 0 <= place < self.symbols_count:
            raise ValueError(f"symbol {place} of {self.symbols_count}")
        return &self.lanes[place]

    def load(
        self, Py_ssize_t place, object book, QuoteTeller told, tuple streams not None,
        object waits, object trade,
    ):
        load_lane(self.lane(place), book, told, streams, waits, trade)

    def unload(self, Py_ssize_t place, object book, QuoteTeller told):
        cdef Lane* lane = self.lane(place)
        unload_book(lane, book)
        if told is not None:
            unload_told(lane, told)
        return lane.trades > 0

    def measured(self, Py_ssize_t place, object trade):
        cdef Lane* lane = self.lane(place)
        unload_trade(lane, trade)
        return lane.quotes > 0

    def look_around(self, object calm, int64_t mono_offset_ns):
        self.turns = self.held = 0
        self.calm = calm is not None
        if calm is None:
            return
        self.idle_ns, self.patience_ns = calm.idle_ns, calm.due_ns - mono_offset_ns
        self.bars_closed_ns, self.bars_every_ns = calm.bars_closed_ns, calm.bars_every_ns
        self.day_ends_ns = calm.day_ends_ns
        self.loss_max, self.fall_max = calm.loss_max, calm.fall_max
        self.profit, self.peak, self.drawdown = calm.profit, calm.peak, calm.drawdown
        self.load_looks(calm.looks)

    cdef int load_looks(self, list looks) except -1:
        cdef Py_ssize_t index, count = len(looks)
        cdef Look* room
        if count > self.held_max:
            room = <Look*>PyMem_Realloc(self.looks, <size_t>count * sizeof(Look))
            if room is NULL:
                raise MemoryError
            self.looks, self.held_max = room, count
        for index in range(count):
            load_look(&self.looks[index], looks[index])
        self.held = count
        return 0

    def looked(self, object calm, int64_t mono_offset_ns):
        cdef Py_ssize_t index
        calm.turns += self.turns
        calm.looked_ns = self.deadline_ns - self.idle_ns + mono_offset_ns
        calm.bars_closed_ns = self.bars_closed_ns
        calm.profit, calm.peak, calm.drawdown = self.profit, self.peak, self.drawdown
        for index in range(self.held):
            unload_look(&self.looks[index], calm.looks[index])

    def run(self):
        cdef int64_t tick_ns, heard_ns, arrives_ns, next_ns
        cdef Py_ssize_t n = self.times.shape[0]
        if not self.over and not 0 <= self.heard <= self.at <= self.stop < n:
            raise ValueError(f"{self.heard}, {self.at}, {self.stop} of {n} rows")
        while True:
            tick_ns = NEVER if self.over else self.times[self.at]
            heard_ns = NEVER
            if self.heard < self.at:
                heard_ns = self.times[self.heard] + self.latency_ns
            arrives_ns = min(heard_ns, self.arrives_ns)
            if arrives_ns <= self.beat_ns and arrives_ns <= tick_ns:
                next_ns = arrives_ns
            else:
                next_ns = min(tick_ns, self.beat_ns)
            if next_ns > self.deadline_ns:
                if self.deadline_ns >= self.limit_ns:
                    return OTHERS
                self.now_ns = max(self.now_ns, self.deadline_ns)
                if not self.look():
                    return TURN
                continue
            if next_ns >= self.limit_ns:
                return OTHERS
            if arrives_ns <= self.beat_ns and arrives_ns <= tick_ns:
                if self.arrives_ns <= heard_ns:
                    return ARRIVAL
                self.happened(next_ns)
                self.hear(next_ns)
                if self.market.fired:
                    return FIRES
            elif tick_ns < self.beat_ns:
                if self.at >= self.stop or self.matters():
                    return OTHERS
                self.play()
                if not self.latency_ns:
                    self.hear(tick_ns)
                    if self.market.fired:
                        return FIRES
            else:
                if self.beat_ns >= self.values_due_ns:
                    return OTHERS
                self.happened(self.beat_ns)
                self.exchange_ns = max(self.exchange_ns, self.beat_ns)
                if self.beat_ns >= self.profits_due_ns:
                    self.profits_due_ns = self.beat_ns + self.profits_every_ns
                self.beat_ns += self.beat_every_ns

    def catch_up(self, int64_t now_ns):
        self.happened(now_ns)
        if self.heard < self.at and self.times[self.heard] + self.latency_ns <= now_ns:
            self.hear(now_ns)

    cdef bint matters(self) except -1:
        """Whether somebody waits for the next tick."""
        cdef Lane* lane = &self.lanes[self.symbols[self.at]]
        cdef double price = self.prices[self.at]
        cdef uint8_t kind = self.kinds[self.at]
        if self.times[self.at] >= lane.until_ns:
            return True
        if kind == IS_BID:
            return price >= lane.bid_from
        if kind == IS_ASK:
            return price <= lane.ask_to
        return price >= lane.last_from or price <= lane.last_to

    cdef int play(self) except -1:
        """The next tick happens at the exchange."""
        cdef Lane* lane = &self.lanes[self.symbols[self.at]]
        cdef uint8_t kind = self.kinds[self.at]
        cdef int64_t time_ns = self.times[self.at]
        cdef double gain
        if kind != IS_TRADE:
            lane.quotes += 1
        if lane.sign:
            if lane.mark == IS_TRADE and kind == (IS_BID if lane.sign > 0 else IS_ASK):
                lane.mark = kind
            if lane.mark == kind:
                gain = (self.prices[self.at] - lane.average) * lane.sign
                if gain > lane.favourable:
                    lane.favourable = gain
                elif -gain > lane.adverse:
                    lane.adverse = -gain
        self.exchange_ns = time_ns
        self.happened(time_ns)
        self.at += 1
        return 0

    cdef void happened(self, int64_t now_ns) noexcept:
        self.event_ns = max(self.event_ns, now_ns)
        self.now_ns = max(self.now_ns, now_ns)

    cdef int hear(self, int64_t now_ns) except -1:
        """The client hears of every tick that reaches it now."""
        cdef Lane* lane
        cdef Mouth mouth
        cdef int index
        cdef uint8_t kind
        cdef double price
        cdef int64_t size, time_ns
        self.market.set_now(now_ns + self.told_offset_ns)
        mouth.count = 0
        mouth.tick.mask = 0
        mouth.tick.price2 = mouth.tick.size2 = NAN
        while self.heard < self.at and self.times[self.heard] + self.latency_ns <= now_ns:
            lane = &self.lanes[self.symbols[self.heard]]
            kind, price = self.kinds[self.heard], self.prices[self.heard]
            size, time_ns = self.sizes[self.heard], self.times[self.heard]
            shown(lane, kind, price, size, time_ns)
            for index in range(<int>STREAMS_MAX):
                if not lane.streams[index]:
                    break
                mouth.tick.row = lane.requests[index]
                if lane.streams[index] == TOLD_QUOTE:
                    tell_quote(self.market, lane, &mouth, kind, price, size, time_ns)
                else:
                    tell_one_by_one(
                        self.market, lane, &mouth, index, kind, price, size, time_ns
                    )
            self.heard += 1
        self.reader.frames += mouth.count
        self.reader.ticks += mouth.count
        if mouth.count:
            self.reader.batches += 1
            self.reader.last_receive_ns = now_ns + self.mono_offset_ns
        return 0

    # -- idle looks --------------------------------------------------------------------------

    cdef bint bars_speak(self, int64_t now_ns) noexcept:
        """Whether a bar that the clock ends now may make a condition true."""
        cdef Row* row
        cdef int32_t index
        for index in range(self.market.count):
            row = &self.market.row_at[index]
            if row.series.current.count == 0 or now_ns < row.series.until_ns:
                continue
            if row.studies is not NULL or row.watch.columns >> COLUMN_ATR & 1:
                return True
        return False

    cdef bint look(self) except -1:
        """The client looks around at its deadline, and waits again; False: it has more to do."""
        cdef int64_t now_ns = self.deadline_ns + self.told_offset_ns
        cdef bint closes = now_ns - self.bars_closed_ns >= self.bars_every_ns
        cdef double profit = self.profit
        cdef double before, peak
        cdef Look* looks = self.looks
        cdef Py_ssize_t index
        if (
            not self.calm or self.deadline_ns + self.idle_ns > self.patience_ns
            or now_ns >= self.day_ends_ns or (closes and self.bars_speak(now_ns))
        ):
            return False
        for index in range(self.held):
            profit += profit_of(&looks[index], self.market) - looks[index].profit
        peak = max(self.peak, profit)
        if -profit >= self.loss_max or peak - profit >= self.fall_max:
            return False
        if closes:
            self.bars_closed_ns = now_ns
            self.market.close_due(now_ns)
        profit = self.profit
        for index in range(self.held):
            before = looks[index].profit
            see(&looks[index], self.market)
            profit += looks[index].profit - before
        self.profit = profit
        if profit > self.peak:
            self.peak = profit
        if self.peak - profit > self.drawdown:
            self.drawdown = self.peak - profit
        self.turns += 1
        self.deadline_ns += self.idle_ns
        return True


cdef inline double price_of(const Look* look, Market market) noexcept:
    """Where the position could be closed, NaN: nobody knows."""
    cdef Instrument* at = &market.instrument_at[look.row]
    cdef double price = at.bid if look.sign > 0 else at.ask
    return at.last if isnan(price) and not look.quoted else price


cdef inline double open_at(const Look* look, double price) noexcept:
    return look.realised + (price - look.average) * look.sign * look.quantity


cdef double profit_of(const Look* look, Market market) noexcept:
    """The day's profit of the symbol as `see` would leave it."""
    cdef double price = price_of(look, market)
    return look.told + (look.open if isnan(price) else open_at(look, price)) + look.aside


cdef void see(Look* look, Market market) noexcept:
    cdef Instrument* at = &market.instrument_at[look.row]
    cdef double price = price_of(look, market)
    cdef double gain
    if not isnan(at.bid if look.sign > 0 else at.ask):
        look.quoted = 1
    if not isnan(price):
        gain = (price - look.average) * look.sign
        look.open = look.realised + gain * look.quantity
        if look.open > look.trade_peak:
            look.trade_peak = look.open
        if -gain > look.adverse:
            look.adverse = -gain
        if gain > look.favourable:
            look.favourable = gain
        if look.trade_peak - look.open > look.trade_drawdown:
            look.trade_drawdown = look.trade_peak - look.open
        look.samples += 1
        look.seen = 1
    look.profit = look.told + look.open + look.aside
    if look.profit > look.peak:
        look.peak = look.profit
    if look.peak - look.profit > look.drawdown:
        look.drawdown = look.peak - look.profit
