"""The compiled stepper of lowered charts; see table.pxd."""

cimport cython
from libc.stdint cimport int64_t

import numpy as np

NO_TRANSITION = NO_ROW


@cython.final
cdef class Stepper:
    """Steps one table: ``step(state, event)`` is the next state, 255 where there is no row."""

    def __cinit__(self, bytes next not None, int n_states, int n_events):
        if not 1 <= n_states <= NO_ROW or n_events < 1:
            raise ValueError(
                f"a table has 1 to {NO_ROW} states and at least one event, not {n_states}, {n_events}"
            )
        if len(next) != <Py_ssize_t>n_states * n_events:
            raise ValueError(
                f"{n_states} states and {n_events} events take {n_states * n_events} bytes, "
                f"not {len(next)}"
            )
        for index, state in enumerate(next):
            if state != NO_ROW and state >= n_states:
                raise ValueError(
                    f"state {index // n_events}, event {index % n_events} leads to {state}, "
                    f"which is not one of {n_states} states"
                )
        self.rows = next
        self.table = next
        self.n_states = n_states
        self.n_events = n_events
        self.counts = None
        self.counting = NULL

    def count(self, bint on=True):
        """Count from zero how often each pair is stepped, into ``counts``; or stop counting."""
        cdef int64_t[:, ::1] cells
        self.counting = NULL
        self.counts = None
        if on:
            self.counts = np.zeros((self.n_states, self.n_events), dtype=np.int64)
            cells = self.counts
            self.counting = &cells[0, 0]

    cdef int at(self, int state, int event) noexcept nogil:
        cdef int found = stepped(self.table, self.n_states, self.n_events, state, event)
        if self.counting is not NULL and found != OUT_OF_BOUNDS:
            self.counting[state * self.n_events + event] += 1
        return found

    def step(self, int state, int event):
        cdef int found = self.at(state, event)
        if found == OUT_OF_BOUNDS:
            raise IndexError(
                f"state {state}, event {event} of a table of {self.n_states} by {self.n_events}"
            )
        return found
