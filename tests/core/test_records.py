"""A frozen class of ours is one of attrs in all but the time that it takes to make one."""

from __future__ import annotations

import copy
import inspect
import pickle
import sys
from collections.abc import Callable
from typing import Any

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from _fast.constructors import compile_constructor
from engine.records import frozen


def family(decorate: Callable[[type], Any]) -> dict[str, Any]:
    """Classes of all kinds, those of one name alike whoever makes them."""

    @decorate
    class Base:
        first: int
        second: Any = 2
        name: str = attrs.field(default="", kw_only=True)

    @decorate
    class Derived(Base):
        third: Any = None
        _private: int = 4

    @decorate
    class Listing:
        first: int
        second: list[int] = attrs.Factory(list)

    @decorate
    class Checked(Base):
        def __attrs_post_init__(self) -> None:
            if self.first == 13:
                raise ValueError("unlucky")

    @decorate
    class Converted:
        first: int = attrs.field(converter=int)
        second: int = attrs.field(default=1, init=False)

    class Plain(Base):
        pass

    @decorate
    class Empty:
        pass

    return {one.__name__: one for one in (Base, Derived, Listing, Checked, Converted, Plain, Empty)}


OURS, THEIRS = family(frozen), family(attrs.frozen)
ARGUMENTS = st.lists(st.sampled_from([1, 13, "7", None]), max_size=5)
NAMED = st.dictionaries(
    st.sampled_from(["first", "second", "name", "third", "private", "_private"]),
    st.sampled_from([1, 13, "7", None]),
)


def outcome(cls: Any, given: list[Any], named: dict[str, Any]) -> tuple[str, ...]:
    try:
        made = cls(*given, **named)
    except (TypeError, ValueError) as problem:
        return type(problem).__name__, str(problem)
    assert type(made) is cls
    assert hash(made) == hash(cls(*given, **named))
    return (repr(made),)


@pytest.mark.parametrize("name", [name for name in OURS if name != "Listing"])
def test_it_takes_and_refuses_the_same_arguments(name: str) -> None:
    @given(ARGUMENTS, NAMED)
    def check(given: list[Any], named: dict[str, Any]) -> None:
        assert outcome(OURS[name], given, named) == outcome(THEIRS[name], given, named)

    check()


def test_a_default_that_is_made_is_made_anew() -> None:
    first, second = OURS["Listing"](1), OURS["Listing"](1)
    assert first == second
    assert first.second is not second.second
    assert OURS["Listing"](1, [2]).second == [2]


def test_it_is_frozen_and_can_be_changed_and_copied() -> None:
    cls = OURS["Derived"]
    made = cls(1, third=3, private=5, name="x")
    with pytest.raises(attrs.exceptions.FrozenInstanceError):
        made.first = 2
    assert attrs.evolve(made, third=4) == cls(1, 2, 4, 5, name="x")
    assert copy.copy(made) == copy.deepcopy(made) == made
    assert inspect.signature(cls) == inspect.signature(THEIRS["Derived"])


@frozen
class Kept:
    first: int
    second: str = ""


def test_it_is_pickled() -> None:
    assert pickle.loads(pickle.dumps(Kept(1, "x"))) == Kept(1, "x")


def test_nothing_is_kept_of_what_it_was_made_of() -> None:
    value = 10**20
    before = sys.getrefcount(value), sys.getrefcount(Kept)
    for _ in range(100):
        Kept(value)
        Kept(first=value, second="x")
        with pytest.raises(TypeError):
            Kept(value, "", value)  # type: ignore[call-arg]
        with pytest.raises(TypeError):
            Kept(value, first=value)  # type: ignore[misc]
    assert (sys.getrefcount(value), sys.getrefcount(Kept)) == before


def test_what_has_no_slots_is_left_alone() -> None:
    class Slotless:
        first = 1

    with pytest.raises(TypeError, match="is no slot"):
        compile_constructor(Slotless, ["first"], ["first"], {}, 1)
    with pytest.raises(ValueError, match="2 names, 1 slots"):
        compile_constructor(Kept, ["first", "second"], ["first"], {}, 1)
    with pytest.raises(ValueError, match="1 names, 1 slots, 2 of them"):
        compile_constructor(Kept, ["first"], ["first"], {}, 2)
    assert Kept(1) == Kept(first=1)
