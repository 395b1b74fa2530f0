"""Standard deviation, streaming and over arrays; formulas in deviations.pxd."""

from libc.stdlib cimport free

from _fast.arrays cimport over
from _fast.windows cimport SUMS_AGE_MAX, period_of, recent_init


cdef void deviation_init(DeviationState* at, int32_t period) noexcept nogil:
    at.warm.need = period
    at.warm.run = 0
    at.age = 0
    at.age_max = max(4 * period, SUMS_AGE_MAX)
    at.anchor = at.sum = at.squares = 0.0
    at.share = 1.0 / period
    at.mean = NAN
    at.recent.values = NULL


cdef int deviation_open(DeviationState* at, int32_t period) except -1:
    deviation_init(at, period)
    return recent_init(&at.recent, period)


cdef void deviation_close(DeviationState* at) noexcept nogil:
    free(at.recent.values)
    at.recent.values = NULL


cdef double squares_of(const double* newest, int32_t count, double anchor) noexcept nogil:
    cdef const double* at = newest - count + 1
    cdef double even = 0.0  # two sums side by side, see sum_of
    cdef double odd = 0.0
    cdef int32_t i
    for i in range(0, count - 1, 2):
        even += (at[i] - anchor) * (at[i] - anchor)
        odd += (at[i + 1] - anchor) * (at[i + 1] - anchor)
    if count % 2:
        even += (at[count - 1] - anchor) * (at[count - 1] - anchor)
    return even + odd


cdef void deviation_run(
    DeviationState* state, const double* x, double* deviations, double* means, Py_ssize_t n
) noexcept nogil:
    """deviation_step over an array. From one fresh sum to the next only the sums are taken one
    after the other; what is made of them, several at a time. What is not finite stays in the sums
    and is found at the end, then these values are taken step by step."""
    cdef DeviationState at = state[0]
    cdef DeviationState saved
    cdef Py_ssize_t i = 0
    cdef Py_ssize_t j, end
    cdef double sum, squares
    cdef int32_t period = at.warm.need
    cdef double count = period
    while i < n:
        while i < n and at.warm.run < period:
            deviations[i] = deviation_step(&at, x + i)
            if means is not NULL:
                means[i] = at.mean
            i += 1
        saved = at
        end = min(n, i + 1)
        if i < n and at.age + 1 < at.age_max:
            end = min(n, i + at.age_max - 1 - at.age)
            sum = at.sum
            squares = at.squares
            for j in range(i, end):
                squares += squares_step(x[j], x[j - period], at.anchor)
                sum += x[j] - x[j - period]
                deviations[j] = variance_from(sum, squares, at.share)
                if means is not NULL:
                    means[j] = sum
            for j in range(i, end):
                deviations[j] = deviation_from(deviations[j])
            if means is not NULL:
                for j in range(i, end):
                    means[j] = at.anchor + means[j] / count
            at.sum = sum
            at.squares = squares
            at.age += end - i
            if isfinite(squares):
                i = end
            else:
                at = saved
        while i < end:
            deviations[i] = deviation_step(&at, x + i)
            if means is not NULL:
                means[i] = at.mean
            i += 1
    state[0] = at


cdef void deviation_over(void* state, const double** x, double** out, Py_ssize_t n) noexcept nogil:
    deviation_run(<DeviationState*>state, x[0], out[0], NULL, n)


cdef class StdDev(Stream):
    """Standard deviation of the last ``period`` values."""

    def __cinit__(self, period=20):
        deviation_open(&self.state, period_of(period, "standard deviation"))
        self.warmup = self.state.warm.need
        self.shown = &self.value
        self.value = NAN

    def __dealloc__(self):
        deviation_close(&self.state)

    def push(self, double x):
        self.value = deviation_push(&self.state, x)
        return self.value

    def reset(self):
        self.state.warm.run = 0
        self.value = NAN


def stddev(values, period=20):
    cdef DeviationState at
    deviation_init(&at, period_of(period, "standard deviation"))
    return over(deviation_over, &at, 1, 1, "", values)
