# Volume: what was traded, and at which price.
#
#   OBV      on-balance volume: a bar's volume is added if it closed above the one before,
#            subtracted if below. The first value is the first volume, as in TA-Lib. Ready after 1
#            bar. J. E. Granville, New Key to Stock Market Profits, 1963.
#   VWAP     of a session: sum of price times volume over the sum of volume since it began. NaN
#            until something was traded. S. A. Berkowitz, D. E. Logue, E. A. Noser, The Total Cost
#            of Transactions on the NYSE, 1988.
#   average  simple mean of the last n volumes (averages.pxd). Ready after n.
#
# OBV and VWAP cannot do without one of their inputs, so they do not begin anew after one that is
# no number: their value stays NaN, OBV's until reset, VWAP's until the next session. Before their
# first number nothing is lost. To VWAP no volume is no trade, whatever the price, and a negative
# one no number.

from libc.math cimport NAN, isfinite, isnan
from libc.stdint cimport int32_t

from _fast.averages cimport SmaState
from _fast.windows cimport Stream, oddity

cdef enum:
    EMPTY = 0
    RUNNING = 1
    LOST = 2

cdef struct ObvState:
    int32_t stage
    double close               # of the bar before
    double value

cdef inline void obv_reset(ObvState* at) noexcept nogil:
    at.stage = EMPTY
    at.close = at.value = NAN

# What a bar adds. Without a branch, which would be mispredicted every other bar.
cdef inline double signed_volume(double close, double before, double volume) noexcept nogil:
    return volume * (<int>(close > before) - <int>(close < before))

cdef inline double obv_push(ObvState* at, double close, double volume) noexcept nogil:
    if at.stage == LOST:
        return NAN
    if at.stage == EMPTY:
        if not isfinite(close) or not isfinite(volume):
            return NAN
        at.stage = RUNNING
        at.value = volume
    else:
        at.value += signed_volume(close, at.close, volume)
        if oddity(close) | oddity(volume) | oddity(at.value):
            at.stage = LOST
            at.value = NAN
    at.close = close
    return at.value

# Prices count from an anchor, the session's first: a constant price is its own mean.
cdef struct VwapState:
    int32_t stage
    double session
    double anchor
    double turnover            # sum of (price - anchor) * volume
    double volume

cdef inline void vwap_reset(VwapState* at) noexcept nogil:
    at.stage = EMPTY
    at.session = NAN
    at.anchor = at.turnover = at.volume = 0.0

cdef inline double vwap_push(
    VwapState* at, double price, double volume, double session
) noexcept nogil:
    if session != at.session:
        vwap_reset(at)
        at.session = session
        if isnan(session):
            return NAN
    if volume != 0.0 and at.stage != LOST:
        if at.stage == EMPTY:
            at.stage = RUNNING
            at.anchor = price
        at.turnover += (price - at.anchor) * volume
        at.volume += volume
        if not isfinite(at.turnover) or not volume > 0.0 or not isfinite(at.volume):
            at.stage = LOST
    return at.anchor + at.turnover / at.volume if at.stage == RUNNING else NAN

cdef class Obv(Stream):
    cdef ObvState state
    cdef readonly double value

cdef class Vwap(Stream):
    cdef VwapState state
    cdef readonly double value

cdef class VolumeAverage(Stream):
    cdef SmaState state
    cdef readonly double value
