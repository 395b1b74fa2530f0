# One instrument in memory: its columns (Instrument in types.pxd) and what else it needs (Row).

from libc.stdint cimport int32_t, int64_t

from _fast.bars cimport Bar, Series
from _fast.conditions cimport Watch
from _fast.ranges cimport AtrState
from _fast.studies cimport Studies
from _fast.types cimport Instrument

cdef enum:
    LINE = 64                  # bytes of a cache line
    RINGS_BYTES = 64 << 20

# Which stream feeds the bars of a row.
cdef enum TradesFrom:
    FROM_LAST = 0
    FROM_TRADE = 1
    FROM_BAR = 2

# What an instrument needs besides its columns: six cache lines, ordered by how often they are
# touched (bar in progress; its series and the conditions; quiet bands; the rest).
cdef struct Row:
    Series series
    Watch watch
    AtrState atr
    double volume_seen         # VOLUME of the last message, NaN: none since bind
    double volume_pending      # increase that waits for a bar
    int64_t part_ns            # start of the newest five-second bar taken
    Studies* studies           # NULL: no indicator but the ATR is asked for
    int64_t spare              # to the end of the line

# A fresh instrument in zeroed memory; `ring` has room for `ring_max` bars and outlives the row.
# Raises ValueError for a setting out of range, MemoryError; nothing is kept then.
cdef int instrument_init(
    Instrument* at, Row* row, object bar_seconds, object atr_period, object atr_mean,
    object trades_from, Bar* ring, int32_t ring_max,
) except -1
cdef void instrument_free(Row* row) noexcept nogil
# Zeroed bytes that start at a cache line, as a numpy array.
cdef object lined(Py_ssize_t n_bytes)
# Zeroed bytes that cost memory page by page, as they are written to.
cdef object sparse(Py_ssize_t n_bytes)
# How many bars each of so many instruments keeps unless told otherwise: RING_BARS, or fewer when
# all rings together would take more than RINGS_BYTES.
cdef object ring_of(object capacity)
