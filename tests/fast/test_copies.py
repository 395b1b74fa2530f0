"""Copies of objects with slots."""

from __future__ import annotations

import gc

import attrs
import pytest

from _fast.copies import Copier


@attrs.define
class Point:
    x: object
    y: object = None


class Plain:
    x = 1


def test_a_copy_is_an_object_of_its_own_with_the_same_values() -> None:
    value = [1]
    point = Point(value, "y")

    copied = Copier(Point, ("x", "y"))(point)
    point.y = "changed"

    assert type(copied) is Point
    assert copied.x is value
    assert copied.y == "y"
    assert gc.is_tracked(copied)


def test_a_slot_without_a_value_stays_without() -> None:
    point = Point(1)
    del point.x

    copied = Copier(Point, ("x", "y"))(point)

    assert copied.y is None
    with pytest.raises(AttributeError):
        _ = copied.x


def test_copies_hold_what_they_have() -> None:
    copier = Copier(Point, ("x", "y"))
    for _ in range(1000):
        point = Point(object(), [object()])
        copies = [copier(point) for _ in range(10)]
        del point
        assert all(one.x is copies[0].x for one in copies)


def test_what_is_not_copied() -> None:
    copier = Copier(Point, ("x",))
    with pytest.raises(TypeError, match="no Point"):
        copier(Plain())  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="no slot"):
        Copier(Plain, ("x",))
    with pytest.raises(AttributeError):
        Copier(Point, ("z",))
