"""Messages of protobuf are those of the protobuf library, byte for byte."""

from __future__ import annotations

import pkgutil
import random
from decimal import Decimal
from typing import Any

import ibapi.protobuf
import pytest

from _fast.bodies import Body, text
from engine.sim.wire_messages import Part
from engine.sim.wire_protobuf import body, layout, message_class

DOUBLE, INT64, INT32, BOOL, STRING, MESSAGE = 1, 3, 5, 8, 9, 11
NAMES = [
    one.name.removesuffix("_pb2")
    for one in pkgutil.iter_modules(ibapi.protobuf.__path__)
    if one.name.endswith("_pb2")
]
NUMBERS = [0, 1, -1, 127, 128, 300, 2**31 - 1, -(2**31)]
VALUES: dict[int, list[Any]] = {
    DOUBLE: [0.0, -0.0, 1.5, -1e300, 5e-324, float("inf"), 7, Decimal("0.1")],
    INT64: [*NUMBERS, 2**63 - 1, -(2**63)],
    INT32: NUMBERS,
    BOOL: [True, False, 1, 0],
    STRING: ["IBM", "Größe", "日" * 100, "a\0b", Decimal("1E+3"), Decimal("0.10"), 12, 1.0, True],
}


def said(field: Any, value: Any) -> Any:
    return text(value) if field.type == STRING else value


def filled(kind: Any, chance: random.Random) -> tuple[dict[str, Part], Any]:
    """Values for some fields of a message, in any order, and the message with them."""
    values: dict[str, Part] = {}
    proto = kind._concrete_class()
    fields = [one for one in kind.fields if one.type in VALUES and not one.is_repeated]
    for field in chance.sample(fields, chance.randint(0, len(fields))):
        value = chance.choice([*VALUES[field.type], None, ""])
        values[field.name] = value
        if value is not None and value != "":
            setattr(proto, field.name, said(field, value))
    return values, proto


@pytest.mark.parametrize("name", NAMES)
def test_a_flat_message(name: str) -> None:
    chance = random.Random(name)
    kind = message_class(name).DESCRIPTOR
    for _ in range(20):
        values, proto = filled(kind, chance)
        assert body(name, values) == proto.SerializeToString(), values


@pytest.mark.parametrize("name", NAMES)
def test_messages_within_a_message(name: str) -> None:
    chance = random.Random(name)
    kind = message_class(name).DESCRIPTOR
    inner = [one for one in kind.fields if one.type == MESSAGE]
    inner = [one for one in inner if not one.message_type.GetOptions().map_entry]
    inner = [one for one in inner if one.containing_oneof is None]
    for _ in range(5 if inner else 0):
        values, proto = filled(kind, chance)
        for field in inner:
            found = [filled(field.message_type, chance) for _ in range(chance.randint(1, 3))]
            bodies = [body(field.message_type.name, one) for one, _ in found]
            if field.is_repeated:
                values[field.name] = bodies
                getattr(proto, field.name).extend([one for _, one in found])
            else:
                values[field.name] = bodies[0]
                getattr(proto, field.name).CopyFrom(found[0][1])
        assert body(name, values) == proto.SerializeToString(), values


def test_a_name_with_dots_leads_within() -> None:
    proto = message_class("MarketDepth")(reqId=7)
    assert body("MarketDepth", {"marketDepthData.price": None, "reqId": 7}) == (
        proto.SerializeToString()
    )

    proto.marketDepthData.price, proto.marketDepthData.position = 1.5, 0
    values: dict[str, Part] = {"marketDepthData.price": 1.5, "marketDepthData.position": 0}
    assert body("MarketDepth", {**values, "reqId": 7}) == proto.SerializeToString()

    config = message_class("ConfigResponse")()
    config.api.settings.readOnlyApi = False
    assert body("ConfigResponse", {"api.settings.readOnlyApi": False}) == config.SerializeToString()


def test_empty_text_is_there_as_bytes() -> None:
    proto = message_class("OrderCondition")(exchange="")
    assert body("OrderCondition", {"exchange": b""}) == proto.SerializeToString() != b""


@pytest.mark.parametrize(
    ("value", "error"),
    [(2**31, ValueError), (-(2**31) - 1, ValueError), (1.0, TypeError), ("1", TypeError),
     (b"1", TypeError), (2**64, OverflowError)],
)  # fmt: skip
def test_a_number_that_is_none_of_32_bits(value: Part, error: type[Exception]) -> None:
    with pytest.raises(error):
        body("NextValidId", {"orderId": value})


def test_what_has_no_place_in_a_message() -> None:
    with pytest.raises(TypeError, match="no message"):
        body("OpenOrder", {"order": "BUY"})
    with pytest.raises(UnicodeEncodeError):
        body("AccountValue", {"key": "\ud800"})
    with pytest.raises(KeyError):
        body("AccountValue", {"colour": "red"})
    with pytest.raises(ValueError, match="1 values, not 2"):
        layout("AccountValue", ("key", "value")).of(("AccountType",))
    with pytest.raises(ValueError, match="no value 2"):
        Body(((1, STRING, 2),), 2)
    for number, kind in ((1, 4), (0, STRING), (1 << 29, STRING)):
        with pytest.raises(ValueError, match=f"field {number}: .* kind {kind}"):
            Body(((number, kind, 0),), 1)


@pytest.mark.parametrize(
    ("value", "said"),
    [(None, ""), (True, "1"), (False, "0"), (12, "12"), (1.0, "1.0"), ("a\0b", "a b"),
     (Decimal("1E+3"), "1000"), (Decimal("1E-9"), "0.000000001"), (Decimal("-0.00"), "-0.00"),
     (Decimal("100"), "100"), (Decimal("0.10"), "0.10"), (Decimal("NaN"), "NaN")],
)  # fmt: skip
def test_one_value_as_text(value: Any, said: str) -> None:
    assert text(value) == said


def test_frames_and_rows_of_them() -> None:
    written = layout("AccountValue", ("key", "value", "currency", "accountName"))
    rows = [("Cash", "1.00", "USD"), ("AccountType", "INDIVIDUAL", "")]

    frames = written.frames(206, (), rows, ("DU1",))

    assert frames == [written.frame(206, (*row, "DU1")) for row in rows]
    for frame, row in zip(frames, rows, strict=True):
        bare = written.of((*row, "DU1"))
        assert frame == (len(bare) + 4).to_bytes(4, "big") + (206).to_bytes(4, "big") + bare


@pytest.mark.parametrize("size", [0, 100, 126, 127, 128, 129, 990, 1000, 1010, 1024, 16_384, 10**6])
def test_messages_of_any_length(size: int) -> None:
    proto = message_class("OpenOrder")()
    proto.order.action, proto.contract.symbol = "a" * size, "b" * size
    proto.order.permId, proto.contract.conId = 1, 2
    values: dict[str, Part] = {"order.action": "a" * size, "contract.symbol": "b" * size}
    ids: dict[str, Part] = {"order.permId": 1, "contract.conId": 2}

    if not size:  # empty text is not there
        proto.order.ClearField("action")
        proto.contract.ClearField("symbol")
    assert body("OpenOrder", {**values, **ids}) == proto.SerializeToString()
