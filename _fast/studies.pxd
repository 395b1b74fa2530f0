# Studies: the indicators that are asked of an instrument, kept up with its bars.
#
# An instrument has one study for each indicator with its parameters, however many ask for it. Each
# takes every completed bar, and shows the value of the newest one and of the bar before, NaN until
# warm. What it computes with is a stream of this package (the object that made it keeps that
# alive), stepped here without Python.
#
#   meeting     a study against another one or against a level, judged when a bar completes
#   floating    a condition on a column whose level is a study: it moves when a bar completes, and
#               between bars costs no more than a level that stands
# Both are edge-triggered as all conditions are, with one difference: what is true as soon as all
# of it is known has not become true, and does not fire (unless asked to): an indicator that gets
# warm is not an event of the market.

from libc.stdint cimport int32_t, int64_t, uint8_t, uint32_t, uint64_t

from _fast.bars cimport Bar
from _fast.conditions cimport Condition, Fire, Watch

cdef enum:
    LINES_MAX = 3              # values of one indicator

cdef enum Family:
    OPEN
    HIGH
    LOW
    CLOSE
    VOLUME
    SMA
    EMA
    WMA
    RSI
    ROC
    STDDEV
    ATR
    VOLUME_AVERAGE
    MACD
    STOCHASTIC
    ADX
    BOLLINGER
    KELTNER
    DONCHIAN

cdef struct Study:
    void* state                # of the stream; NULL for a number of the bar itself
    int32_t family
    int32_t lines
    int64_t bars               # taken since it began
    double[LINES_MAX] values
    double[LINES_MAX] before

cdef struct Meeting:
    const double* left
    const double* right        # NULL: `level`
    double level
    int32_t id
    uint8_t below              # 0 above, 1 below
    uint8_t strict
    uint8_t latched            # as of a Condition

cdef struct Floating:
    const double* level
    int32_t id                 # of the condition
    int32_t place              # of the condition among the items of its Watch

cdef struct Studies:           # of one instrument
    Study** items
    Meeting* meetings
    Floating* floats
    int32_t count
    int32_t meeting_count
    int32_t float_count

# The next completed bar.
cdef void studies_push(Studies* studies, const Bar* bar) noexcept nogil
# A bar completed: fire the meetings that have become true, as `evaluate` does; one for which there
# is no room is tried again with the next bar.
cdef int studies_meet(
    Studies* studies, int32_t row, int64_t time_ns, Fire* out, int room, uint64_t* refused
) noexcept nogil
# Move the levels that float; returns their columns as bits, whose quiet bands are gone.
cdef uint32_t studies_float(Studies* studies, Watch* watch) noexcept nogil

# Of two operands, compared as the condition says; ValueError.
cdef Meeting meeting_of(
    dict followers, object left, object right, Condition condition
) except *
# MemoryError; nothing has changed then.
cdef int meeting_add(Studies* studies, Meeting meeting) except -1
# With the condition whose level floats: both, or neither.
cdef int floating_add(
    Studies* studies, const double* level, Watch* watch, Condition condition
) except -1
# What has this number goes; `place` is what watch_drop said of it.
cdef void studies_drop(Studies* studies, int32_t id, int32_t place) noexcept nogil
cdef void studies_free(Studies* studies) noexcept nogil

# One study with the stream that it computes with.
cdef class Follower:
    cdef Study study
    cdef readonly object stream  # None for a number of the bar itself
    cdef readonly int warmup     # bars until all its values are numbers

    cdef void begin(self)

# By (family, parameters): those of `known` that are `wanted`, and fresh ones, which `studies[0]`
# (made if it is NULL) keeps up from here on. ValueError, as of Market.follow.
cdef dict followers_of(Studies** studies, dict known, object wanted)
# Let followers take bars that are complete already.
cdef int feed(list followers, const Bar[::1] bars) except -1
# As if no bar had come, all of them: other bars take the place of those that were judged. What is
# true on them is that, and has not become it: what has been judged is judged anew without a fire.
cdef int begin(dict followers, Studies* studies, Watch* watch) except -1
# Where the value of (family, parameters, line) is; ValueError.
cdef const double* line_of(dict followers, object operand) except NULL
# What Market.studies tells.
cdef list shown(dict followers)
