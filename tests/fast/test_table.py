"""The compiled stepper agrees with the table it was given, and refuses everything outside it."""

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from _fast.table import NO_TRANSITION, Stepper


@st.composite
def tables(draw):
    n_states = draw(st.integers(1, 12))
    n_events = draw(st.integers(1, 12))
    cell = st.one_of(st.integers(0, n_states - 1), st.just(NO_TRANSITION))
    cells = draw(st.lists(cell, min_size=n_states * n_events, max_size=n_states * n_events))
    return cells, n_states, n_events


@given(tables())
def test_every_pair_reads_its_own_cell(table):
    cells, n_states, n_events = table
    stepper = Stepper(bytes(cells), n_states, n_events)

    for state in range(n_states):
        for event in range(n_events):
            assert stepper.step(state, event) == cells[state * n_events + event]


@given(tables(), st.integers(-(2**31), 2**31 - 1), st.integers(-(2**31), 2**31 - 1))
def test_outside_the_table_is_an_error(table, state, event):
    cells, n_states, n_events = table
    stepper = Stepper(bytes(cells), n_states, n_events)

    if 0 <= state < n_states and 0 <= event < n_events:
        assert stepper.step(state, event) == cells[state * n_events + event]
    else:
        with pytest.raises(IndexError, match=f"state {state}, event {event}"):
            stepper.step(state, event)


def test_an_event_of_the_next_state_is_not_reached_by_a_large_event():
    stepper = Stepper(bytes([0, 1, 1, 0]), 2, 2)

    with pytest.raises(IndexError):
        stepper.step(0, 2)  # would be cell 2, the first of state 1


@pytest.mark.parametrize(
    ("cells", "n_states", "n_events", "reason"),
    [
        (b"", 0, 1, "1 to 255 states"),
        (b"", 1, 0, "at least one event"),
        (bytes(256), 256, 1, "1 to 255 states"),
        (b"\0\0\0", 2, 2, "take 4 bytes, not 3"),
        (b"\0\0\0\2", 2, 2, "state 1, event 1 leads to 2"),
    ],
)
def test_tables_that_make_no_sense_are_refused(cells, n_states, n_events, reason):
    with pytest.raises(ValueError, match=reason):
        Stepper(cells, n_states, n_events)


@given(tables(), st.data())
def test_every_step_is_counted_in_its_own_cell(table, data):
    cells, n_states, n_events = table
    stepper = Stepper(bytes(cells), n_states, n_events)
    pairs = st.tuples(st.integers(0, n_states - 1), st.integers(0, n_events - 1))
    steps = data.draw(st.lists(pairs, max_size=30))
    stepper.count()

    for state, event in steps:
        stepper.step(state, event)

    found = {
        (state, event): int(stepper.counts[state, event])
        for state in range(n_states)
        for event in range(n_events)
        if stepper.counts[state, event]
    }
    assert found == Counter(steps)


def test_nothing_is_counted_unless_asked():
    stepper = Stepper(bytes([0, NO_TRANSITION]), 1, 2)
    stepper.step(0, 0)
    assert stepper.counts is None

    stepper.count()
    stepper.step(0, 1)
    with pytest.raises(IndexError):
        stepper.step(0, 2)
    assert stepper.counts.tolist() == [[0, 1]]

    stepper.count()
    assert stepper.counts.tolist() == [[0, 0]]

    stepper.count(False)
    stepper.step(0, 0)
    assert stepper.counts is None
