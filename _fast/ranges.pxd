# True range and its average.
#
#   true range    max(high, previous close) - min(low, previous close). Ready after 2 bars, as the
#                 first one only supplies a close.
#   average       Wilder's mean of the true ranges (averages.pxd), or the simple mean of the last n.
#                 Ready after n + 1 bars.
# J. W. Wilder, New Concepts in Technical Trading Systems, 1978; TA-Lib counts alike. What all
# indicators have in common is in windows.pxd.

from libc.math cimport NAN, isfinite
from libc.stdint cimport int32_t

from _fast.averages cimport SmaState, Smooth, sma_push, smooth_push
from _fast.windows cimport Stream

cdef enum Mean:
    WILDER = 0
    SIMPLE = 1

# Of no meaning unless `range_check` is finite, which tells whether all that it was made of is;
# the order of each comparison is such that none of them is lost. But a low of +inf is: it is
# never the lower one. (One more addition would find it, and make an array take a tenth longer.)
cdef inline double range_from(double high, double low, double previous_close) noexcept nogil:
    cdef double top = high if high > previous_close else previous_close
    cdef double bottom = previous_close if previous_close < low else low
    return top - bottom

cdef inline double range_check(double high, double tr) noexcept nogil:
    return tr + high

# The next bar: its true range, NaN if something is not finite. previous_close becomes this bar's,
# or NaN if one of its numbers is not finite: the bar is no input then.
cdef inline double range_push(
    double* previous_close, double high, double low, double close
) noexcept nogil:
    cdef double tr = range_from(high, low, previous_close[0])
    cdef bint sound = isfinite(range_check(high, tr)) and isfinite(close)
    cdef double bottom = close if close < low else low
    previous_close[0] = close + ((high - high) + (bottom - bottom))
    return tr if sound else NAN

cdef struct AtrState:          # 64 bytes
    Smooth smooth
    double previous_close      # NaN: none
    SmaState* simple           # NULL for wilder

cdef inline double atr_push(
    AtrState* at, double high, double low, double close
) noexcept nogil:
    cdef double tr = range_push(&at.previous_close, high, low, close)
    return smooth_push(&at.smooth, tr) if at.simple is NULL else sma_push(at.simple, tr)

cdef inline bint atr_ready(const AtrState* at) noexcept nogil:
    if at.simple is NULL:
        return at.smooth.warm.run == at.smooth.warm.need
    return at.simple.warm.run == at.simple.warm.need

# Raises ValueError for a period outside 1..PERIOD_MAX or an unknown mean, MemoryError.
cdef int atr_init(AtrState* at, object period, object mean) except -1
cdef void atr_reset(AtrState* at) noexcept nogil
cdef void atr_free(AtrState* at) noexcept nogil

cdef class TrueRange(Stream):
    cdef double previous_close
    cdef readonly double value

cdef class Atr(Stream):
    cdef AtrState state
    cdef readonly double value
