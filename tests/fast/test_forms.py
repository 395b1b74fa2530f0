"""What a form reads of a message is what the protobuf library reads."""

from __future__ import annotations

import random
from typing import Any

import pytest

from _fast.forms import Form
from engine.errors import DecodeError
from engine.sim.wire_forms import Asked, read
from engine.sim.wire_protobuf import message_class

DOUBLE, INT64, INT32, BOOL, STRING, MESSAGE = 1, 3, 5, 8, 9, 11
VALUES: dict[int, list[Any]] = {
    DOUBLE: [0.0, -0.0, 1.5, -1e300, 5e-324, float("inf")],
    INT64: [0, 1, -1, 2**63 - 1, -(2**63)],
    INT32: [0, 1, -1, 127, 128, 300, 2**31 - 1, -(2**31)],
    BOOL: [True, False],
    STRING: ["", "IBM", "Größe", "日" * 100, "a\0b"],
}
ASKED: Asked = (
    *(("orderId", 0), ("contract.symbol", ""), ("order.lmtPrice", None), ("order.orderRef", "")),
    *(("order.transmit", False), ("order.ocaType", -7), ("contract.conId", None)),
)


def filled(proto: Any, chance: random.Random) -> None:
    """Some of its plain fields."""
    fields = [one for one in proto.DESCRIPTOR.fields if one.type in VALUES and not one.is_repeated]
    for field in chance.sample(fields, chance.randint(0, len(fields))):
        setattr(proto, field.name, chance.choice(VALUES[field.type]))


def by_the_library(proto: Any) -> list[Any]:
    found = []
    for path, absent in ASKED:
        *outer, name = path.split(".")
        inner = proto
        for one in outer:
            inner = getattr(inner, one)
        found.append(getattr(inner, name) if inner.HasField(name) else absent)
    return found


@pytest.mark.parametrize("seed", range(100))
def test_a_plain_message(seed: int) -> None:
    chance = random.Random(seed)
    proto = message_class("PlaceOrderRequest")()
    for part in (proto, proto.contract, proto.order):
        filled(part, chance)
    proto.order.softDollarTier.SetInParent()

    row, whole = read("PlaceOrderRequest", ASKED, proto.SerializeToString())

    assert list(map(repr, row)) == list(map(repr, by_the_library(proto)))
    assert whole is None


@pytest.mark.parametrize("seed", range(300))
def test_damage(seed: int) -> None:
    chance = random.Random(seed)
    proto = message_class("PlaceOrderRequest")()
    for part in (proto, proto.contract, proto.order):
        filled(part, chance)
    if seed % 3 == 0:
        proto.order.conditions.add(type=1, price=2.5)
    body = bytearray(proto.SerializeToString() or b"\x08\x01")
    for _ in range(chance.randint(1, 3)):
        body[chance.randrange(len(body))] = chance.randrange(256)
    cut = bytes(body[: chance.randint(0, len(body))]) if seed % 2 else bytes(body)
    kind = message_class("PlaceOrderRequest")

    try:
        proto = kind.FromString(cut)
    except Exception as problem:
        assert type(problem).__name__ == "DecodeError"
        with pytest.raises(DecodeError, match="PlaceOrderRequest"):
            read("PlaceOrderRequest", ASKED, cut)
    else:
        row, _ = read("PlaceOrderRequest", ASKED, cut)
        assert list(map(repr, row)) == list(map(repr, by_the_library(proto)))


def test_the_last_of_several_wins() -> None:
    inner = Form(((2, STRING, 0), (3, INT32, 1)), ("", 0))
    form = Form(((1, MESSAGE, inner),), ("", 0))

    assert form.read(b"\x0a\x03\x12\x01a\x0a\x04\x12\x00\x18\x07") == ("", 7)


@pytest.mark.parametrize(
    "message",
    [
        b"\x20\x01",  # a field that it was not made for
        b"\x0d\0\0\0\0",  # of four bytes
        b"\x0b\x0c",  # a group
        b"\x00\x01",  # number 0
        b"\x12\x02\xc3\x28",  # no text
        b"\x12\x05ab",  # ends within a text
        b"\x08",  # ends before a number
        b"\x08" + b"\xff" * 10 + b"\x01",  # a number of more than 64 bits
        b"\x1a\x01\x01",  # a message that has to be empty
        b"\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01\x01",  # a field beyond all
    ],
)
def test_what_is_left_to_the_library(message: bytes) -> None:
    form = Form(((1, INT64, 0), (2, STRING, None), (3, MESSAGE, None)), (0,))

    assert form.read(b"\x08\x96\x01\x12\x01a\x1a\x00") == (150,)
    assert form.read(message) is None


def test_fields_that_nobody_reads() -> None:
    for number, kind in ((1, 4), (0, STRING)):
        with pytest.raises(ValueError, match=f"field {number}: .* kind {kind}"):
            Form(((number, kind, 0),), ("",))
    with pytest.raises(ValueError, match="no value 1"):
        Form(((1, STRING, 1),), ("",))
    with pytest.raises(ValueError, match="numbers below"):
        Form(((1 << 20, STRING, 0),), ("",))
