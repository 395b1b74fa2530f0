# What every indicator is made of: its warm-up, the values it remembers, the extremes of those.
#
# Laws of all indicators
#   One update costs O(1), amortised: sums roll and are added up anew now and then, extremes keep
#   two partial ones. Streams and arrays run the same step functions, in the same order, so their
#   values agree to the last bit.
#   An indicator is ready after `need` inputs in a row that are finite numbers; until then its
#   value is NaN. Counted as TA-Lib counts, where it has the indicator. An input that is NaN or
#   infinite (or a result that overflows) makes the value NaN and begins the warm-up anew with the
#   next number: a value never rests on fewer inputs than it should. An input of several numbers,
#   such as a bar, is one input. Where this differs (what adds up over a session) the file says so.
#   A constant series gives exact values (a mean is the constant, a deviation is 0), because sums
#   are kept of the differences from an anchor near the data. A condition on a quiet market does
#   not flicker by rounding.
#
# An x_step takes a pointer to the newest of the values it looks back on, older ones before it.
# Arrays are that memory themselves; streams keep a Recent (x_push).

from libc.math cimport INFINITY, NAN, isfinite
from libc.stdint cimport int32_t, uint64_t
from libc.string cimport memcpy, memmove

cdef enum:
    PERIOD_MAX = 10_000
    SUMS_AGE_MAX = 256         # updates of a rolling sum until afresh, or four periods if longer
    RECENT_SPARE = 64

# What is smaller divides nothing: TA-Lib's bound, so that values agree where it matters.
cdef extern from *:
    """
    #define NOTHING 1e-14
    """
    const double NOTHING

# The first field of every state.
cdef struct Warm:
    int32_t run                # finite inputs in a row, stops at `need`
    int32_t need

# Not 0 if x is not finite. Compilers or these of several values at a time, which they may not do
# with sums.
cdef inline uint64_t oddity(double x) noexcept nogil:
    cdef double nothing = x - x
    cdef uint64_t bits
    memcpy(&bits, &nothing, sizeof(bits))
    return bits

# Count an input while not ready; true if that makes it ready.
cdef inline bint warm_up(Warm* warm, double x) noexcept nogil:
    warm.run = warm.run + 1 if isfinite(x) else 0
    return warm.run == warm.need

# The newest values of a stream in one piece, moved to the front when the room is used up.
cdef struct Recent:
    double* values
    int32_t next               # where the next one goes
    int32_t room
    int32_t period             # this many stay readable before the newest

cdef inline const double* recent_push(Recent* recent, double x) noexcept nogil:
    if recent.next == recent.room:
        memmove(
            recent.values, recent.values + (recent.room - recent.period),
            recent.period * sizeof(double),
        )
        recent.next = recent.period
    recent.values[recent.next] = x
    recent.next += 1
    return recent.values + (recent.next - 1)

# Highest and lowest of the last `need` values (van Herk 1992, Gil and Werman 1993): the stream is
# cut into laps of `need`. A window is the end of the lap before, whose extremes from each place
# on were noted when it was complete, and the beginning of this one, whose extreme so far is kept.
cdef struct Extremes:
    Warm warm
    int32_t lap                # values in the lap so far
    double top                 # of the lap so far
    double bottom
    double* tops               # [i]: highest of the lap before, without its first i + 1
    double* bottoms
    double highest             # of the window; of no meaning until ready
    double lowest

# True if the window is full. `rest` is what else of the input must be finite.
cdef inline bint extremes_step(
    Extremes* at, const double* high, const double* low, double rest
) noexcept nogil:
    cdef int32_t lap = at.lap
    if oddity(high[0]) | oddity(low[0]) | oddity(rest):
        at.warm.run = 0
    elif at.warm.run < at.warm.need:
        at.warm.run += 1
    if at.warm.run == 0:
        at.lap = 0
        at.top = -INFINITY
        at.bottom = INFINITY
        return False
    at.top = at.top if at.top > high[0] else high[0]
    at.bottom = at.bottom if at.bottom < low[0] else low[0]
    at.lap += 1
    if at.lap < at.warm.need:
        if at.warm.run < at.warm.need:
            return False
        at.highest = at.top if at.top > at.tops[lap] else at.tops[lap]
        at.lowest = at.bottom if at.bottom < at.bottoms[lap] else at.bottoms[lap]
        return True
    at.highest = at.top
    at.lowest = at.bottom
    at.lap = 0
    at.top = -INFINITY
    at.bottom = INFINITY
    note_ends(at.tops, at.bottoms, high, low, lap)
    return True

# Fill tops[:count] and bottoms[:count] with the extremes of what is left of a lap of count + 1.
cdef void note_ends(
    double* tops, double* bottoms, const double* high, const double* low, int32_t count
) noexcept nogil

# `n` updates at once: the extremes of each window, NaN where it is not full.
cdef void extremes_run(
    Extremes* at, const double* high, const double* low, const double* rest,
    double* highest, double* lowest, Py_ssize_t n,
) noexcept nogil

# Sum of the `count` values up to the newest, less `anchor` each.
cdef double sum_of(const double* newest, int32_t count, double anchor) noexcept nogil

# Raise ValueError for a period outside 1..PERIOD_MAX; MemoryError.
cdef int32_t period_of(object period, str what) except -1
cdef int recent_init(Recent* recent, int32_t period) except -1
cdef int extremes_init(Extremes* at, int32_t period) except -1
cdef void extremes_reset(Extremes* at) noexcept nogil
cdef void extremes_free(Extremes* at) noexcept nogil

# What all streams show to Python: how many inputs it takes (the law above), and whether the value
# that `shown` points to, the last of them to be ready, is one.
cdef class Stream:
    cdef readonly int warmup
    cdef const double* shown
