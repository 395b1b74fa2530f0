# Steps a lifecycle table: next state = table[state * n_events + event], NO_ROW where the chart
# has no transition (a fault that the caller answers; never an exception that somebody swallows).
#
# Bounds are checked in release builds too: an index that is off reads another state's row, and
# that would be an order in a state it never had.

from libc.stdint cimport int64_t

cdef enum:
    NO_ROW = 255
    OUT_OF_BOUNDS = -1

cdef inline int stepped(
    const unsigned char* table, int n_states, int n_events, int state, int event
) noexcept nogil:
    # As unsigned numbers, negative ones are too large as well.
    if <unsigned int>state >= <unsigned int>n_states or <unsigned int>event >= <unsigned int>n_events:
        return OUT_OF_BOUNDS
    return table[state * n_events + event]

cdef class Stepper:
    cdef bytes rows                      # keeps `table` alive
    cdef const unsigned char* table
    cdef readonly int n_states
    cdef readonly int n_events
    # How often each pair was stepped, for who asks which rows of a chart are ever taken: an
    # array of int64, n_states by n_events, pairs without a row included. None and NULL until
    # somebody asks, and then a step costs one branch that is always guessed right.
    cdef readonly object counts
    cdef int64_t* counting

    # For other compiled code: NO_ROW, or OUT_OF_BOUNDS instead of an exception.
    cdef int at(self, int state, int event) noexcept nogil
