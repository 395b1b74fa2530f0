"""Threshold conditions of one row; see conditions.pxd. Market.when is how Python adds them."""

from libc.math cimport INFINITY, NAN, isnan
from libc.stdlib cimport free, realloc
from libc.string cimport memmove

cdef enum:
    ROOM_AT_FIRST = 8

COLUMNS = {
    "bid": COLUMN_BID,
    "ask": COLUMN_ASK,
    "last": COLUMN_LAST,
    "bid_size": COLUMN_BID_SIZE,
    "ask_size": COLUMN_ASK_SIZE,
    "last_size": COLUMN_LAST_SIZE,
    "volume": COLUMN_VOLUME,
    "atr": COLUMN_ATR,
    "spread": COLUMN_SPREAD,
    "mid": COLUMN_MID,
}
OPS = {"above": 0, "below": 1, "over": 0, "under": 1}
STRICT = frozenset({"over", "under"})
FIRES_PENDING_MAX = FIRES_MAX

assert sizeof(Condition) == 16
assert len(COLUMNS) == COLUMN_COUNT <= 32  # one bit each in Watch.columns


cdef void draw_quiet(Watch* watch, const double* columns, uint32_t drawn) noexcept nogil:
    """Bands of the `drawn` columns around their values; a value on a level has none."""
    cdef Condition* condition
    cdef Quiet* quiet
    cdef double value
    cdef int32_t i
    for i in range(<int32_t>COLUMN_COUNT):
        if drawn >> i & 1:
            # A NaN value leaves NaN here: no band without a value.
            watch.quiet[i].low = -INFINITY + columns[i] * 0.0
            watch.quiet[i].high = INFINITY + columns[i] * 0.0
    for i in range(watch.count):
        condition = &watch.items[i]
        if drawn >> condition.column & 1:
            value = columns[condition.column]
            quiet = &watch.quiet[condition.column]
            if quiet.low < condition.level <= value:
                quiet.low = condition.level
            if quiet.high > condition.level >= value:
                quiet.high = condition.level


cdef int evaluate(
    Watch* watch, const double* columns, uint32_t columns_stirred, int32_t row, int64_t time_ns,
    Fire* out, int room, uint64_t* refused,
) noexcept nogil:
    cdef Condition* condition
    cdef uint32_t again = 0
    cdef int fired = 0
    cdef bint truth, fires
    cdef int32_t i
    for i in range(watch.count):
        condition = &watch.items[i]
        if not columns_stirred >> condition.column & 1:
            continue
        truth = holds(condition, columns)
        if truth == condition.latched:
            continue
        if not truth and isnan(columns[condition.column] - condition.level):
            continue
        fires = truth and condition.latched != UNSURE
        if fires and fired == room:
            refused[0] += 1
            again |= <uint32_t>1 << condition.column
            continue
        condition.latched = truth
        if fires:
            out[fired].value = columns[condition.column]
            out[fired].time_ns = time_ns
            out[fired].condition_id = condition.id
            out[fired].row = row
            fired += 1
    draw_quiet(watch, columns, columns_stirred & ~again)
    return fired


cdef Condition condition_of(object column, object op) except *:
    cdef Condition condition
    if column not in COLUMNS:
        raise ValueError(f"a condition reads one of {', '.join(COLUMNS)}, not {column!r}")
    if op not in OPS:
        raise ValueError(f"a condition is one of {', '.join(OPS)}, not {op!r}")
    condition.level = NAN
    condition.id = 0
    condition.column = COLUMNS[column]
    condition.below = OPS[op]
    condition.strict = op in STRICT
    condition.latched = UNSURE
    return condition


cdef int watch_add(Watch* watch, Condition condition) except -1:
    cdef int32_t room = watch.room
    cdef Condition* items
    if watch.count == room:
        room = room * 2 if room else ROOM_AT_FIRST
        items = <Condition*>realloc(watch.items, room * sizeof(Condition))
        if items is NULL:
            raise MemoryError
        watch.items = items
        watch.room = room
    watch.items[watch.count] = condition
    watch.count += 1
    watch.columns |= <uint32_t>1 << condition.column
    watch.quiet[condition.column].low = watch.quiet[condition.column].high = NAN
    return 0


cdef int32_t watch_drop(Watch* watch, int32_t id) noexcept nogil:
    cdef int32_t i = 0
    cdef int32_t k
    while i < watch.count and watch.items[i].id != id:
        i += 1
    if i == watch.count:
        return -1
    watch.count -= 1
    memmove(&watch.items[i], &watch.items[i + 1], (watch.count - i) * sizeof(Condition))
    watch.columns = 0
    for k in range(watch.count):
        watch.columns |= <uint32_t>1 << watch.items[k].column
    return i


cdef void watch_free(Watch* watch) noexcept nogil:
    free(watch.items)
    watch.items = NULL
    watch.count = watch.room = 0
    watch.columns = 0
