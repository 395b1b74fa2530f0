"""What fits becomes a record or a body in compiled code; all else is somebody else's to explain."""

from __future__ import annotations

import sys
from decimal import Decimal
from typing import Any

import attrs
import pytest

from _fast.records import Form, Tagged

SAME = {int: None}
SHARES = ({Decimal: str, type(None): None}, {str: Decimal, type(None): None})


@attrs.frozen
class Pair:
    second: int
    first: Decimal | None = None


@attrs.frozen
class Checked:
    second: int
    first: int

    def __attrs_post_init__(self) -> None:
        assert self.second != 13, "unlucky"


def explained(given: Any) -> Any:
    return {"explained": given}


def pair_form() -> Form:
    return Form(Pair, [("second", SAME, SAME), ("first", *SHARES)], explained, explained)


def checked_form() -> Form:
    fields = [("second", SAME, SAME), ("first", SAME, SAME)]
    return Form(Checked, fields, explained, explained)


@pytest.mark.parametrize("first", [Decimal("1.50"), None])
def test_a_record_becomes_a_body_in_order_of_names_and_is_read_again(first: Decimal | None) -> None:
    form, pair = pair_form(), Pair(7, first)
    body = form.encode(pair)

    assert list(body.items()) == [("first", None if first is None else "1.50"), ("second", 7)]
    again = form.decode(body)
    assert (type(again), repr(again), hash(again)) == (Pair, repr(pair), hash(pair))
    with pytest.raises(attrs.exceptions.FrozenInstanceError):
        again.second = 8


def test_one_body_is_not_another() -> None:
    form = pair_form()
    first, second = form.encode(Pair(1)), form.encode(Pair(2))
    assert (first["second"], second["second"]) == (1, 2)


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"second": 7},
        {"second": 7, "first": None, "third": 1},
        {"second": 7, "third": 1},
        {"second": True, "first": None},
        {"second": 7, "first": 1},
        {"second": 7, "first": "x"},
    ],
)
def test_a_body_that_does_not_fit_is_explained(body: dict[str, Any]) -> None:
    assert pair_form().decode(body) == {"explained": body}


@pytest.mark.parametrize("pair", [Pair(True), Pair("7"), Pair(7, 1.5)])  # type: ignore[arg-type]
def test_a_record_that_does_not_fit_is_explained(pair: Pair) -> None:
    assert pair_form().encode(pair) == {"explained": pair}


def test_another_class_is_not_taken_for_its_record() -> None:
    with pytest.raises(TypeError, match="Checked is not Pair"):
        pair_form().encode(Checked(1, 2))


def test_a_constructor_that_checks_is_called() -> None:
    form = checked_form()
    assert form.decode({"first": 1, "second": 12}) == Checked(12, 1)
    body = {"first": 1, "second": 13}
    assert form.decode(body) == {"explained": body}


def test_what_has_no_slot_or_too_many_alternatives_is_refused() -> None:
    def form(cls: type, converters: Any) -> Form:
        return Form(cls, [("second", converters, converters)], explained, explained)

    class Slotless:
        second = 7

    with pytest.raises(TypeError, match="second is no slot"):
        form(Slotless, SAME)
    kinds = dict.fromkeys((int, str, float, bytes, list))
    with pytest.raises(ValueError, match="5 alternatives, not at most 4"):
        form(Pair, kinds)
    with pytest.raises(TypeError, match="'int' is no type"):
        form(Pair, {"int": None})


def test_records_are_tagged_with_their_class() -> None:
    tagged = Tagged({Pair: pair_form(), Checked: checked_form()}, explained, explained)
    records = (Pair(1), Checked(2, 3), Pair(4, Decimal(5)))
    trees = tagged.encode(records)

    assert [list(tree) for tree in trees] == [["Pair"], ["Checked"], ["Pair"]]
    assert tagged.decode(trees) == records


@pytest.mark.parametrize(
    "tree", [[], {}, {"Pair": {}, "Checked": {}}, {"Other": {}}, {"Pair": 1}, {1: {}}, None]
)
def test_what_is_not_tagged_is_explained(tree: Any) -> None:
    tagged = Tagged({Pair: pair_form()}, explained, explained)
    assert tagged.decode([tree]) == ({"explained": tree},)
    assert tagged.encode([tree]) == [{"explained": tree}]


def test_nothing_is_kept_of_what_was_converted() -> None:
    form, value = pair_form(), 10**20
    tagged = Tagged({Pair: form}, explained, explained)
    before = sys.getrefcount(value), sys.getrefcount(Pair)
    for first in ("1", 1, "x"):  # fits, does not, and fails on the way
        for _ in range(100):
            tagged.decode([{"Pair": {"second": value, "first": first}}])
    for first in (Decimal(1), 1):
        for _ in range(100):
            tagged.encode([Pair(value, first)])  # type: ignore[arg-type]
    assert (sys.getrefcount(value), sys.getrefcount(Pair)) == before
