# Averages of the newest values: simple, weighted, exponential, and Wilder's.
#
#   simple        mean of the last n. Ready after n inputs.
#   weighted      weights 1 to n, the newest n, divided by n (n + 1) / 2. Ready after n inputs.
#   exponential   v = v[-1] + g (x - v[-1]) with g = 2 / (n + 1), Wilder's with g = 1 / n (Wilder
#                 1978), the first value the simple mean of the first n. Ready after n inputs.
# Formulas are common knowledge (see e.g. P. J. Kaufman, Trading Systems and Methods, 1978); seeds
# and counting are TA-Lib's. What all indicators have in common is in windows.pxd.

from libc.math cimport NAN, isfinite
from libc.stdint cimport int32_t

from _fast.windows cimport Recent, Stream, Warm, recent_push, sum_of, warm_up

# A mean of the last `need` values is anchor + sum / need. The sum rolls: in comes what is new,
# less what leaves. Its rounding is forgotten when it is added up afresh.
cdef struct SmaState:
    Warm warm
    double anchor              # the newest value when last afresh
    double sum                 # of value - anchor over the window
    int32_t age                # updates since then
    int32_t age_max
    Recent recent              # of a stream; arrays have their own values

cdef inline double sma_step(SmaState* at, const double* newest) noexcept nogil:
    cdef double sum
    if at.warm.run == at.warm.need:
        sum = at.sum + (newest[0] - newest[-at.warm.need])
        at.age += 1
        if at.age < at.age_max and isfinite(sum):
            at.sum = sum
            return at.anchor + sum / at.warm.need
    elif not warm_up(&at.warm, newest[0]):
        return NAN
    at.age = 0
    at.anchor = newest[0]
    at.sum = sum_of(newest, at.warm.need, at.anchor)
    if not isfinite(at.sum):
        at.warm.run = 0
        return NAN
    return at.anchor + at.sum / at.warm.need

cdef inline double sma_push(SmaState* at, double x) noexcept nogil:
    return sma_step(at, recent_push(&at.recent, x))

# The sum of x - anchor with weights 1 to n: every weight falls by one, which takes away the plain
# sum of the window before, and the newest comes in with n.
cdef struct WmaState:
    Warm warm
    double anchor
    double sum
    double weighted
    double share               # 1 / (1 + 2 + ... n)
    int32_t age
    int32_t age_max
    Recent recent

cdef inline double wma_step(WmaState* at, const double* newest) noexcept nogil:
    cdef double weighted
    if at.warm.run == at.warm.need:
        weighted = at.weighted + (at.warm.need * (newest[0] - at.anchor) - at.sum)
        at.sum += newest[0] - newest[-at.warm.need]
        at.age += 1
        if at.age < at.age_max and isfinite(weighted) and isfinite(at.sum):
            at.weighted = weighted
            return at.anchor + weighted * at.share
    elif not warm_up(&at.warm, newest[0]):
        return NAN
    at.age = 0
    at.anchor = newest[0]
    at.sum = sum_of(newest, at.warm.need, at.anchor)
    at.weighted = weighted_of(newest, at.warm.need, at.anchor)
    if not isfinite(at.weighted) or not isfinite(at.sum):
        at.warm.run = 0
        return NAN
    return at.anchor + at.weighted * at.share

cdef inline double wma_push(WmaState* at, double x) noexcept nogil:
    return wma_step(at, recent_push(&at.recent, x))

# The exponential mean, computed two inputs back: with k = 1 - g, v[-2] leads to v through
# m = x + k / (1 + k) (x[-1] - x), what x[-1] and x pull towards together: v = m + k k (v[-2] - m).
# Two chains run side by side instead of each value waiting for the one before, and a constant
# stays what it is. Right after seeding, v[-2] and x[-1] are the seed itself, which is the same.
cdef struct Smooth:
    Warm warm
    double share               # k / (1 + k)
    double keep                # k k
    double value               # while seeding: the first input
    double before              # the value one input ago; while seeding: the sum of input - first
    double last                # the input one ago

cdef inline double smoothed(
    double before, double last, double x, double share, double keep
) noexcept nogil:
    cdef double towards = x + share * (last - x)
    return towards + keep * (before - towards)

cdef inline double smooth_push(Smooth* at, double x) noexcept nogil:
    cdef double value
    if at.warm.run == at.warm.need:
        value = smoothed(at.before, at.last, x, at.share, at.keep)
        at.before = at.value
        at.value = value
        at.last = x
        if isfinite(value):
            return value
        at.warm.run = 0
        return NAN
    if at.warm.run == 0:
        at.value = x
        at.before = 0.0
    at.before += x - at.value
    if not warm_up(&at.warm, x):
        return NAN
    at.value += at.before / at.warm.need
    at.before = at.last = at.value
    if not isfinite(at.value):
        at.warm.run = 0
        return NAN
    return at.value

# As sum_of, with weights 1 to `count`.
cdef double weighted_of(const double* newest, int32_t count, double anchor) noexcept nogil

# `n` updates at once; `out` is not `x`.
cdef void sma_run(SmaState* at, const double* x, double* out, Py_ssize_t n) noexcept nogil
cdef void wma_run(WmaState* at, const double* x, double* out, Py_ssize_t n) noexcept nogil
cdef void smooth_run(Smooth* at, const double* x, double* out, Py_ssize_t n) noexcept nogil
cdef void sma_over(void* state, const double** x, double** out, Py_ssize_t n) noexcept nogil

# Without memory of their own, as arrays need them; x_open adds it, MemoryError, x_close frees it.
cdef void sma_init(SmaState* at, int32_t period) noexcept nogil
cdef int sma_open(SmaState* at, int32_t period) except -1
cdef void sma_close(SmaState* at) noexcept nogil
cdef void wma_init(WmaState* at, int32_t period) noexcept nogil
cdef void ema_init(Smooth* at, int32_t period) noexcept nogil
cdef void wilder_init(Smooth* at, int32_t period) noexcept nogil

cdef class Sma(Stream):
    cdef SmaState state
    cdef readonly double value

cdef class Wma(Stream):
    cdef WmaState state
    cdef readonly double value

cdef class Ema(Stream):
    cdef Smooth state
    cdef readonly double value
