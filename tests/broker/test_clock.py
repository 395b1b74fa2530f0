import pytest
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


@pytest.mark.parametrize("rate", [1.0, 60.0])
def test_a_clock_that_is_ahead_goes_at_half_its_rate_until_it_is_caught_up_with(rate):
    """It does not stand still: whatever is due after a time becomes due, if later."""
    clock, second = ExchangeClock(rate), int(S * rate)
    clock.told(0, T0, 1_000_000)
    before = clock.now_ns(10 * S)
    slack = second // 4  # an answer may have been so long on its way
    assert clock.told(10 * S, T0 + 5 * second - slack, 1_000_000) == -5 * second
    assert clock.now_ns(10 * S) == before
    assert not clock.runs(12 * S)
    assert clock.now_ns(12 * S) == before + second
    assert clock.now_ns(20 * S) == before + 5 * second == T0 + 15 * second
    assert clock.now_ns(24 * S) == T0 + 19 * second
    assert clock.runs(24 * S) == (rate == 1.0)


def test_however_often_it_is_asked_a_slowed_clock_shows_the_same_time():
    asked, left = ExchangeClock(), ExchangeClock()
    for clock in (asked, left):
        clock.told(0, T0, 1_000_000)
        clock.told(10 * S, T0, 1_000_000)
    for mono in range(10 * S, 13 * S, 1_234_567):
        asked.now_ns(mono)
    assert asked.now_ns(13 * S + 1) == left.now_ns(13 * S + 1)


@pytest.mark.parametrize(
    ("seconds", "told"),
    [
        (0, []),
        (9, []),
        (3600, ["the clock of TWS went ahead by 3600 s"]),
        (-9, []),
        (-3600, ["the clock of TWS went back by 3599 s"]),
    ],
)
def test_a_person_is_told_of_a_jump_and_the_reader_goes_along(seconds, told):
    clock, set_to = ExchangeClock(), []

    class Reader:
        def set_clock(self, mono_anchor_ns, exchange_anchor_ns, rate=1.0):
            set_to.append((mono_anchor_ns, exchange_anchor_ns, rate))

    assert clock.follow(Reader(), 0, T0, S) == []  # the first word is no jump
    said = clock.follow(Reader(), S, T0 + (1 + seconds) * S, S)
    assert [(one.level, one.text) for one in said] == [("warning", text) for text in told]
    assert len(set_to) == 1 + bool(seconds)
    assert set_to[-1] == (*clock.anchor, 1.0)


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
