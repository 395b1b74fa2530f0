"""Each stage of the hot path in a loop without Python, for clocks and for instruction counts.

A stage is a function ``stage_<name>`` that is only called through a pointer, so that no compiler
merges it into its caller: callgrind counts from its beginning to its end. ``reference`` is a piece
of work that never changes: what another compiler makes of everything, it makes of that, too.
"""

cimport cython
from libc.math cimport NAN
from libc.stdint cimport int32_t, int64_t, uint8_t, uint32_t, uint64_t

from _fast.bars cimport COMPLETED, Bar, Series, merge, series_init
from _fast.conditions cimport (
    COLUMN_LAST, Condition, Fire, Watch, evaluate, stirred, watch_add, watch_free,
)
from _fast.decode cimport BarTick, is_market, market_tick, open_message
from _fast.encode cimport OrderTemplate
from _fast.fields cimport Message
from _fast.market cimport Market
from _fast.prices cimport SELL, STOP, protective_steps
from _fast.ranges cimport AtrState, atr_init, atr_push
from _fast.table cimport Stepper
from _fast.types cimport SECOND_NS, TRADE, Instrument, Tick

cdef extern from *:
    """
    #ifdef __clang__
    #define STAGES_COMPILER "clang " __clang_version__
    #elif defined(__GNUC__)
    #define STAGES_COMPILER "gcc " __VERSION__
    #else
    #define STAGES_COMPILER "unknown"
    #endif
    """
    const char* STAGES_COMPILER

COMPILER = STAGES_COMPILER.decode()

cdef enum:
    TEXT = 178                 # versions of servers that write text, and protobuf
    PROTOBUF = 226
    KINDS = 64                 # different ticks, bars, prices, events: a power of two
    CONDITIONS = 8
    AHEAD = 8                  # ticks whose rows are being loaded, as `replay` does

ctypedef uint64_t (*Work)(Stages at, Py_ssize_t units) noexcept


@cython.final
cdef class Stages:
    """Everything that the stages work on; ``run`` runs one of them."""

    cdef bytes text, protobuf
    cdef const uint8_t* text_at
    cdef const uint8_t* protobuf_at
    cdef Py_ssize_t text_bytes, protobuf_bytes
    cdef Market market
    cdef OrderTemplate order
    cdef Stepper stepper
    cdef Tick[KINDS] ticks
    cdef Bar[KINDS] bars
    cdef Bar[KINDS] ring
    cdef double[KINDS] prices
    cdef Series series
    cdef AtrState atr
    cdef Watch watch
    cdef Fire[CONDITIONS] fires
    cdef Instrument instrument

    def __cinit__(self, bytes text, bytes protobuf, OrderTemplate order, Stepper stepper):
        self.text, self.protobuf, self.order, self.stepper = text, protobuf, order, stepper
        self.text_at = text
        self.protobuf_at = protobuf
        self.text_bytes, self.protobuf_bytes = len(text), len(protobuf)
        self.market = Market(capacity=1)
        self.market.bind(1, self.market.add(trades_from=1))
        cdef int64_t start = 1_704_292_200 * SECOND_NS
        cdef Condition condition
        cdef int i
        for i in range(KINDS):
            self.prices[i] = 160.0 + 0.01 * (i * 7 % 90)
            self.ticks[i].row = 1
            self.ticks[i].field = TRADE
            self.ticks[i].price = self.prices[i]
            self.ticks[i].size = 100.0
            self.ticks[i].time_ns = start + i
            self.ticks[i].mask = 0
            self.ticks[i].price2 = self.ticks[i].size2 = NAN
            self.bars[i] = Bar(
                start, self.prices[i], self.prices[i] + 0.1, self.prices[i] - 0.1, self.prices[i],
                100.0, 1,
            )
        atr_init(&self.atr, 14, "wilder")
        series_init(&self.series, 4 * SECOND_NS, &self.ring[0], KINDS)
        self.instrument.last = NAN
        for i in range(CONDITIONS):
            condition = Condition(160.0 + 10.0 * i, i, COLUMN_LAST, 0, 0, 0)
            watch_add(&self.watch, condition)

    def __dealloc__(self):
        watch_free(&self.watch)

    def run(self, str name, Py_ssize_t units):
        """So many units of a stage; a number made of its results."""
        if name not in NAMES:
            raise ValueError(f"a stage is one of {', '.join(NAMES)}, not {name!r}")
        cdef Work work = WORKS[<int>NAMES.index(name)]
        return work(self, units)


cdef uint64_t stage_reference(Stages at, Py_ssize_t units) noexcept:
    """The bytes of a message hashed (Fowler, Noll, Vo), and a division."""
    cdef uint64_t hashed = 14695981039346656037ULL
    cdef double sum = 1.0
    cdef Py_ssize_t i, k
    for k in range(units):
        for i in range(at.text_bytes):
            hashed = (hashed ^ at.text_at[i]) * 1099511628211ULL
        sum = 1.0 + <double>(hashed & 1023) / sum
    return hashed + <uint64_t>sum


cdef inline uint64_t decoded(const uint8_t* p, size_t n, int version, Py_ssize_t units) noexcept:
    cdef Message message
    cdef Tick tick
    cdef BarTick bar
    cdef uint64_t found = 0
    cdef Py_ssize_t i
    for i in range(units):
        if open_message(p, n, version, &message) or not is_market(message.id):
            return 0
        if market_tick(&message, &tick, &bar):
            return 0
        found += <uint64_t>tick.time_ns
    return found


cdef uint64_t stage_decode_text(Stages at, Py_ssize_t units) noexcept:
    return decoded(at.text_at, at.text_bytes, TEXT, units)


cdef uint64_t stage_decode_protobuf(Stages at, Py_ssize_t units) noexcept:
    return decoded(at.protobuf_at, at.protobuf_bytes, PROTOBUF, units)


cdef uint64_t stage_tick(Stages at, Py_ssize_t units) noexcept:
    """Trades within one bar, where nobody has set a condition."""
    cdef Py_ssize_t i
    for i in range(units):
        at.market.apply(&at.ticks[i % KINDS])
    return at.market.instrument_at[0].ticks


cdef uint64_t stage_bar(Stages at, Py_ssize_t units) noexcept:
    """Four samples to a bar; the next one's first completes it."""
    cdef uint64_t completed = 0
    cdef Bar part = at.bars[0]
    cdef Py_ssize_t i
    for i in range(units):
        part.time_ns += SECOND_NS
        part.high = part.low = part.close = at.prices[i % KINDS]
        completed += merge(&at.series, &part) == COMPLETED
    return completed


cdef uint64_t stage_atr(Stages at, Py_ssize_t units) noexcept:
    cdef double sum = 0.0
    cdef Py_ssize_t i
    for i in range(units):
        sum = atr_push(
            &at.atr, at.bars[i % KINDS].high, at.bars[i % KINDS].low, at.bars[i % KINDS].close
        )
    return <uint64_t>(1e9 * sum) if sum == sum else 0


cdef uint64_t stage_conditions(Stages at, Py_ssize_t units) noexcept:
    """Eight conditions, and with every value one of them changes its truth."""
    cdef uint64_t fired = 0
    cdef uint64_t refused = 0
    cdef uint32_t found
    cdef Py_ssize_t i
    for i in range(units):
        at.instrument.last = 195.0 + 10.0 * (i & 1)
        found = stirred(&at.watch, &at.instrument.bid, 1 << COLUMN_LAST)
        if found:
            fired += evaluate(
                &at.watch, &at.instrument.bid, found, 0, i, &at.fires[0], CONDITIONS, &refused
            )
    return fired


cdef uint64_t stage_protective(Stages at, Py_ssize_t units) noexcept:
    cdef uint64_t sum = 0
    cdef Py_ssize_t i
    for i in range(units):
        sum += protective_steps(at.prices[i % KINDS], 0.3217, SELL, 0.01, STOP)
    return sum


cdef uint64_t stage_encode(Stages at, Py_ssize_t units) noexcept:
    """An order to the bytes of its frame, as an object of Python."""
    cdef bytes frame = b""
    cdef Py_ssize_t i
    for i in range(units):
        frame = at.order.splice(
            1_048_580, "BUY", "300", 160.25, None, "sx1-7", 3, "sx1-7-entry", 0, True
        )
    return len(frame)


cdef uint64_t stage_table(Stages at, Py_ssize_t units) noexcept:
    cdef uint64_t sum = 0
    cdef int state = 0
    cdef Py_ssize_t i
    for i in range(units):
        state = at.stepper.at(state % at.stepper.n_states, <int>(i % at.stepper.n_events))
        sum += state
    return sum


NAMES = (
    "reference", "decode_text", "decode_protobuf", "tick", "bar", "atr", "conditions", "protective",
    "encode", "table",
)
cdef Work[10] WORKS = [
    stage_reference, stage_decode_text, stage_decode_protobuf, stage_tick, stage_bar, stage_atr,
    stage_conditions, stage_protective, stage_encode, stage_table,
]


def chain(
    Market market not None,
    const int32_t[::1] request_ids,
    const double[::1] prices,
    const int64_t[::1] times,
    int64_t[::1] stops,
):
    """Trades, and after each the stop of a long position there, two ATR below: into ``stops``, in
    steps of a cent."""
    cdef Py_ssize_t n = request_ids.shape[0]
    cdef Py_ssize_t i
    cdef Instrument* instrument
    cdef Tick tick
    tick.field = TRADE
    tick.size = 100.0
    tick.mask = 0
    tick.price2 = tick.size2 = NAN
    if not n == prices.shape[0] == times.shape[0] == stops.shape[0]:
        raise ValueError("the arrays of a chain are of equal length")
    for i in range(n):
        if not 0 <= request_ids[i] < market.request_room or market.row_of[request_ids[i]] < 0:
            raise ValueError(f"request {request_ids[i]} is not bound")
    with nogil:
        for i in range(n):
            if i + AHEAD < n:
                market.prefetch(request_ids[i + AHEAD])
            tick.row = request_ids[i]
            tick.price = prices[i]
            tick.time_ns = times[i]
            market.set_now(tick.time_ns)
            market.apply(&tick)
            instrument = &market.instrument_at[market.row_of[tick.row]]
            stops[i] = protective_steps(instrument.last, 2.0 * instrument.atr, SELL, 0.01, STOP)
