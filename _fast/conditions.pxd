# Threshold conditions on the columns of one instrument: edge-triggered and latched.
#
# A condition fires when it goes from false to true and is armed again only by becoming false.
# NaN is false. `above` is value >= level, `below` is value <= level: reaching the level counts.
# All conditions of a row lie side by side and are evaluated together when a watched column of
# that row has changed; the work is O(conditions of that row).
#
# Bound: FIRES_MAX undrained fires. When they are all taken, the condition stays armed and is
# tried again with the next message of its row; each refusal is counted.

from libc.stdint cimport int32_t, int64_t, uint8_t, uint32_t, uint64_t

cdef enum:
    FIRES_MAX = 4096

# Index of a watchable column among the leading doubles of Instrument.
cdef enum Column:
    COLUMN_BID
    COLUMN_ASK
    COLUMN_LAST
    COLUMN_BID_SIZE
    COLUMN_ASK_SIZE
    COLUMN_LAST_SIZE
    COLUMN_VOLUME
    COLUMN_ATR
    COLUMN_SPREAD
    COLUMN_MID
    COLUMN_COUNT

cdef struct Condition:      # 16 bytes: four to a cache line
    double level
    int32_t id
    uint8_t column
    uint8_t below           # 0 above, 1 below
    uint8_t latched         # its truth when last evaluated
    uint8_t spare

cdef struct Watch:          # the conditions of one row
    Condition* items
    int32_t count
    int32_t room
    uint32_t columns        # bit per column that some condition reads

cdef struct Fire:
    double value            # of the column, when the condition became true
    int64_t time_ns
    int32_t condition_id
    int32_t row

cdef inline bint holds(const Condition* condition, const double* columns) noexcept nogil:
    cdef double value = columns[condition.column]
    cdef bint over = value >= condition.level
    cdef bint under = value <= condition.level
    return under if condition.below else over

# Evaluate every condition of a row; fires go to `out`, at most `room` of them. Returns how many
# were written; `refused` counts those that found no room.
cdef inline int evaluate(
    Watch* watch, const double* columns, int32_t row, int64_t time_ns,
    Fire* out, int room, uint64_t* refused,
) noexcept nogil:
    cdef Condition* condition = watch.items
    cdef Condition* end = condition + watch.count
    cdef int fired = 0
    cdef bint truth
    while condition < end:
        truth = holds(condition, columns)
        if truth != condition.latched:
            if not truth:
                condition.latched = 0
            elif fired == room:
                refused[0] += 1
            else:
                condition.latched = 1
                out[fired].value = columns[condition.column]
                out[fired].time_ns = time_ns
                out[fired].condition_id = condition.id
                out[fired].row = row
                fired += 1
        condition += 1
    return fired

# Raises MemoryError; the watch is unchanged then.
cdef int watch_add(Watch* watch, Condition condition) except -1
# 1 when `id` was there, else 0. Order of the others is kept: it is the order of fires.
cdef bint watch_drop(Watch* watch, int32_t id) noexcept nogil
cdef void watch_free(Watch* watch) noexcept nogil
