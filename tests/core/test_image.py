"""A state that was written down and read again is the same state: it goes on alike, bit for bit."""

from __future__ import annotations

import random
from collections import deque
from decimal import Decimal
from pathlib import Path

import attrs
import pytest
from hypothesis import HealthCheck, settings

from engine import image as images
from engine.codec import loads
from engine.commands import Command
from engine.config import Config, from_mapping
from engine.core import Core
from engine.daybook import DayBook
from engine.events import AlertEvent
from engine.image import ImageError, from_image, image
from engine.inputs import Input
from engine.state import Asked, State
from tests.core.desk import Desk
from tests.core.test_desk_machine import _PROFILE, DeskMachine
from tests.core.test_scenarios import FOLDER, Script

CONFIG = from_mapping({"strategy": {"symbols": ["AAPL", "MSFT"], "sizing": {"shares": 100}}})


class Played:
    """A core and a book that are fed records."""

    def __init__(self, config: Config) -> None:
        self.core, self.book = Core(config), DayBook()

    def take(self, record: tuple[int, tuple[Input, ...]]) -> list[Command]:
        now_ns, inputs = record
        output = self.core.step(inputs, now_ns)
        self.book.take(self.core.state, output.events, now_ns)
        return output.commands

    def bytes(self) -> bytes:
        return image(self.core.state, self.book)


def check_cuts(desk: Desk, cuts: set[int]) -> None:
    """The run of a desk, written down and read again after the records at ``cuts``: whatever
    follows is the same as without, and so is the state at the end."""
    whole, other = Played(desk.config), Played(desk.config)
    for number, (record, answer) in enumerate(zip(desk.records, desk.answers, strict=True)):
        assert whole.take(record) == answer
        assert other.take(record) == answer
        if number in cuts:
            data = whole.bytes()
            assert other.bytes() == data
            other = Played(desk.config)
            other.core.state, other.book = from_image(data)
            assert other.core.state.digest() == whole.core.state.digest()
            assert other.bytes() == data
            assert list(other.core.state.by_ref) == list(whole.core.state.by_ref)
            assert list(other.core.state.by_perm) == list(whole.core.state.by_perm)
    assert other.core.state.digest() == whole.core.state.digest() == desk.core.state.digest()
    assert other.book == whole.book


@pytest.mark.parametrize("path", sorted(FOLDER.glob("*.txt")), ids=lambda path: path.stem)
def test_every_scenario_goes_on_alike_from_any_record(path: Path) -> None:
    script = Script(path, mirrored=False)
    script.run()
    count = len(script.desk.records)
    check_cuts(script.desk, set(random.Random(path.stem).sample(range(count), min(count, 8))))


class SnapshotMachine(DeskMachine):
    """Any run at all, written down and read again in the middle."""

    def teardown(self) -> None:
        if not hasattr(self, "desk"):
            return
        self.come_to_rest()
        count = len(self.desk.records)
        check_cuts(self.desk, set(random.Random(count).sample(range(count), min(count, 6))))


TestSnapshots = SnapshotMachine.TestCase
TestSnapshots.settings = settings(
    _PROFILE, deadline=None, print_blob=True, suppress_health_check=list(HealthCheck)
)


def traded() -> Desk:
    desk = Desk(CONFIG)
    desk.quote("AAPL", 99.99, 100.0)
    desk.signal("AAPL", "BUY")
    desk.trade("AAPL", 93.9, 10_000)
    return desk


def test_what_json_lacks_survives() -> None:
    state = traded().core.state
    state.account_values["text that was no UTF-8"] = "\udce9"
    state.ask_pause_s = float("nan")
    state.next_number = 2**70
    state.foreign = {7: Decimal("1E+3"), 3: Decimal("-0")}
    state.looking = {"AAPL": ("a", "b"), "MSFT": ()}
    event = AlertEvent(time_ns=5, sequence=6, level="info", text="x", symbol="AAPL")
    state.asked_rules = {"AAPL": (Asked("rule", event, ()),)}
    book = DayBook()
    book._of("AAPL").waiting = deque([1.5, float("-inf")])
    again, other = from_image(image(state, book))

    assert again.digest() == state.digest()
    assert other == book
    assert list(again.foreign.items()) == list(state.foreign.items())
    assert str(again.foreign[7]) == "1E+3"
    assert again.asked_rules["AAPL"][0].event == event


def test_sets_have_one_order() -> None:
    state = State(CONFIG)
    names = [f"signal {number}" for number in range(50)]
    state.round.waiting = set(names)
    other = State(CONFIG)
    other.round.waiting = {*names[25:], *names[:25]}

    assert image(state, DayBook()) == image(other, DayBook())


def test_an_order_out_of_its_place_is_not_written() -> None:
    """Its number would stand for another."""
    state = traded().core.state
    number, order = next(iter(state.orders.items()))
    del state.orders[number]

    with pytest.raises(AssertionError, match=f"order {order.order_id} is not in its place"):
        image(state, DayBook())


def test_a_class_that_is_not_reached_from_the_state_has_no_form() -> None:
    state = State(CONFIG)
    state.run = Path("x")  # type: ignore[assignment]

    with pytest.raises(AssertionError, match="PosixPath has no form"):
        image(state, DayBook())


def test_bytes_that_are_no_image_are_refused() -> None:
    data = image(traded().core.state, DayBook())
    tree = loads(data)
    chance = random.Random(3)
    for _ in range(200):
        damaged = bytearray(data)
        damaged[chance.randrange(len(data))] = chance.randrange(256)
        try:
            from_image(bytes(damaged))
        except ImageError as problem:
            assert "\n" not in str(problem)
    for key in tree:
        with pytest.raises(ImageError, match="KeyError"):
            from_image(images.dumps({one: tree[one] for one in tree if one != key}))
    for data in (b"", b"[]", b"null", b'{"orders":[[]],"contexts":[],"state":[],"book":[]}'):
        with pytest.raises(ImageError):
            from_image(data)


def test_the_shape_names_every_field_and_its_type(monkeypatch: pytest.MonkeyPatch) -> None:
    known = images._classes()
    assert {"State", "Order", "Context", "Ledger", "Rule", "DayBook", "Role"} <= set(known)
    before = images.shape()

    @attrs.frozen
    class Halt:  # with one field of another type
        level: str
        who: str
        why: str
        since_ns: int

    monkeypatch.setattr(images, "_classes", lambda: {**known, "Halt": Halt})
    assert images.shape.__wrapped__() != before
