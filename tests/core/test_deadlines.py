"""The earliest of all deadlines is known, however they are set and dropped."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.deadlines import NEVER, Deadlines

NAMES = st.sampled_from(["ask", "round", "answer:1", "answer:2"])
TIMES = st.integers(0, 5)
CHANGES = st.one_of(
    st.tuples(st.just("set"), NAMES, TIMES),
    st.tuples(st.just("setdefault"), NAMES, TIMES),
    st.tuples(st.just("pop"), NAMES),
    st.tuples(st.just("del"), NAMES),
    st.tuples(st.just("copy")),
    st.tuples(st.just("look")),
)


@given(st.lists(CHANGES, max_size=40))
def test_the_earliest_is_that_of_all(changes: list[tuple[object, ...]]) -> None:
    """Looked at or not in between: the one that is kept in mind must not outlive its name."""
    kept, plain = Deadlines(), dict[str, int]()
    for kind, *words in changes:
        match kind, *words:
            case "set", str(name), int(at_ns):
                kept[name] = plain[name] = at_ns
            case "setdefault", str(name), int(at_ns):
                assert kept.setdefault(name, at_ns) == plain.setdefault(name, at_ns)
            case "pop", str(name):
                kept.pop(name)
                plain.pop(name, None)
            case "del", str(name) if name in plain:
                del kept[name], plain[name]
            case "copy", *_:
                before, kept = kept, kept.copy()
                before["ask"] = -1  # which the copy does not see
            case "look", *_:
                assert kept.earliest_ns == min(plain.values(), default=NEVER)
        assert kept == plain
    assert kept.earliest_ns == min(plain.values(), default=NEVER)


def test_what_would_go_past_the_earliest_is_refused() -> None:
    deadlines = Deadlines({"ask": 7})
    for change in (
        deadlines.clear,
        deadlines.popitem,
        lambda: deadlines.update(ask=1),
        lambda: deadlines.__ior__({"ask": 1}),
    ):
        with pytest.raises(TypeError, match="one by one"):
            change()
    assert (deadlines, deadlines.earliest_ns) == ({"ask": 7}, 7)
