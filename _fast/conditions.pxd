# Threshold conditions on the columns of one instrument: edge-triggered and latched.
#
# A condition fires when it goes from false to true and is armed again only by becoming false.
# NaN says nothing: the condition stays as it was. `above` is value >= level, `below` is value <= level: reaching the level counts,
# unless the condition is strict. One that is unsure takes its first truth without firing.
# Each watched column of a row has a quiet band between the nearest levels on either side of its
# value: while the value stays inside, no condition of the column can change, and one comparison
# says so. Outside, the conditions of that column are evaluated, O(conditions of that row), and
# the band is drawn anew. NaN is in no band.
#
# Bound: FIRES_MAX undrained fires. When they are all taken, the condition stays armed and is
# tried again with the next message of its row; each refusal is counted.

from libc.stdint cimport int32_t, int64_t, uint8_t, uint32_t, uint64_t

cdef extern from *:
    int __builtin_ctz(unsigned int bits) noexcept nogil

cdef enum:
    FIRES_MAX = 4096

cdef enum:
    UNSURE = 2                 # latched: not judged yet, and what is true then has not become true

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
    uint8_t latched         # its truth when last evaluated, or UNSURE
    uint8_t strict          # reaching the level does not count

cdef struct Quiet:           # open interval; NaN: evaluate
    double low
    double high

cdef struct Watch:          # the conditions of one row
    Condition* items        # in order of registration, which is the order of fires
    int32_t count
    int32_t room
    uint32_t columns        # bit per column that some condition reads
    Quiet quiet[COLUMN_COUNT]

cdef struct Fire:
    double value            # of the column, when the condition became true
    int64_t time_ns
    int32_t condition_id
    int32_t row

cdef inline bint holds(const Condition* condition, const double* columns) noexcept nogil:
    cdef double value = columns[condition.column]
    cdef bint over = value >= condition.level
    cdef bint under = value <= condition.level
    cdef bint found = under if condition.below else over
    return found and not (condition.strict and value == condition.level)

# The watched ones of the `changed` columns that left their quiet band.
cdef inline uint32_t stirred(const Watch* watch, const double* columns, uint32_t changed) noexcept nogil:
    cdef uint32_t bits = changed & watch.columns
    cdef uint32_t found = 0
    cdef int column
    while bits:
        column = __builtin_ctz(bits)
        if not watch.quiet[column].low < columns[column] < watch.quiet[column].high:
            found |= <uint32_t>1 << column
        bits &= bits - 1
    return found

# Evaluate the conditions of the `columns_stirred`; fires go to `out`, at most `room` of them.
# Returns how many were written; `refused` counts those that found no room.
cdef int evaluate(
    Watch* watch, const double* columns, uint32_t columns_stirred, int32_t row, int64_t time_ns,
    Fire* out, int room, uint64_t* refused,
) noexcept nogil

# On a column with an op, both by name; its level, number and truth are still to be set. ValueError.
cdef Condition condition_of(object column, object op) except *
# Raises MemoryError; the watch is unchanged then.
cdef int watch_add(Watch* watch, Condition condition) except -1
# Where `id` stood among the items, which those behind it have moved up to; -1: it was not there.
cdef int32_t watch_drop(Watch* watch, int32_t id) noexcept nogil
cdef void watch_free(Watch* watch) noexcept nogil
