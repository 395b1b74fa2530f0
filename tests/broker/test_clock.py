from hypothesis import given
from hypothesis import strategies as st

from engine.broker.clock import ExchangeClock

S = 1_000_000_000
T0 = 1_767_623_400 * S


def test_runs_at_its_rate_from_the_first_answer():
    clock = ExchangeClock(30.0)
    assert not clock.set
    clock.told(5 * S, T0, 1_000_000)
    assert clock.now_ns(6 * S) == T0 + 30 * S


def test_an_answer_in_seconds_moves_nothing_while_it_agrees():
    clock = ExchangeClock()
    clock.told(0, T0, S)
    assert not clock.told(S + S // 2, T0 + S, S)  # our 1.5 s lies inside the second told
    assert clock.now_ns(2 * S) == T0 + 2 * S


def test_a_clock_that_is_behind_jumps_forward_to_what_was_told():
    clock = ExchangeClock()
    clock.told(0, T0, S)
    assert clock.told(S, T0 + 60 * S, S)
    assert clock.now_ns(S) == T0 + 60 * S


def test_a_clock_that_is_ahead_waits():
    clock = ExchangeClock()
    clock.told(0, T0, 1_000_000)
    before = clock.now_ns(10 * S)
    clock.told(10 * S, T0 + 5 * S, 1_000_000)
    assert clock.now_ns(10 * S) == before
    assert clock.now_ns(12 * S) == before
    assert clock.now_ns(20 * S) > before


def test_a_suspended_machine_has_missed_time_of_the_exchange():
    clock = ExchangeClock(30.0)
    clock.slept(S)  # nothing to be wrong about yet
    clock.told(0, T0, S)
    clock.slept(2 * S)
    assert clock.now_ns(S) == T0 + 90 * S
    assert not clock.told(S, T0 + 90 * S, S)


@given(st.lists(st.tuples(st.integers(0, 10 * S), st.integers(-3600 * S, 3600 * S)), max_size=30))
def test_never_goes_back(answers):
    clock, mono, latest = ExchangeClock(), 0, 0
    clock.told(0, T0, S)
    for pause, jump in answers:
        mono += pause
        clock.told(mono, T0 + mono + jump, S)
        now = clock.now_ns(mono)
        assert now >= latest
        latest = now
