# Channels around a price: an upper, a middle and a lower line. Ready together.
#
#   Bollinger   simple mean of n, and `width` standard deviations of the same n above and below.
#               Ready after n inputs. J. Bollinger, 1983 (Bollinger on Bollinger Bands, 2001);
#               TA-Lib counts alike.
#   Keltner     exponential mean of n closes, and `width` average true ranges (Wilder's, of m bars)
#               above and below. Ready after n or m + 1 bars, whichever is more. C. W. Keltner, How
#               To Make Money in Commodities, 1960; in this form L. B. Raschke, 1980s.
#   Donchian    highest high and lowest low of n bars, the newest one included, and their middle.
#               Ready after n bars. R. Donchian, 1950s; TA-Lib's MAX and MIN count alike. To ask
#               whether a bar leaves the channel, compare it with the lines of the bar before.
# What all indicators have in common is in windows.pxd.

from libc.math cimport NAN

from _fast.averages cimport Smooth, smooth_push
from _fast.deviations cimport DeviationState, deviation_step
from _fast.ranges cimport AtrState, atr_push
from _fast.windows cimport Extremes, Recent, Stream, extremes_step, recent_push

cdef struct Lines:
    double upper
    double middle
    double lower

cdef struct BollingerState:
    DeviationState deviation   # and the mean
    double width

cdef inline Lines bollinger_step(BollingerState* at, const double* newest) noexcept nogil:
    cdef double reach = at.width * deviation_step(&at.deviation, newest)
    cdef double mean = at.deviation.mean
    return Lines(mean + reach, mean, mean - reach)

cdef inline Lines bollinger_push(BollingerState* at, double x) noexcept nogil:
    return bollinger_step(at, recent_push(&at.deviation.recent, x))

cdef struct KeltnerState:
    Smooth middle
    AtrState atr
    double width

cdef inline Lines keltner_push(
    KeltnerState* at, double high, double low, double close
) noexcept nogil:
    # A bar of which a number is missing is no input, of neither.
    cdef double reach = at.width * atr_push(&at.atr, high, low, close)
    cdef double middle = smooth_push(&at.middle, close + ((high - high) + (low - low)))
    middle += reach - reach
    return Lines(middle + reach, middle, middle - reach)

cdef struct DonchianState:
    Extremes extremes
    Recent high                # of a stream
    Recent low

cdef inline Lines donchian_step(
    DonchianState* at, const double* high, const double* low
) noexcept nogil:
    cdef double upper, lower
    if not extremes_step(&at.extremes, high, low, 0.0):
        return Lines(NAN, NAN, NAN)
    upper = at.extremes.highest
    lower = at.extremes.lowest
    return Lines(upper, upper * 0.5 + lower * 0.5, lower)

cdef inline Lines donchian_push(DonchianState* at, double high, double low) noexcept nogil:
    return donchian_step(at, recent_push(&at.high, high), recent_push(&at.low, low))

cdef class Channel(Stream):
    cdef Lines lines

cdef class Bollinger(Channel):
    cdef BollingerState state

cdef class Keltner(Channel):
    cdef KeltnerState state

cdef class Donchian(Channel):
    cdef DonchianState state
