# All instruments: which message belongs to which, the clock, the conditions. No GIL on the path
# of a message; what one does to its instrument is in ticks.pxd.
#
# One thread owns a Market: the one that reads the socket. It calls `set_now` once per batch and
# `apply` once per message; Python on the same thread binds requests, adds conditions and drains
# fires in between. Nothing here locks.

cimport cython
from libc.stdint cimport int32_t, int64_t, uint32_t, uint64_t

from _fast.conditions cimport Condition, Fire
from _fast.instruments cimport Row
from _fast.types cimport Instrument, Tick

@cython.final
cdef class Market:
    cdef Instrument* instrument_at     # [capacity], memory owned by `columns`
    cdef Row* row_at                   # [capacity], memory owned by `rows`
    cdef int32_t* row_of               # [request_room] request id -> row, -1 unbound
    cdef int32_t request_room
    cdef int64_t now
    cdef Fire* fire_at                 # [FIRES_MAX] fires not yet drained
    cdef readonly int fired            # how many
    cdef readonly uint64_t unbound     # messages whose request id has no row: dropped
    cdef readonly uint64_t refused     # fires put off because FIRES_MAX were undrained
    cdef readonly uint64_t bad_times   # messages dated over a day ahead of the clock: dated now
    cdef readonly uint64_t bad_bars    # real-time bars without four prices: dropped
    cdef readonly int32_t requests_max
    cdef readonly int32_t capacity
    cdef readonly int32_t bars_max
    cdef readonly int32_t conditions_max
    cdef readonly int32_t count        # rows added
    cdef int32_t next_condition
    cdef object columns                # numpy, dtype of Instrument, (capacity,)
    cdef object rows                   # numpy bytes
    cdef object rings                  # numpy, dtype of Bar, (capacity, bars_max)
    cdef dict row_of_condition
    cdef dict followers                # row -> (family, parameters) -> Follower

    # Apply one message (Tick.row is the request id); returns how many conditions it fired.
    cdef int apply(self, Tick* tick) noexcept nogil
    # A real-time bar of five seconds that starts at time_ns; volume 0: no trade in it, below 0:
    # not reported (indices, currencies). Returns fires as `apply` does.
    cpdef int apply_bar(
        self, int32_t request_id, int64_t time_ns,
        double open, double high, double low, double close, double volume,
    ) noexcept nogil
    # Exchange time for messages that carry none; never goes back.
    cdef void set_now(self, int64_t exchange_ns) noexcept nogil
    # Complete every bar whose interval ended at or before now_ns; returns how many.
    cdef int close_due(self, int64_t now_ns) noexcept nogil

    # For a caller that knows the requests of coming messages: start loading what they will touch.
    cdef void prefetch(self, int32_t request_id) noexcept nogil

    cdef int64_t dated(self, int64_t time_ns) noexcept nogil
    cdef int conclude(self, int32_t row, uint32_t changed, int64_t time_ns) noexcept nogil
    cdef int32_t checked(self, row) except -1
    cdef Condition fresh_condition(self, column, op, bint fire_if_true) except *
