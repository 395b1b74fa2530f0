"""Threshold conditions of one row; see conditions.pxd. Market.when is how Python adds them."""

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
OPS = {"above": 0, "below": 1}
FIRES_PENDING_MAX = FIRES_MAX

assert sizeof(Condition) == 16
assert len(COLUMNS) == COLUMN_COUNT <= 32  # one bit each in Watch.columns


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
    return 0


cdef bint watch_drop(Watch* watch, int32_t id) noexcept nogil:
    cdef int32_t i = 0
    cdef int32_t k
    while i < watch.count and watch.items[i].id != id:
        i += 1
    if i == watch.count:
        return False
    watch.count -= 1
    memmove(&watch.items[i], &watch.items[i + 1], (watch.count - i) * sizeof(Condition))
    watch.columns = 0
    for k in range(watch.count):
        watch.columns |= <uint32_t>1 << watch.items[k].column
    return True


cdef void watch_free(Watch* watch) noexcept nogil:
    free(watch.items)
    watch.items = NULL
    watch.count = watch.room = 0
    watch.columns = 0
