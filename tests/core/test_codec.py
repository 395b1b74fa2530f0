"""Records survive the journal exactly, and nothing else is read as a record."""

import json
import math
import types
import typing
from decimal import Decimal

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine import codec
from engine.commands import Cancel, Command, OrderSpec, Place
from engine.errors import JournalError
from engine.inputs import (
    ConditionFired,
    ErrorReported,
    Input,
    InstrumentDefined,
    MarketView,
    OrderIdGranted,
    OrderStatusReported,
    SignalRefused,
    TimerElapsed,
)
from engine.money import Grid

PLACE = Place(
    7,
    "SPY",
    OrderSpec("BUY", Decimal("100"), "LMT", Decimal("1.50"), None, "GTC", False, "DU1", "c1-e"),
)
TEXT = st.text(st.characters(codec=None), max_size=12)  # lone surrogates included
GRIDS = st.lists(
    st.tuples(st.decimals(1, 10**6, places=2), st.decimals("0.0001", 5, places=4)), max_size=3
).map(lambda bands: Grid(((Decimal(0), Decimal("0.01")), *bands)))


def values(hint: object) -> st.SearchStrategy:
    """Anything that a field of this type may hold; written without looking at the codec."""
    scalars = {
        str: TEXT,
        bool: st.booleans(),
        int: st.integers(-(2**63), 2**63 - 1),
        float: st.floats(),
        Decimal: st.decimals(),
        types.NoneType: st.none(),
        Grid: GRIDS,
    }
    if hint in scalars:
        return scalars[hint]
    origin, arguments = typing.get_origin(hint), typing.get_args(hint)
    if origin in (types.UnionType, typing.Union):
        return st.one_of([values(argument) for argument in arguments])
    if origin is typing.Literal:
        return st.sampled_from(arguments)
    if origin is tuple and arguments[-1] is Ellipsis:
        return st.lists(values(arguments[0]), max_size=3).map(tuple)
    if origin is tuple:
        return st.tuples(*map(values, arguments))
    hints = typing.get_type_hints(hint)
    return st.builds(hint, **{a.name: values(hints[a.name]) for a in attrs.fields(hint)})


def records(base: type) -> st.SearchStrategy:
    classes = [cls for cls in codec.record_classes() if issubclass(cls, base)]
    return st.sampled_from(classes).flatmap(values)


def sorted_pairs(pairs: list) -> dict:
    assert [key for key, _ in pairs] == sorted(key for key, _ in pairs)
    return dict(pairs)


def test_every_record_that_is_defined_can_be_stored() -> None:
    defined = {
        cls.__name__
        for module in (codec._inputs, codec._commands)
        for cls in vars(module).values()
        if isinstance(cls, type) and issubclass(cls, Input | Command)
    } - {"Input", "Command"}

    assert {cls.__name__ for cls in codec.record_classes()} == defined
    assert len(defined) > 20


@pytest.mark.parametrize("cls", codec.record_classes(), ids=lambda cls: cls.__name__)
def test_round_trip_is_exact_and_canonical(cls: type) -> None:
    @given(values(cls))
    def check(record: Input | Command) -> None:
        data = codec.to_json(record)
        again = codec.from_json(data)
        # repr tells 1.0 from 1.00, 0.0 from -0.0, and takes one NaN for another.
        assert repr(again) == repr(record)
        assert codec.to_json(again) == data
        json.loads(data, object_pairs_hook=sorted_pairs)

    check()


@given(
    st.integers(-(2**63), 2**63 - 1),
    st.lists(records(Input), max_size=3),
    st.lists(records(Command), max_size=3),
)
def test_a_step_round_trips(now_ns: int, inputs: list, commands: list) -> None:
    data = codec.step_to_json(now_ns, inputs, commands)

    assert repr(codec.step_from_json(data)) == repr((now_ns, tuple(inputs), tuple(commands)))


def test_the_form_is_as_documented() -> None:
    assert codec.to_json(Cancel(7)) == b'{"Cancel":{"order_id":7}}'
    assert codec.to_json(TimerElapsed()) == b'{"TimerElapsed":{}}'
    assert codec.to_json(PLACE) == (
        b'{"Place":{"order_id":7,"spec":{"account":"DU1","action":"BUY","aux_price":null,'
        b'"limit_price":"1.50","oca_group":"","oca_type":0,"order_ref":"c1-e","order_type":"LMT",'
        b'"outside_rth":false,"parent_id":0,"quantity":"100","tif":"GTC","trail_percent":null,"trail_stop_price":null,"transmit":true},'
        b'"symbol":"SPY"}}'
    )


def test_doubles_that_are_no_numbers_are_kept() -> None:
    view = MarketView("SPY", bid=math.nan, ask=math.inf, last=-math.inf)
    again = codec.from_json(codec.to_json(ConditionFired(1, view)))

    assert repr(again) == repr(ConditionFired(1, view))


def test_garbled_text_is_kept_and_does_not_fail_the_record() -> None:
    garbled = ErrorReported(-1, 2174, b"time zone \xff\xfe".decode("utf-8", "surrogateescape"))

    assert codec.from_json(codec.to_json(garbled)) == garbled


@pytest.mark.parametrize(
    ("record", "place"),
    [
        (Cancel("7"), "Cancel.order_id is str, not int"),
        (Cancel(True), "Cancel.order_id is bool, not int"),
        (attrs.evolve(PLACE, symbol=None), "Place.symbol is NoneType, not str"),
        (
            attrs.evolve(PLACE, spec=attrs.evolve(PLACE.spec, quantity=100.0)),
            "Place.spec OrderSpec.quantity is float, not Decimal",
        ),
        (
            attrs.evolve(PLACE, spec=attrs.evolve(PLACE.spec, action="BOT")),
            "Place.spec OrderSpec.action has no value 'BOT'",
        ),
        (OrderIdGranted(2**64), "65 bits"),
        (OrderIdGranted(-(2**63) - 1), "64 bits"),
    ],
)
def test_a_value_that_does_not_fit_stops_at_the_writer(record: Command, place: str) -> None:
    with pytest.raises(AssertionError, match=place.replace(".", r"\.")):
        codec.to_json(record)


def test_a_long_integer_beside_garbled_text_is_refused_too() -> None:
    with pytest.raises(AssertionError, match="80 bits"):
        codec.to_json(ErrorReported(2**79, 1, "\udcff"))


def test_only_inputs_and_commands_are_stored() -> None:
    with pytest.raises(AssertionError, match="MarketView is neither an input nor a command"):
        codec.to_json(MarketView("SPY"))


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b'{"Sell":{}}', "unknown class 'Sell'"),
        (b'{"Input":{}}', "unknown class 'Input'"),
        (b'{"MarketView":{"symbol":"SPY"}}', "unknown class 'MarketView'"),
        (b'{"Cancel":{"order_id":7,"why":1}}', "Cancel has no field 'why'"),
        (b'{"Cancel":{}}', "Cancel lacks its field 'order_id'"),
        (b'{"Cancel":{"order_id":"7"}}', "Cancel.order_id is str, not int"),
        (b'{"Cancel":{"order_id":7.0}}', "Cancel.order_id is float, not int"),
        (b'{"Cancel":{"order_id":99999999999999999999999}}', "Cancel.order_id is float, not int"),
        (b'{"Cancel":{"order_id":true}}', "Cancel.order_id is bool, not int"),
        (b'{"Cancel":[7]}', "Cancel is not an object"),
        (b'{"Snapshot":{"kind":"all"}}', "Snapshot.kind has no value 'all'"),
        (b'{"OrderIdGranted":{"next_order_id":null}}', "is NoneType, not int"),
        (b'{"Cancel":{"order_id":7},"Snapshot":{"kind":"positions"}}', "one key"),
        (b"{}", "one key"),
        (b"[]", "one key"),
        (b"{", "not JSON"),
        (b"\xff", "not JSON"),
        (b"", "not JSON"),
        (b"[" * 100_000, "not JSON"),
    ],
)
def test_what_does_not_fit_is_not_read(data: bytes, reason: str) -> None:
    with pytest.raises(JournalError) as caught:
        codec.from_json(data)

    assert reason in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("old", "new", "reason"),
    [
        ('"filled":"0"', '"filled":"zero"', "OrderStatusReported.filled 'zero' is not a decimal"),
        ('"filled":"0"', '"filled":0', "OrderStatusReported.filled is int, not str"),
        ('"filled":"0"', '"felled":"0"', "OrderStatusReported has no field 'felled'"),
    ],
)
def test_a_wrong_field_is_named(old: str, new: str, reason: str) -> None:
    status = OrderStatusReported(1, 2, 3, 0, "Submitted", Decimal(0), Decimal(100), Decimal(0), "")
    text = codec.to_json(status).decode()
    assert old in text

    with pytest.raises(JournalError) as caught:
        codec.from_json(text.replace(old, new).encode())

    assert reason in str(caught.value)


def test_a_field_that_has_a_default_may_be_missing() -> None:
    """A journal of before the field existed; the fields that are there are still checked."""
    assert codec.from_json(
        b'{"ConditionFired":{"number":1,"market":{"symbol":"SPY","bid":1.5}}}'
    ) == ConditionFired(1, MarketView("SPY", bid=1.5))
    with pytest.raises(JournalError, match=r"MarketView\.bid is bool"):
        codec.from_json(b'{"ConditionFired":{"number":1,"market":{"symbol":"SPY","bid":true}}}')


def test_a_nested_record_that_refuses_its_values_is_a_journal_error() -> None:
    data = b'{"InstrumentDefined":{"instrument":{"symbol":"SPY","con_id":1,"grid":{"bands":[]}}}}'

    with pytest.raises(JournalError, match="a price grid starts with a band at 0"):
        codec.from_json(data)
    with pytest.raises(JournalError, match="has 1 elements, not 2"):
        codec.from_json(data.replace(b'"bands":[]', b'"bands":[["0"]]'))
    with pytest.raises(JournalError, match="'x' is not a decimal"):
        codec.from_json(data.replace(b'"bands":[]', b'"bands":[["0","x"]]'))
    assert isinstance(
        codec.from_json(data.replace(b'"bands":[]', b'"bands":[["0","0.01"]]')), InstrumentDefined
    )


@given(st.binary(max_size=60) | TEXT.map(lambda text: text.encode("utf-8", "surrogatepass")))
def test_any_bytes_give_a_record_or_a_journal_error(data: bytes) -> None:
    with pytest.raises(JournalError):
        codec.from_json(data)


@given(st.data())
def test_any_change_of_a_record_gives_a_record_or_a_journal_error(data: st.DataObject) -> None:
    text = bytearray(codec.to_json(data.draw(records(Input) | records(Command))))
    for _ in range(data.draw(st.integers(1, 3))):
        text[data.draw(st.integers(0, len(text) - 1))] = data.draw(st.integers(0, 255))
    try:
        record = codec.from_json(bytes(text))
    except JournalError as problem:
        assert str(problem).startswith("record cannot be read: ")
    else:
        assert repr(codec.from_json(codec.to_json(record))) == repr(record)


@pytest.mark.parametrize(
    "data",
    [
        b'{"commands":[],"inputs":[]}',
        b'{"commands":[],"inputs":[],"now_ns":1.5}',
        b'{"commands":{},"inputs":[],"now_ns":1}',
        b'{"commands":[],"inputs":[],"now_ns":1,"more":2}',
        b'{"commands":[],"inputs":[{"Cancel":{"order_id":7}}],"now_ns":1}',
        b'{"commands":[{"TimerElapsed":{}}],"inputs":[],"now_ns":1}',
        b"[]",
    ],
)
def test_a_step_of_another_shape_is_not_read(data: bytes) -> None:
    with pytest.raises(JournalError):
        codec.step_from_json(data)


def test_the_same_record_has_one_form() -> None:
    refused = SignalRefused("api", "SPY", "too_old", "5 s")

    assert codec.to_json(refused) == codec.to_json(codec.from_json(codec.to_json(refused)))
    assert codec.to_json(refused) != codec.to_json(attrs.evolve(refused, detail="6 s"))
