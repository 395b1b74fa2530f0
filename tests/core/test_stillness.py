"""Which looks are left out, against taking them one by one."""

from hypothesis import given
from hypothesis import strategies as st

from engine.stillness import Still

TIMES = st.integers(min_value=-3_000, max_value=9_000)


def one_by_one(first, every, due, idle, check, check_every, bar_ends, changed):
    """How many looks find nothing, when the last of them saw to the bars, and what ended it."""
    at, closed, passed = first, None, 0
    while True:
        checks = at >= (check if closed is None else closed + check_every)
        # What is due by the exchange's clock is due a nanosecond before it is waited for.
        if at >= min(changed, idle, due - 1) or (checks and at >= bar_ends):
            return passed, closed, min(at, due)
        if checks:
            closed = at
        at, passed = at + every, passed + 1


@given(
    first=st.integers(min_value=0, max_value=600),
    every=st.integers(min_value=1, max_value=500),
    due=TIMES,
    idle=TIMES,
    check=TIMES,
    check_every=st.integers(min_value=1, max_value=1_500),
    bar_ends=TIMES,
    changed=TIMES,
)
def test_as_if_they_were_taken(first, every, due, idle, check, check_every, bar_ends, changed):
    found = Still(
        first_ns=first,
        every_ns=every,
        due_ns=due,
        idle_ns=idle,
        check_ns=check,
        check_every_ns=check_every,
        bar_ends_ns=bar_ends,
        look=lambda: None,
    )
    passed, closed, ends = one_by_one(
        first, every, due, idle, check, check_every, bar_ends, changed
    )
    if found.until_ns <= first:
        assert passed == 0 or ends <= first
        return
    found.leave_out(min(changed, found.until_ns))
    assert found.passed == passed
    assert found.checked_ns == closed
    assert min(found.next_ns, found.until_ns) == ends
