"""Market state of all instruments; what each message does is in ticks.pxd."""

cimport cython
from libc.math cimport NAN, isnan
from libc.stdint cimport int32_t, int64_t, uint8_t, uint32_t
from libc.stdlib cimport free, malloc, realloc

import numpy as np

from _fast.bars cimport (
    COMPLETED, LATE, MERGED, MISSED, OPENED,
    Bar, Taken, complete, merge, newest, series_copy, series_extend, series_init,
)
from _fast.bars import BAR_DTYPE, RING_BARS
from _fast.conditions cimport (
    COLUMN_ASK, COLUMN_ASK_SIZE, COLUMN_ATR, COLUMN_BID, COLUMN_BID_SIZE, COLUMN_COUNT,
    COLUMN_LAST, COLUMN_LAST_SIZE, COLUMN_MID, COLUMN_SPREAD, COLUMN_VOLUME, FIRES_MAX,
    Condition, Fire, evaluate, holds, stirred, watch_add, watch_drop, watch_free,
)
from _fast.conditions import COLUMNS, OPS
from _fast.indicators cimport atr_free, atr_init, atr_push, atr_ready, atr_reset
from _fast.types cimport Instrument, Tick, fast_assert

cdef extern from *:
    void __builtin_prefetch(const void* address) noexcept nogil

cdef int64_t SECOND_NS = 1_000_000_000
cdef int64_t PART_NS = 5 * SECOND_NS           # length of TWS's real-time bars
cdef int64_t AHEAD_MAX_NS = 86_400 * SECOND_NS
cdef int64_t TIME_MAX_NS = <int64_t>1 << 62    # year 2116; leaves room to add an interval
cdef double NUMBER_MAX = 9007199254740992.0    # 2**53; TWS's "unset" sentinels lie above
cdef enum:
    LINE = 64
    AHEAD = 8                                  # messages whose rows replay starts loading

cdef uint32_t BID_BITS = 1 << COLUMN_BID | 1 << COLUMN_SPREAD | 1 << COLUMN_MID
cdef uint32_t ASK_BITS = 1 << COLUMN_ASK | 1 << COLUMN_SPREAD | 1 << COLUMN_MID

KINDS = {
    "OTHER": OTHER, "BID": BID, "ASK": ASK, "LAST": LAST, "BID_SIZE": BID_SIZE,
    "ASK_SIZE": ASK_SIZE, "LAST_SIZE": LAST_SIZE, "VOLUME": VOLUME, "HALTED": HALTED,
    "DATA_TYPE": DATA_TYPE, "LAST_TIME": LAST_TIME, "TRADE": TRADE, "QUOTE": QUOTE, "BAR": BAR,
}
DELAYED_FLAG = DELAYED
UNREPORTED_BIT = UNREPORTED
TRADES_FROM = {"last": FROM_LAST, "trade": FROM_TRADE, "bar": FROM_BAR}

cdef Instrument _probe


cdef instrument_dtype():
    # Offsets are taken from the struct itself: a field that moves takes its name along.
    cdef char* base = <char*>&_probe
    fields = [
        ("bid", "f8", <char*>&_probe.bid - base),
        ("ask", "f8", <char*>&_probe.ask - base),
        ("last", "f8", <char*>&_probe.last - base),
        ("bid_size", "f8", <char*>&_probe.bid_size - base),
        ("ask_size", "f8", <char*>&_probe.ask_size - base),
        ("last_size", "f8", <char*>&_probe.last_size - base),
        ("volume", "f8", <char*>&_probe.volume - base),
        ("atr", "f8", <char*>&_probe.atr - base),
        ("spread", "f8", <char*>&_probe.spread - base),
        ("mid", "f8", <char*>&_probe.mid - base),
        ("quote_ns", "i8", <char*>&_probe.quote_ns - base),
        ("trade_ns", "i8", <char*>&_probe.trade_ns - base),
        ("ticks", "u8", <char*>&_probe.ticks - base),
        ("late_trades", "u8", <char*>&_probe.late_trades - base),
        ("halted", "i4", <char*>&_probe.halted - base),
        ("data_type", "i4", <char*>&_probe.data_type - base),
        ("trades_from", "i4", <char*>&_probe.trades_from - base),
        ("atr_ready", "i4", <char*>&_probe.atr_ready - base),
    ]
    names, formats, offsets = zip(*fields)
    return np.dtype({
        "names": names, "formats": formats, "offsets": offsets, "itemsize": sizeof(Instrument)
    })


INSTRUMENT_DTYPE = instrument_dtype()

assert sizeof(Instrument) == 2 * LINE and sizeof(Row) == 6 * LINE
# Conditions index the leading doubles of Instrument by Column.
assert {name: 8 * index for name, index in COLUMNS.items()} == {
    name: INSTRUMENT_DTYPE.fields[name][1] for name in COLUMNS
}


cdef lined(Py_ssize_t n_bytes):
    """Zeroed bytes that start at a cache line; untouched pages cost no memory."""
    memory = np.zeros(n_bytes + LINE, dtype=np.uint8)
    cdef const uint8_t[::1] probe = memory
    cdef Py_ssize_t skip = (LINE - <size_t>&probe[0] % LINE) % LINE
    return memory[skip : skip + n_bytes]


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


cdef inline void set_volume(Row* row, Instrument* at, double size, int64_t time_ns) noexcept nogil:
    """Volume of the day: only its increase since the last message belongs to a bar."""
    cdef double increase = size_of(size) - row.volume_seen
    at.volume = row.volume_seen = size_of(size)
    if at.trades_from != FROM_LAST or not increase > 0:
        return
    if row.series.current.count and time_ns < row.series.until_ns:
        row.series.current.volume += increase
    else:
        row.volume_pending += increase


cdef inline int32_t code_of(double value) noexcept nogil:
    """A small whole number that came as a double, -1 when it is none."""
    return <int32_t>value if 0.0 <= value < 1000.0 else -1


cdef inline void set_last_time(Instrument* at, int64_t time_ns) noexcept nogil:
    # Whole seconds: only more than that says that LAST repeated an old trade. Where the trades
    # come tick by tick, trade_ns is the better one and only moves forward.
    if time_ns > at.trade_ns or (
        at.trades_from == FROM_LAST and time_ns + SECOND_NS <= at.trade_ns
    ):
        at.trade_ns = time_ns


@cython.final
cdef class Market:
    """State of all instruments, fed by decoded messages; one thread owns it."""

    def __cinit__(
        self, capacity=1024, requests_max=1 << 20, bars_max=RING_BARS, conditions_max=1 << 17
    ):
        for name, value in (
            ("capacity", capacity), ("requests_max", requests_max),
            ("bars_max", bars_max), ("conditions_max", conditions_max),
        ):
            if not 1 <= value <= 1 << 30:
                raise ValueError(f"{name} is 1 to 2**30, not {value}")
        self.capacity = capacity
        self.requests_max = requests_max
        self.bars_max = bars_max
        self.conditions_max = conditions_max
        self.columns = lined(capacity * sizeof(Instrument)).view(INSTRUMENT_DTYPE)
        self.rows = lined(capacity * sizeof(Row))
        self.rings = np.zeros((capacity, bars_max), dtype=BAR_DTYPE)
        cdef uint8_t[::1] columns = self.columns.view(np.uint8)
        cdef uint8_t[::1] rows = self.rows
        self.instrument_at = <Instrument*>&columns[0]
        self.row_at = <Row*>&rows[0]
        self.fire_at = <Fire*>malloc(FIRES_MAX * sizeof(Fire))
        if self.fire_at is NULL:
            raise MemoryError
        self.row_of_condition = {}

    def __dealloc__(self):
        cdef int32_t row
        for row in range(self.count):
            watch_free(&self.row_at[row].watch)
            atr_free(&self.row_at[row].atr)
        free(self.row_of)
        free(self.fire_at)

    # -- hot path ----------------------------------------------------------------------------

    cdef void set_now(self, int64_t exchange_ns) noexcept nogil:
        # A clock that is corrected backwards would make trades of the present look late.
        if self.now < exchange_ns < TIME_MAX_NS:
            self.now = exchange_ns

    cdef int64_t dated(self, int64_t time_ns) noexcept nogil:
        if time_ns <= 0:
            return self.now
        # One misread time must not open a bar in the far future, behind which every honest
        # trade would be late.
        if time_ns >= TIME_MAX_NS or (self.now > 0 and time_ns > self.now + AHEAD_MAX_NS):
            self.bad_times += 1
            return self.now
        return time_ns

    cdef int apply(self, Tick* tick) noexcept nogil:
        cdef int32_t row = -1
        if <uint32_t>tick.row < <uint32_t>self.request_room:
            row = self.row_of[tick.row]
        if row < 0:
            self.unbound += 1
            return 0
        fast_assert(row < self.count)
        cdef int64_t time_ns = self.dated(tick.time_ns)
        return self.conclude(row, self.change(row, tick, time_ns), time_ns)

    cdef uint32_t change(self, int32_t row, Tick* tick, int64_t time_ns) noexcept nogil:
        """Set what the message says; returns the columns that may have changed, as bits."""
        cdef Instrument* at = &self.instrument_at[row]
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
            changed = self.priced(row, tick, time_ns)
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
            set_volume(&self.row_at[row], at, tick.size, time_ns)
            changed = 1 << COLUMN_VOLUME
        elif kind == LAST_TIME:
            if tick.time_ns > 0:
                set_last_time(at, time_ns)
        elif kind == HALTED:
            at.halted = code_of(tick.price)
        elif kind == DATA_TYPE:
            at.data_type = code_of(tick.price)
        return changed

    cdef uint32_t priced(self, int32_t row, Tick* tick, int64_t time_ns) noexcept nogil:
        """LAST and TRADE: one price, and who counts it."""
        cdef Instrument* at = &self.instrument_at[row]
        cdef Series* series = &self.row_at[row].series
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
            part.count = not (part.close == series.current.close) & (time_ns < series.until_ns)
        if isnan(part.close):
            at.last = NAN
            changed = 1 << COLUMN_LAST
        else:
            changed = self.traded(row, &part, at.trades_from == (1 if by_tick else 0))
        if changed and not isnan(tick.size):
            at.last_size = size_of(tick.size)
            changed |= 1 << COLUMN_LAST_SIZE
        return changed

    cdef uint32_t traded(self, int32_t row, const Bar* part, bint feeds) noexcept nogil:
        """A trade: the last price, and the bar when its stream feeds. 0: too old for either."""
        cdef Instrument* at = &self.instrument_at[row]
        cdef Series* series = &self.row_at[row].series
        cdef uint32_t changed = 1 << COLUMN_LAST
        cdef Taken taken = MERGED
        if part.time_ns < series.current.time_ns:
            at.late_trades += 1
            return 0
        if feeds and part.time_ns > 0:  # 0: no clock was ever set, so the trade has no bar
            taken = merge(series, part)
            if taken == MISSED:
                at.late_trades += not series.covered
            elif taken != MERGED:
                series.current.volume += self.row_at[row].volume_pending
                self.row_at[row].volume_pending = 0.0
                if taken == COMPLETED:
                    changed |= self.completed(row)
        at.last = part.close
        if part.time_ns > at.trade_ns:
            at.trade_ns = part.time_ns
        return changed

    cdef uint32_t completed(self, int32_t row) noexcept nogil:
        """The newest completed bar goes to the indicators."""
        cdef Instrument* at = &self.instrument_at[row]
        cdef Row* more = &self.row_at[row]
        cdef const Bar* bar = newest(&more.series)
        atr_push(&more.atr, bar.high, bar.low, bar.close)
        at.atr = more.atr.value
        at.atr_ready = atr_ready(&more.atr)
        return 1 << COLUMN_ATR

    cdef int conclude(self, int32_t row, uint32_t changed, int64_t time_ns) noexcept nogil:
        """Evaluate the row's conditions on the columns that left their quiet band."""
        cdef Watch* watch = &self.row_at[row].watch
        cdef uint32_t columns_stirred = stirred(watch, &self.instrument_at[row].bid, changed)
        cdef int fired
        if not columns_stirred:
            return 0
        fired = evaluate(
            watch, &self.instrument_at[row].bid, columns_stirred, row, time_ns,
            self.fire_at + self.fired, FIRES_MAX - self.fired, &self.refused,
        )
        self.fired += fired
        return fired

    cdef void prefetch(self, int32_t request_id) noexcept nogil:
        cdef int32_t row = -1
        cdef char* more
        if <uint32_t>request_id < <uint32_t>self.request_room:
            row = self.row_of[request_id]
        if row < 0:
            return
        more = <char*>&self.row_at[row]
        __builtin_prefetch(&self.instrument_at[row])
        __builtin_prefetch(&self.instrument_at[row].spread)
        __builtin_prefetch(more)
        __builtin_prefetch(more + LINE)
        __builtin_prefetch(more + 2 * LINE)

    cpdef int apply_bar(
        self, int32_t request_id, int64_t time_ns,
        double open, double high, double low, double close, double volume,
    ) noexcept nogil:
        """A real-time bar of five seconds that starts at ``time_ns``; returns conditions fired."""
        cdef int32_t row = -1
        if <uint32_t>request_id < <uint32_t>self.request_room:
            row = self.row_of[request_id]
        if row < 0:
            self.unbound += 1
            return 0
        cdef Instrument* at = &self.instrument_at[row]
        cdef Row* more = &self.row_at[row]
        cdef uint32_t changed = 0
        cdef Bar part
        at.ticks += 1
        part.time_ns = self.dated(time_ns)
        part.open, part.high, part.low, part.close = open, high, low, close
        part.volume = volume if 0.0 < volume < NUMBER_MAX else 0.0
        part.count = 1
        if not (0.0 < low <= open <= high < NUMBER_MAX and low <= close <= high):
            self.bad_bars += 1
            return 0
        if part.time_ns <= more.part_ns:  # TWS repeats bars after a reconnection
            at.late_trades += 1
            return 0
        more.part_ns = part.time_ns
        if volume == 0.0:
            return 0
        if at.trades_from == FROM_BAR or part.time_ns >= at.trade_ns:
            changed = self.traded(row, &part, at.trades_from == FROM_BAR)
        # The last of a bar's parts is known by its end; no need to wait for the next trade.
        if (
            at.trades_from == FROM_BAR and more.series.current.count
            and part.time_ns + PART_NS >= more.series.until_ns
        ):
            complete(&more.series)
            changed |= self.completed(row)
        return self.conclude(row, changed, part.time_ns)

    cdef int close_due(self, int64_t now_ns) noexcept nogil:
        cdef Row* row
        cdef int32_t i
        cdef int closed = 0
        self.set_now(now_ns)
        for i in range(self.count):
            row = &self.row_at[i]
            # The last five-second part of a bar arrives after the bar's end.
            if row.series.current.count and now_ns >= row.series.until_ns + (
                PART_NS if self.instrument_at[i].trades_from == FROM_BAR else 0
            ):
                complete(&row.series)
                self.conclude(i, self.completed(i), row.series.until_ns)
                closed += 1
        return closed

    # -- rows and requests -------------------------------------------------------------------

    def add(self, bar_seconds=60, atr_period=14, atr_mean="wilder", trades_from=FROM_LAST):
        cdef int32_t index = self.count
        if index == self.capacity:
            raise ValueError(f"the market holds {self.capacity} instruments; give it more capacity")
        if not 1 <= bar_seconds <= 86_400:
            raise ValueError(f"a bar lasts 1 to 86400 seconds, not {bar_seconds}")
        if trades_from not in (FROM_LAST, FROM_TRADE, FROM_BAR):
            raise ValueError(f"trades_from is 0 last, 1 trade or 2 bar, not {trades_from}")
        if trades_from == FROM_BAR and bar_seconds % 5:
            raise ValueError(f"real-time bars last 5 seconds, they do not fill {bar_seconds}")
        cdef Row* row = &self.row_at[index]
        cdef Bar[:, ::1] rings = self.rings
        atr_init(&row.atr, atr_period, atr_mean)
        series_init(&row.series, bar_seconds * SECOND_NS, &rings[index, 0], self.bars_max)
        row.volume_seen = NAN
        cdef Instrument* at = &self.instrument_at[index]
        at.bid = at.ask = at.last = at.bid_size = at.ask_size = at.last_size = NAN
        at.volume = at.atr = at.spread = at.mid = NAN
        at.halted = -1
        at.data_type = 1
        at.trades_from = trades_from
        self.count += 1
        return index

    def bind(self, int32_t request_id, row):
        cdef int32_t index = self.checked(row)
        cdef int32_t room = self.request_room
        cdef int32_t* row_of
        cdef int32_t i
        if not 0 <= request_id < self.requests_max:
            raise ValueError(f"request ids are 0 to {self.requests_max - 1}, not {request_id}")
        if request_id >= room:
            room = min(max(2 * room, request_id + 1, 1024), self.requests_max)
            row_of = <int32_t*>realloc(self.row_of, room * sizeof(int32_t))
            if row_of is NULL:
                raise MemoryError
            for i in range(self.request_room, room):
                row_of[i] = -1
            self.row_of = row_of
            self.request_room = room
        self.row_of[request_id] = index
        # What was traded while nobody listened belongs to no bar of ours.
        self.row_at[index].volume_seen = NAN

    def unbind(self, int32_t request_id):
        if 0 <= request_id < self.request_room:
            self.row_of[request_id] = -1

    cdef int32_t checked(self, row) except -1:
        if not 0 <= row < self.count:
            raise IndexError(f"row {row} is not one of the {self.count} added")
        return row

    # -- in memory ---------------------------------------------------------------------------

    def set_clock(self, int64_t exchange_ns):
        self.set_now(exchange_ns)

    def apply_tick(
        self, int32_t request_id, int32_t kind, double price, double size, int64_t time_ns=0,
        *, double price2=NAN, double size2=NAN, int32_t mask=0,
    ):
        cdef Tick tick
        tick.row = request_id
        tick.field = kind
        tick.price = price
        tick.size = size
        tick.time_ns = time_ns
        tick.mask = mask
        tick.price2 = price2
        tick.size2 = size2
        return self.apply(&tick)

    def close_bars(self, int64_t now_ns):
        return self.close_due(now_ns)

    @property
    def clock(self):
        return self.now

    @property
    def instruments(self):
        view = self.columns[: self.count]
        view.flags.writeable = False
        return view

    def view(self, row):
        cdef Instrument* at = &self.instrument_at[self.checked(row)]
        return (
            None if isnan(at.bid) else at.bid,
            None if isnan(at.ask) else at.ask,
            None if isnan(at.last) else at.last,
            at.quote_ns,
            at.trade_ns,
            at.atr if at.atr_ready else None,
            at.halted,
            at.data_type,
        )

    # -- bars --------------------------------------------------------------------------------

    def bars(self, row):
        cdef Series* series = &self.row_at[self.checked(row)].series
        result = np.empty(series.kept, dtype=BAR_DTYPE)
        cdef Bar[::1] bars = result
        if series.kept:
            series_copy(series, &bars[0])
        return result

    def bar_in_progress(self, row):
        cdef Series* series = &self.row_at[self.checked(row)].series
        if series.current.count == 0:
            return None
        result = np.empty(1, dtype=BAR_DTYPE)
        cdef Bar[::1] bar = result
        bar[0] = series.current
        return result[0]

    def warm(self, row, bars):
        cdef int32_t index = self.checked(row)
        cdef Row* more = &self.row_at[index]
        cdef Series* series = &more.series
        history = checked_history(bars, series.interval_ns)
        if not len(history):
            return
        # History wins over what was seen live in the same intervals (we may have joined late).
        seen = self.bars(index)
        older = seen[seen["time_ns"] < history["time_ns"].min()]
        newer = seen[seen["time_ns"] > history["time_ns"].max()]
        cdef const Bar[::1] all_bars = np.concatenate([older, history, newer])
        cdef Bar current = series.current
        cdef int64_t until_ns = series.until_ns
        cdef bint covered = series.covered and len(newer) > 0
        cdef Py_ssize_t i
        series_init(series, series.interval_ns, series.ring, series.ring_max)
        atr_reset(&more.atr)
        for i in range(all_bars.shape[0]):
            series_extend(series, &all_bars[i])
            self.completed(index)
        series.covered = covered or not len(newer)
        if current.time_ns > series.current.time_ns:
            series.current = current
            series.until_ns = until_ns
        self.conclude(index, 1 << COLUMN_ATR, self.now)

    # -- conditions --------------------------------------------------------------------------

    def when(self, row, column, op, double level, fire_if_true=False):
        cdef int32_t index = self.checked(row)
        cdef Condition condition
        if column not in COLUMNS:
            raise ValueError(f"a condition reads one of {', '.join(COLUMNS)}, not {column!r}")
        if op not in OPS:
            raise ValueError(f"a condition is above or below, not {op!r}")
        if not -NUMBER_MAX < level < NUMBER_MAX:
            raise ValueError(f"a condition's level is a finite number, not {level}")
        if len(self.row_of_condition) == self.conditions_max:
            raise ValueError(f"the market holds {self.conditions_max} conditions; drop some")
        condition.level = level
        condition.id = self.next_condition
        condition.column = COLUMNS[column]
        condition.below = OPS[op]
        condition.spare = 0
        condition.latched = not fire_if_true and holds(&condition, &self.instrument_at[index].bid)
        watch_add(&self.row_at[index].watch, condition)
        self.row_of_condition[condition.id] = index
        self.next_condition += 1
        if fire_if_true:
            self.conclude(index, 1 << condition.column, self.now)
        return condition.id

    def drop(self, condition_id):
        row = self.row_of_condition.pop(condition_id, None)
        if row is None:
            raise KeyError(f"there is no condition {condition_id}")
        watch_drop(&self.row_at[<int32_t>row].watch, condition_id)

    def fires(self):
        cdef int i
        drained = [
            (
                self.fire_at[i].condition_id, self.fire_at[i].row,
                self.fire_at[i].value, self.fire_at[i].time_ns,
            )
            for i in range(self.fired)
        ]
        self.fired = 0
        return drained

    @property
    def conditions(self):
        return len(self.row_of_condition)

    @property
    def late_trades(self):
        return int(self.instruments["late_trades"].sum())


cdef checked_history(bars, int64_t interval_ns):
    """The same bars with aligned times, as BAR_DTYPE; refuses what would spoil an indicator."""
    given = np.asarray(bars)
    if given.ndim != 1 or given.dtype.names is None or not set(BAR_DTYPE.names) <= set(given.dtype.names):
        raise ValueError(f"history is a structured array with {', '.join(BAR_DTYPE.names)}")
    history = np.zeros(len(given), dtype=BAR_DTYPE)
    for name in BAR_DTYPE.names:
        history[name] = given[name]
    times = history["time_ns"]
    bad = np.flatnonzero((times <= 0) | (times >= TIME_MAX_NS))
    if len(bad):
        raise ValueError(f"bar {bad[0]} of the history has no time")
    times -= times % interval_ns
    bad = np.flatnonzero(np.diff(times) <= 0)
    if len(bad):
        raise ValueError(
            f"bar {bad[0] + 1} of the history is not later than the one before it "
            f"({interval_ns // SECOND_NS} second bars, each once, oldest first)"
        )
    low, high = history["low"], history["high"]
    sound = (low > 0) & (high < NUMBER_MAX)
    for name in ("open", "close"):
        sound &= (low <= history[name]) & (history[name] <= high)
    bad = np.flatnonzero(~sound)
    if len(bad):
        raise ValueError(f"bar {bad[0]} of the history has no four prices with low <= open, close <= high")
    return history


def replay(
    Market market not None,
    const int32_t[::1] request_ids,
    const int32_t[::1] kinds,
    const double[::1] prices,
    const double[::1] sizes,
    const int64_t[::1] times,
    Py_ssize_t start=0,
    bint stop_on_fire=False,
):
    cdef Py_ssize_t n = request_ids.shape[0]
    cdef Py_ssize_t i
    cdef Tick tick
    if not (n == kinds.shape[0] == prices.shape[0] == sizes.shape[0] == times.shape[0]):
        raise ValueError("the arrays of a replay are of equal length")
    if not 0 <= start <= n:
        raise ValueError(f"a replay starts at 0 to {n}, not {start}")
    tick.mask = 0
    tick.price2 = tick.size2 = NAN
    i = start
    with nogil:
        while i < n:
            tick.row = request_ids[i]
            tick.field = kinds[i]
            tick.price = prices[i]
            tick.size = sizes[i]
            tick.time_ns = times[i]
            i += 1
            if i + AHEAD < n:
                market.prefetch(request_ids[i + AHEAD])
            market.set_now(tick.time_ns)
            if market.apply(&tick) and stop_on_fire:
                break
    return i
