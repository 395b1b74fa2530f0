# Steps a lifecycle table: next state = table[state * n_events + event], NO_ROW where the chart
# has no transition (a fault that the caller answers; never an exception that somebody swallows).
#
# Bounds are checked in release builds too: an index that is off reads another state's row, and
# that would be an order in a state it never had.

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

    # For other compiled code: NO_ROW, or OUT_OF_BOUNDS instead of an exception.
    cdef int at(self, int state, int event) noexcept nogil
