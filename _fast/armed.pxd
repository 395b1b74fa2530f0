# Orders that are ready as bytes, and leave from the reader when their price comes.
#
# A burst belongs to a condition of the market. It was decided ahead, on a picture of its
# instrument: it may leave only while that picture is true, that is
#   - before the set's time is up, also by the clock that counts suspended time,
#   - with bid, ask and last within the burst's gap of the prices it was decided on,
#   - with the same bars, the same ATR and the same kind of data, and trading not halted since.
# One burst of a set leaves, once; the others are then no longer true and are gone with it. What
# the socket does not take at once is for Python to send, in order, before anything else.
#
# The set belongs to a Reader and to the thread that uses it. Python fills it between two waits.

from libc.stdint cimport int16_t, int32_t, int64_t, uint8_t

from _fast.market cimport Market

cdef struct Burst:
    int32_t condition_id
    int32_t row
    double bid                 # as decided on; NaN: there was none, and must be none
    double ask
    double last
    double gap
    double atr                 # as it was, with everything below
    int64_t bar_ns
    int32_t next_bar
    int32_t data_type
    int16_t halted
    int16_t shortable
    size_t start               # of its bytes
    size_t size

cdef class ArmedSet:
    cdef Burst* bursts
    cdef readonly int count    # that may leave
    cdef bint held             # until the next wait nothing may
    cdef uint8_t* data
    cdef int64_t until_ns      # CLOCK_MONOTONIC, or whatever dates the batches
    cdef int64_t awake_until_ns    # CLOCK_BOOTTIME; 0: nobody suspends this clock
    cdef Burst used
    cdef readonly int fired    # the condition whose burst has left, -1: none
    cdef readonly size_t sent  # bytes of it that the socket took
    cdef readonly int error    # errno of the socket, 0: it took something
    # CLOCK_MONOTONIC, when the socket was asked, and when it had answered. In between the other
    # side may be woken and run first: that is the system's time, and no longer ours.
    cdef readonly int64_t leaving_ns
    cdef readonly int64_t fired_ns

    # The condition has just fired, before any other: let its burst leave if it may.
    cdef bint look(self, Market market, int32_t condition_id, int fd, int64_t mono_ns) noexcept nogil
    cdef void hold(self, bint held) noexcept nogil
