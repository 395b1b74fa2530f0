# Oscillators: how strongly, how fast and from where to where a price moved.
#
#   RSI         100 U / (U + D), U and D Wilder's means of n rises and n falls. Ready after n + 1
#               inputs. J. W. Wilder, New Concepts in Technical Trading Systems, 1978.
#   MACD        line: exponential mean of `fast` less that of `slow` values; signal: exponential
#               mean of `signal` lines; histogram: line - signal. Ready, all three, after slow +
#               signal - 1 inputs. G. Appel, 1979; histogram T. Aspray, 1986. As TA-Lib does, both
#               means are seeded at the same input, the fast one with the newest `fast` values.
#   stochastic  K = 100 (close - lowest low) / (highest high - lowest low) of n bars; D the simple
#               mean of d Ks. That is the fast one; the slow one first smooths K by a simple mean
#               of s Ks. Ready, both, after n + s + d - 2 bars (s = 1 for the fast one).
#               G. C. Lane, 1950s (Lane's Stochastics, 1984).
#   ROC         100 (x / x[-n] - 1). Ready after n + 1 inputs. Common knowledge.
# TA-Lib counts alike. Where a formula would divide by nothing (no rise and no fall, no range, a
# price of 0) the value is 0 as in TA-Lib: a dead market looks oversold, not undefined.
# What all indicators have in common is in windows.pxd.

from libc.math cimport NAN, fabs, isfinite
from libc.stdint cimport int32_t

from _fast.averages cimport SmaState, Smooth, sma_push, smooth_push
from _fast.windows cimport (
    NOTHING, Extremes, Recent, Stream, Warm, extremes_step, recent_push, warm_up,
)

cdef struct RsiState:
    Smooth up
    Smooth down
    double previous

cdef inline double rsi_push(RsiState* at, double x) noexcept nogil:
    cdef double change = x - at.previous
    cdef double size = fabs(change)
    cdef double up = smooth_push(&at.up, 0.5 * (size + change))
    cdef double down = smooth_push(&at.down, 0.5 * (size - change))
    cdef double total = up + down
    at.previous = x
    return 0.0 if total < NOTHING else 100.0 * (up / total)

cdef struct MacdState:
    Smooth fast
    Smooth slow
    Smooth signal

cdef struct MacdLines:
    double line
    double signal
    double histogram

cdef inline MacdLines macd_push(MacdState* at, double x) noexcept nogil:
    cdef double slow = smooth_push(&at.slow, x)
    cdef double fast = NAN
    cdef double line, signal
    if at.slow.warm.run > at.slow.warm.need - at.fast.warm.need:
        fast = smooth_push(&at.fast, x)
    else:
        at.fast.warm.run = 0
    line = fast - slow
    signal = smooth_push(&at.signal, line)
    line += signal - signal
    return MacdLines(line, signal, line - signal)

cdef struct StochasticState:
    Extremes extremes
    SmaState k                 # of the slow one: need 1 smooths nothing
    SmaState d
    Recent high                # of a stream
    Recent low

cdef struct StochasticLines:
    double k
    double d

# K before any smoothing; NaN if one of them is.
cdef inline double place_in(double close, double highest, double lowest) noexcept nogil:
    cdef double range = highest - lowest
    return 100.0 * ((close - lowest) / (range if range != 0.0 else 1.0))

cdef inline double place_step(
    Extremes* at, const double* high, const double* low, double close
) noexcept nogil:
    if not extremes_step(at, high, low, close):
        return NAN
    return place_in(close, at.highest, at.lowest)

cdef inline StochasticLines stochastic_push(
    StochasticState* at, double high, double low, double close
) noexcept nogil:
    cdef double k = place_step(
        &at.extremes, recent_push(&at.high, high), recent_push(&at.low, low), close
    )
    cdef double d
    if at.k.warm.need > 1:
        k = sma_push(&at.k, k)
    d = sma_push(&at.d, k)
    return StochasticLines(k + (d - d), d)

cdef struct RocState:
    Warm warm                  # need n + 1
    Recent recent              # of a stream

cdef inline double change_from(double x, double before) noexcept nogil:
    # Divides in any case, so that loops may do several at a time.
    cdef double change = 100.0 * (x / (before if before != 0.0 else 1.0) - 1.0)
    return change if before != 0.0 else 0.0

cdef inline double roc_step(RocState* at, const double* newest) noexcept nogil:
    cdef double change
    if at.warm.run < at.warm.need and not warm_up(&at.warm, newest[0]):
        return NAN
    change = change_from(newest[0], newest[1 - at.warm.need])
    if isfinite(change + newest[0]):
        return change
    at.warm.run = 0
    return NAN

cdef inline double roc_push(RocState* at, double x) noexcept nogil:
    return roc_step(at, recent_push(&at.recent, x))

cdef class Rsi(Stream):
    cdef RsiState state
    cdef readonly double value

cdef class Macd(Stream):
    cdef MacdState state
    cdef MacdLines lines

cdef class Stochastic(Stream):
    cdef StochasticState state
    cdef StochasticLines lines

cdef class Roc(Stream):
    cdef RocState state
    cdef readonly double value
