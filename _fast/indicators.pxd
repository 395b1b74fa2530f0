# Indicators over completed bars, one update per bar, the same code for streams and for arrays.
#
# Average true range. TR = max(high, previous close) - min(low, previous close), so the first bar
# only supplies a previous close and ATR(n) is ready after n + 1 bars (J. W. Wilder, New Concepts
# in Technical Trading Systems, 1978; TA-Lib counts alike).
#   wilder: seeded with the mean of the first n TRs, then (previous * (n - 1) + TR) / n, computed
#           two bars back: v = k*k*v[-2] + (k*g*TR[-1] + g*TR) with k = (n - 1)/n, g = 1/n. Two
#           chains then run side by side instead of each bar waiting for the one before; rounding
#           differs in the last digit and dies out, since each step shrinks what it inherits.
#   simple: mean of the last n TRs. The running sum is added up anew from the ring once per lap,
#           so rounding of one lap is all that it ever carries, at one extra addition per bar.
# NaN in high or low makes the value NaN; callers that must not see that check their input.

from libc.math cimport isnan
from libc.stdint cimport int32_t

cdef enum Mean:
    WILDER = 0
    SIMPLE = 1

cdef enum:
    PERIOD_MAX = 10_000

cdef struct AtrState:          # 64 bytes
    double value               # NaN until ready
    double value_before        # the value one bar ago, NaN right after seeding
    double previous_close
    double previous_range      # the TR one bar ago
    double sum                 # of the TRs seen (wilder: while seeding; simple: in the ring)
    double* ranges             # the last `period` TRs; NULL for wilder
    int32_t period
    int32_t mean
    int32_t seen               # TRs so far, stops at `period`; -1: no bar yet
    int32_t next               # simple: where the next TR goes in `ranges`

cdef inline double true_range(double high, double low, double previous_close) noexcept nogil:
    cdef double top = previous_close if previous_close > high else high
    cdef double bottom = previous_close if previous_close < low else low
    return top - bottom

# One step once seeded; `keep` is (n - 1)/n, `gain` 1/n.
cdef inline double wilder_step(
    double before, double tr_before, double tr, double keep, double gain
) noexcept nogil:
    return keep * keep * before + (keep * gain * tr_before + gain * tr)

cdef inline void wilder_push(AtrState* atr, double tr) noexcept nogil:
    cdef double gain = 1.0 / atr.period
    cdef double keep = (atr.period - 1.0) / atr.period
    cdef double value
    if atr.seen < atr.period:
        atr.sum += tr
        atr.seen += 1
        if atr.seen == atr.period:
            atr.value = atr.sum / atr.period
    elif isnan(atr.value_before):
        atr.value_before = atr.value
        atr.value = keep * atr.value + gain * tr
    else:
        value = wilder_step(atr.value_before, atr.previous_range, tr, keep, gain)
        atr.value_before = atr.value
        atr.value = value
    atr.previous_range = tr

cdef inline void simple_push(AtrState* atr, double tr) noexcept nogil:
    cdef int32_t i
    if atr.seen == atr.period:
        atr.sum -= atr.ranges[atr.next]
    else:
        atr.seen += 1
    atr.sum += tr
    atr.ranges[atr.next] = tr
    atr.next += 1
    if atr.next == atr.period:
        atr.next = 0
        atr.sum = 0.0
        for i in range(atr.period):
            atr.sum += atr.ranges[i]
    if atr.seen == atr.period:
        atr.value = atr.sum / atr.period

cdef inline void atr_push(AtrState* atr, double high, double low, double close) noexcept nogil:
    cdef double tr
    if atr.seen < 0:
        atr.seen = 0
    else:
        tr = true_range(high, low, atr.previous_close)
        if atr.mean == WILDER:
            wilder_push(atr, tr)
        else:
            simple_push(atr, tr)
    atr.previous_close = close

cdef inline bint atr_ready(const AtrState* atr) noexcept nogil:
    return atr.seen == atr.period

# Raises ValueError for a period outside 1..PERIOD_MAX or an unknown mean, MemoryError.
cdef int atr_init(AtrState* atr, object period, object mean) except -1
cdef void atr_reset(AtrState* atr) noexcept nogil
cdef void atr_free(AtrState* atr) noexcept nogil

cdef class Atr:
    cdef AtrState state
