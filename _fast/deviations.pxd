# Standard deviation of the last n values, of the population: the root of the mean square
# difference from their mean. Ready after n inputs. TA-Lib counts alike. What all indicators have
# in common is in windows.pxd.
#
# Sums of x - anchor and of its square roll as in averages.pxd. The anchor is near the data, so the
# square of the mean takes few digits from the mean square; TA-Lib, with no anchor, loses about
# (mean / deviation) squared times 1e-16 of the variance.

from libc.math cimport NAN, isfinite, sqrt
from libc.stdint cimport int32_t

from _fast.windows cimport Recent, Stream, Warm, recent_push, sum_of, warm_up

cdef struct DeviationState:
    Warm warm
    double anchor
    double sum
    double squares
    double share               # 1 / n
    double mean                # of the window, NaN until ready
    int32_t age
    int32_t age_max
    Recent recent              # of a stream

cdef inline double variance_from(double sum, double squares, double share) noexcept nogil:
    return (squares - sum * (sum * share)) * share

cdef inline double deviation_from(double variance) noexcept nogil:
    return sqrt(variance if variance > 0.0 else 0.0)

# Difference of two squares, (x - a)(x - a) - (y - a)(y - a).
cdef inline double squares_step(double x, double y, double anchor) noexcept nogil:
    return (x - y) * ((x - anchor) + (y - anchor))

# The deviation; at.mean is set, too.
cdef inline double deviation_step(DeviationState* at, const double* newest) noexcept nogil:
    cdef double oldest
    if at.warm.run == at.warm.need:
        oldest = newest[-at.warm.need]
        at.squares += squares_step(newest[0], oldest, at.anchor)
        at.sum += newest[0] - oldest
        at.age += 1
    elif warm_up(&at.warm, newest[0]):
        at.age = at.age_max
    else:
        at.mean = NAN
        return NAN
    if at.age == at.age_max or not isfinite(at.squares):
        at.age = 0
        at.anchor = newest[0]
        at.sum = sum_of(newest, at.warm.need, at.anchor)
        at.squares = squares_of(newest, at.warm.need, at.anchor)
        if not isfinite(at.squares):
            at.warm.run = 0
            at.mean = NAN
            return NAN
    at.mean = at.anchor + at.sum / at.warm.need
    return deviation_from(variance_from(at.sum, at.squares, at.share))

cdef inline double deviation_push(DeviationState* at, double x) noexcept nogil:
    return deviation_step(at, recent_push(&at.recent, x))

# Sum of the squares of the `count` values up to the newest, less `anchor` each.
cdef double squares_of(const double* newest, int32_t count, double anchor) noexcept nogil

# `n` updates at once; `means` may be NULL.
cdef void deviation_run(
    DeviationState* at, const double* x, double* deviations, double* means, Py_ssize_t n
) noexcept nogil

# Without memory of its own, as arrays need it; deviation_open adds it, MemoryError.
cdef void deviation_init(DeviationState* at, int32_t period) noexcept nogil
cdef int deviation_open(DeviationState* at, int32_t period) except -1
cdef void deviation_close(DeviationState* at) noexcept nogil

cdef class StdDev(Stream):
    cdef DeviationState state
    cdef readonly double value
