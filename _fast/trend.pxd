# Trend: Wilder's directional movement.
#
#   +DM, -DM   how far a bar reaches above, below the one before, the larger of both; else 0.
#   +DI, -DI   100 times the smoothed DM over the smoothed true range. Ready after n + 1 bars.
#   ADX        Wilder's mean of DX = 100 |+DI - -DI| / (+DI + -DI), the first one the simple mean
#              of n. Ready after 2 n bars.
# J. W. Wilder, New Concepts in Technical Trading Systems, 1978. Smoothed are sums as TA-Lib has
# them: s = x[1] + ... x[n-1], then s = s - s / n + x. Where there was no range, or no movement
# for DX, DI is 0 and ADX stays, as there. What all indicators have in common is in windows.pxd.

from libc.math cimport NAN, fabs, isfinite
from libc.stdint cimport int32_t

from _fast.ranges cimport range_push
from _fast.windows cimport NOTHING, Stream, Warm

cdef struct DirectionalState:
    Warm warm                  # need n + 1
    double keep                # (n - 1) / n
    double high                # of the bar before
    double low
    double close               # NaN: none
    double plus                # smoothed
    double minus
    double range

cdef struct Directions:
    double plus
    double minus

# How far one bar reaches further than another, `other` how far on the other side. Without a
# branch: which way it is is anybody's guess.
cdef inline double movement(double reach, double other) noexcept nogil:
    cdef double further = reach if reach > 0.0 else 0.0
    return further if reach > other else 0.0

cdef inline double share_of(double movement, double range) noexcept nogil:
    return 100.0 * (movement / (range if range >= NOTHING else 1.0)) if range >= NOTHING else 0.0

cdef inline Directions directional_push(
    DirectionalState* at, double high, double low, double close
) noexcept nogil:
    cdef double up = high - at.high
    cdef double down = at.low - low
    cdef double tr = range_push(&at.close, high, low + (low - low), close)  # finds +inf, too
    cdef double keep = at.keep if at.warm.run + 1 >= at.warm.need else 1.0
    at.high = high
    at.low = low
    at.plus = keep * at.plus + movement(up, down)
    at.minus = keep * at.minus + movement(down, up)
    at.range = keep * at.range + tr
    if not (isfinite(at.range) and isfinite(at.plus) and isfinite(at.minus)):
        at.warm.run = isfinite(at.close)  # such a bar may be the first one again
        at.plus = at.minus = at.range = 0.0
        return Directions(NAN, NAN)
    if at.warm.run < at.warm.need:
        at.warm.run += 1
        if at.warm.run < at.warm.need:
            return Directions(NAN, NAN)
    return Directions(share_of(at.plus, at.range), share_of(at.minus, at.range))

cdef struct AdxState:
    DirectionalState directional
    Warm warm                  # DXs, need n
    double value               # while seeding: the sum of the DXs
    double gain                # 1 / n

cdef struct Trend:
    double adx
    double plus
    double minus

# Below 0: none, as there is no movement. NaN if one of them is.
cdef inline double dx_of(double plus, double minus) noexcept nogil:
    cdef double total = plus + minus
    cdef double dx = 100.0 * (fabs(plus - minus) / (total if total != 0.0 else 1.0))
    return -1.0 if total < NOTHING else dx

cdef inline double dx_push(AdxState* at, double dx) noexcept nogil:
    if not isfinite(dx):
        at.warm.run = 0
        at.value = 0.0
        return NAN
    if at.warm.run == at.warm.need:
        if dx >= 0.0:
            at.value += at.gain * (dx - at.value)
        return at.value
    if dx >= 0.0:
        at.value += dx
    at.warm.run += 1
    if at.warm.run < at.warm.need:
        return NAN
    at.value /= at.warm.need
    return at.value

cdef inline Trend adx_push(AdxState* at, double high, double low, double close) noexcept nogil:
    cdef Directions to = directional_push(&at.directional, high, low, close)
    return Trend(dx_push(at, dx_of(to.plus, to.minus)), to.plus, to.minus)

cdef class Directional(Stream):
    cdef DirectionalState state
    cdef Directions directions

cdef class Adx(Stream):
    cdef AdxState state
    cdef Trend trend
