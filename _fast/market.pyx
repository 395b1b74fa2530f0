"""Market state of all instruments; see market.pxd."""

cimport cython
from libc.math cimport NAN, isnan
from libc.stdint cimport int32_t, int64_t, uint8_t, uint32_t
from libc.stdlib cimport free, malloc, realloc

import numpy as np

from _fast.bars cimport Bar, Series, history_of, series_copy, series_extend, series_init
from _fast.bars import BAR_DTYPE
from _fast.conditions cimport (
    COLUMN_ATR, FIRES_MAX, UNSURE, Condition, Fire, Watch, condition_of, evaluate, holds, stirred,
    watch_add, watch_drop,
)
from _fast.instruments cimport (
    FROM_LAST, FROM_TRADE, LINE, Row, instrument_free, instrument_init, lined, ring_of, sparse,
)
from _fast.instruments import INSTRUMENT_DTYPE
from _fast.ranges cimport atr_reset
from _fast.studies cimport (
    begin, feed, floating_add, followers_of, line_of, meeting_add, meeting_of, shown,
    studies_drop, studies_float, studies_meet,
)
from _fast.ticks cimport change, change_by_bar, change_by_clock, completed, is_sound
from _fast.types cimport NUMBER_MAX, SECOND_NS, TIME_MAX_NS, Instrument, Tick, fast_assert

cdef extern from *:
    void __builtin_prefetch(const void* address) noexcept nogil

cdef int64_t AHEAD_MAX_NS = 86_400 * SECOND_NS
cdef enum:
    AHEAD = 8                  # messages whose rows replay starts loading


@cython.final
@cython.no_gc_clear  # the rows are freed before the arrays they stand in, also by the collector
cdef class Market:
    """State of all instruments, fed by decoded messages; one thread owns it."""

    def __cinit__(
        self, capacity=1024, requests_max=1 << 20, bars_max=None, conditions_max=1 << 17
    ):
        if bars_max is None:
            bars_max = ring_of(capacity)
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
        self.rings = sparse(capacity * bars_max * sizeof(Bar)).view(BAR_DTYPE)
        self.rings.shape = capacity, bars_max
        cdef uint8_t[::1] columns = self.columns.view(np.uint8)
        cdef uint8_t[::1] rows = self.rows
        self.instrument_at = <Instrument*>&columns[0]
        self.row_at = <Row*>&rows[0]
        self.fire_at = <Fire*>malloc(FIRES_MAX * sizeof(Fire))
        if self.fire_at is NULL:
            raise MemoryError
        self.row_of_condition = {}
        self.followers = {}

    def __dealloc__(self):
        cdef int32_t row
        for row in range(self.count):
            instrument_free(&self.row_at[row])
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
        cdef Instrument* at = &self.instrument_at[row]
        cdef Row* more = &self.row_at[row]
        cdef int64_t time_ns = self.dated(tick.time_ns)
        cdef uint32_t changed = change(at, more, tick, time_ns)
        # Most messages end here, and need not pay for what the others have to do.
        if not changed >> COLUMN_ATR & 1 and not stirred(&more.watch, &at.bid, changed):
            return 0
        return self.conclude(row, changed, time_ns)

    cdef int conclude(self, int32_t row, uint32_t changed, int64_t time_ns) noexcept nogil:
        """Evaluate the row's conditions on the columns that left their quiet band, and where a
        bar completed (only then does the ATR change) what the studies say."""
        cdef Watch* watch = &self.row_at[row].watch
        cdef uint32_t columns_stirred
        cdef int fired
        cdef int met = 0
        if changed >> COLUMN_ATR & 1 and self.row_at[row].studies is not NULL:
            changed |= studies_float(self.row_at[row].studies, watch)
            met = studies_meet(
                self.row_at[row].studies, row, time_ns,
                self.fire_at + self.fired, FIRES_MAX - self.fired, &self.refused,
            )
            self.fired += met
        columns_stirred = stirred(watch, &self.instrument_at[row].bid, changed)
        if not columns_stirred:
            return met
        fired = evaluate(
            watch, &self.instrument_at[row].bid, columns_stirred, row, time_ns,
            self.fire_at + self.fired, FIRES_MAX - self.fired, &self.refused,
        )
        self.fired += fired
        return met + fired

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
        cdef Bar part
        at.ticks += 1
        part.time_ns = self.dated(time_ns)
        part.open, part.high, part.low, part.close = open, high, low, close
        part.volume = volume
        part.count = 1
        if not is_sound(&part):
            self.bad_bars += 1
            return 0
        return self.conclude(row, change_by_bar(at, &self.row_at[row], &part), part.time_ns)

    cdef int close_due(self, int64_t now_ns) noexcept nogil:
        cdef uint32_t changed
        cdef int32_t row
        cdef int closed = 0
        self.set_now(now_ns)
        for row in range(self.count):
            changed = change_by_clock(&self.instrument_at[row], &self.row_at[row], now_ns)
            if changed:
                self.conclude(row, changed, self.row_at[row].series.until_ns)
                closed += 1
        return closed

    # -- rows and requests -------------------------------------------------------------------

    def add(self, bar_seconds=60, atr_period=14, atr_mean="wilder", trades_from=FROM_LAST):
        cdef int32_t index = self.count
        if index == self.capacity:
            raise ValueError(f"the market holds {self.capacity} instruments; give it more capacity")
        cdef Bar[:, ::1] rings = self.rings
        instrument_init(
            &self.instrument_at[index], &self.row_at[index], bar_seconds, atr_period, atr_mean,
            trades_from, &rings[index, 0], self.bars_max,
        )
        self.count += 1
        return index

    def feed_from(self, row, int32_t trades_from):
        if trades_from not in (FROM_LAST, FROM_TRADE):
            raise ValueError(f"a row that goes on is fed from 0 last or 1 trade, not {trades_from}")
        self.instrument_at[self.checked(row)].trades_from = trades_from

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
            at.shortable,
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
        history = history_of(bars, series.interval_ns)
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
        begin(self.followers.get(index, {}), more.studies, &more.watch)
        for i in range(all_bars.shape[0]):
            series_extend(series, &all_bars[i])
            completed(&self.instrument_at[index], more)
        series.covered = covered or not len(newer)
        if current.time_ns > series.current.time_ns:
            series.current = current
            series.until_ns = until_ns
        self.conclude(index, 1 << COLUMN_ATR, self.now)

    # -- studies -----------------------------------------------------------------------------

    def follow(self, row, wanted):
        cdef int32_t index = self.checked(row)
        bars = self.bars(index)
        known = self.followers.setdefault(index, {})
        self.followers[index] = made = followers_of(&self.row_at[index].studies, known, wanted)
        feed([one for key, one in made.items() if key not in known], bars)

    def studies(self, row):
        return shown(self.followers.get(self.checked(row), {}))

    # -- conditions --------------------------------------------------------------------------

    cdef Condition fresh_condition(self, column, op, bint fire_if_true) except *:
        cdef Condition condition = condition_of(column, op)
        if len(self.row_of_condition) == self.conditions_max:
            raise ValueError(f"the market holds {self.conditions_max} conditions; drop some")
        condition.id = self.next_condition
        condition.latched = 0 if fire_if_true else UNSURE
        return condition

    def when(self, row, column, op, double level, fire_if_true=False):
        cdef int32_t index = self.checked(row)
        cdef Condition condition = self.fresh_condition(column, op, fire_if_true)
        cdef const double* columns
        if not -NUMBER_MAX < level < NUMBER_MAX:
            raise ValueError(f"a condition's level is a finite number, not {level}")
        condition.level = level
        columns = &self.instrument_at[index].bid
        if not fire_if_true and not isnan(columns[condition.column]):
            condition.latched = holds(&condition, columns)
        watch_add(&self.row_at[index].watch, condition)
        self.row_of_condition[condition.id] = index
        self.next_condition += 1
        if fire_if_true:
            self.conclude(index, 1 << condition.column, self.now)
        return condition.id

    def when_study(self, row, left, op, right, fire_if_true=False):
        cdef int32_t index = self.checked(row)
        cdef Row* more = &self.row_at[index]
        cdef bint floats = isinstance(left, str)
        cdef Condition condition = self.fresh_condition(left if floats else "last", op, fire_if_true)
        cdef const double* level
        followers = self.followers.get(index, {})
        if floats:
            level = line_of(followers, right)
            condition.level = level[0]
            floating_add(more.studies, level, &more.watch, condition)
        else:
            meeting_add(more.studies, meeting_of(followers, left, right, condition))
        self.row_of_condition[condition.id] = index
        self.next_condition += 1
        self.conclude(index, 1 << COLUMN_ATR, self.now)
        return condition.id

    def drop(self, condition_id):
        row = self.row_of_condition.pop(condition_id, None)
        if row is None:
            raise KeyError(f"there is no condition {condition_id}")
        cdef Row* more = &self.row_at[<int32_t>row]
        cdef int32_t place = watch_drop(&more.watch, condition_id)
        if more.studies is not NULL:
            studies_drop(more.studies, condition_id, place)

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
