from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from engine.broker.pacing import SECOND_NS, SLOT_NS, Pacer, Priority

steps = st.lists(
    st.tuples(
        st.sampled_from(list(Priority)),
        st.integers(0, 3),  # frames
        st.booleans(),  # orders?
        st.integers(0, 400_000_000),  # time that passes
    ),
    max_size=60,
)


def name(priority, number, is_order):
    return f"{priority} {number} {int(is_order)}".encode()


def run(rate, script):
    """(time, frame) of everything released, and what was submitted."""
    pacer, now, number = Pacer(rate), 0, 0
    released, submitted = [], []
    for priority, count, is_order, pause in script:
        for _ in range(count):
            number += 1
            frame = name(int(priority), number, is_order)
            submitted.append(frame)
            pacer.submit(priority, frame, number if is_order else None)
        released += [(now, frame) for frame in pacer.release(now)]
        now += pause
    for _ in range(10_000):
        due = pacer.next_release_ns()
        if due is None:
            break
        now = max(now, due)
        frames = pacer.release(now)
        assert frames, "next_release_ns promised a frame"
        released += [(now, frame) for frame in frames]
    return released, submitted


@given(st.integers(1, 50), steps)
def test_no_window_of_a_second_or_a_slot_holds_more_than_allowed(rate, script):
    released, _ = run(rate, script)
    times = [at for at, _ in released]
    for start in times:
        assert sum(start <= at < start + SECOND_NS for at in times) <= rate
        assert sum(start <= at < start + SLOT_NS for at in times) <= -(-rate // 10)


@given(st.integers(1, 50), steps)
def test_everything_leaves_exactly_once(rate, script):
    released, submitted = run(rate, script)
    assert Counter(frame for _, frame in released) == Counter(submitted)


@given(st.integers(1, 50), steps)
def test_orders_never_overtake_each_other(rate, script):
    released, submitted = run(rate, script)
    sent = [frame for _, frame in released if frame.endswith(b" 1")]
    assert sent == [frame for frame in submitted if frame.endswith(b" 1")]


@given(st.integers(1, 50), steps)
def test_frames_of_one_priority_that_are_no_orders_keep_their_order(rate, script):
    released, submitted = run(rate, script)
    for priority in Priority:
        mark = f"{int(priority)} ".encode()
        sent = [f for _, f in released if f.startswith(mark) and f.endswith(b" 0")]
        assert sent == [f for f in submitted if f.startswith(mark) and f.endswith(b" 0")]


def test_a_cancel_leaves_at_once_under_a_flood_of_data():
    pacer = Pacer(45)
    for number in range(500):
        pacer.submit(Priority.DATA, b"data %d" % number)
    now = 0
    for _ in range(40):  # the flood runs for four seconds
        pacer.release(now)
        now += SLOT_NS
    pacer.submit(Priority.CANCEL_PROTECT, b"cancel")
    assert pacer.release(now)[0] == b"cancel"


def test_the_reserve_is_a_fifth():
    pacer = Pacer(50)
    for number in range(100):
        pacer.submit(Priority.DATA, b"data %d" % number)
    sent = sum(len(pacer.release(slot * SLOT_NS)) for slot in range(10))
    assert sent == 40


def test_protection_takes_its_parent_along():
    pacer = Pacer(50)
    pacer.submit(Priority.QUERY, b"query")
    pacer.submit(Priority.ENTRY, b"parent", 1)
    pacer.submit(Priority.CANCEL_PROTECT, b"stop", 2)
    assert pacer.release(0)[:2] == [b"parent", b"stop"]


def test_clear_forgets_and_counts():
    pacer = Pacer(5)
    pacer.submit(Priority.DATA, b"a")
    pacer.submit(Priority.EXIT, b"b", 7)
    assert pacer.holds(7)
    assert not pacer.holds(8)
    assert pacer.clear() == 2
    assert pacer.release(0) == []
    assert pacer.next_release_ns() is None


def test_orders_and_cancels_are_urgent_until_they_have_left():
    pacer = Pacer(10)
    pacer.submit(Priority.DATA, b"data")
    assert not pacer.urgent
    pacer.submit(Priority.EXIT, b"order", 7)
    pacer.submit(Priority.CANCEL_PROTECT, b"cancel")
    assert pacer.urgent
    assert pacer.release(0) == [b"cancel"]
    assert pacer.urgent
    assert pacer.release(SLOT_NS) == [b"order"]
    assert not pacer.urgent
