"""Whatever TWS fills in of an order, ours or anybody's, is read as ibapi's decoder reads it.

Every field of the messages that the package declares may be there or not: algorithms, legs,
tiers, attributes of orders that we never place, and fields that are newer than both decoders.
"""

from __future__ import annotations

from random import Random
from typing import Any, Final

import pytest
from google.protobuf.descriptor import FieldDescriptor as Field
from hypothesis import given, settings
from hypothesis import strategies as st

from _fast.decode import decode
from tests.fast.order_samples import SAMPLES, Variant, heard_order, order_fields
from tests.fast.payloads import PROTOBUF_VERSIONS, ibapi_calls, protobuf, text

# Of strings, those that ibapi takes for numbers.
NUMBERS: Final = {
    *("totalQuantity", "filledQuantity", "filled", "remaining", "shares", "cumQty", "position"),
    *("cashQty", "suggestedSize", "minSize", "sizeIncrement", "positionDesired", "positionAfter"),
    *("desiredAllocQty", "allowedAllocQty", "lastNumDays"),
}
DECIMALS: Final = ("0", "100", "0.5", "-100.25", "1E-7", "12345678.90", "1E+3")
WORDS: Final = ("", "x", "IBALGORITHM", "größer ☃", "a,b;c", "None", "2147483647")
SKIPPED: Final = {"conditions"}  # each is read as the type that it names, or not at all
SEEDS: Final = st.integers(0, 2**63)


def filled(dice: Random, message: Any, depth: int = 0) -> None:
    """Fill in some of the fields of a message, with values of their types."""
    for field in message.DESCRIPTOR.fields:
        if field.name in SKIPPED or dice.random() < 0.4:
            continue
        many = field.is_repeated
        inner = getattr(message, field.name)
        if field.type != Field.TYPE_MESSAGE:
            values = [value_of(dice, field) for _ in range(dice.randrange(3) if many else 1)]
            if many:
                inner.extend(values)
            else:
                setattr(message, field.name, values[0])
        elif field.message_type.GetOptions().map_entry:
            for _ in range(dice.randrange(3)):
                inner[dice.choice(WORDS)] = dice.choice(WORDS)
        elif depth < 3:
            for _ in range(dice.randrange(3) if many else 1):
                one = inner.add() if many else inner
                one.SetInParent()
                filled(dice, one, depth + 1)


def value_of(dice: Random, field: Any) -> Any:
    if field.type == Field.TYPE_STRING:
        return dice.choice(DECIMALS if field.name in NUMBERS else WORDS)
    if field.type == Field.TYPE_DOUBLE:
        return dice.choice((0.0, -0.0, 1e-9, 187.23, -1e9, dice.uniform(-1e6, 1e6)))
    if field.type == Field.TYPE_BOOL:
        return dice.random() < 0.5
    most = 2**62 if field.type == Field.TYPE_INT64 else 2**30
    return dice.choice((0, 1, -1, most, -most, dice.randrange(most)))


def newer(dice: Random) -> bytes:
    """Fields of a TWS of tomorrow, of every type."""
    out = b""
    for _ in range(dice.randrange(4)):
        kind = dice.choice((0, 1, 2, 5))
        out += varint(dice.randrange(400, 5000) << 3 | kind)
        if kind == 2:
            out += varint(size := dice.randrange(200)) + dice.randbytes(size)
        elif kind == 0:
            out += varint(dice.randrange(2**64))
        else:
            out += bytes(8 if kind == 1 else 4)
    return out


def varint(value: int) -> bytes:
    out = b""
    while value > 0x7F:
        out += bytes([value & 0x7F | 0x80])
        value >>= 7
    return out + bytes([value])


def differences(ours: tuple[Any, ...], theirs: tuple[Any, ...]) -> list[tuple[int, Any, Any]]:
    """Where they differ in more than how they say that something was not sent."""
    pairs = enumerate(zip(ours, theirs, strict=True))
    return [(at, a, b) for at, (a, b) in pairs if a != b and not (not a and unset(b))]


def unset(value: Any) -> bool:
    return value in (None, 0, "", "0", "None", 2**31 - 1, 2**63 - 1, str(2**127 - 1)) or (
        isinstance(value, float) and abs(value) > 1e300
    )


@pytest.mark.parametrize("version", PROTOBUF_VERSIONS)
@pytest.mark.parametrize("name", ["orderStatus", "openOrder", "execDetails", "position"])
@settings(max_examples=60)
@given(seed=SEEDS)
def test_a_message_of_any_fields_is_read_as_ibapi_reads_it(
    name: str, version: int, seed: int
) -> None:
    dice, sample = Random(seed), SAMPLES[name]
    message = type(sample.message)()
    filled(dice, message)
    for part in ("contract", "order", "orderState", "execution"):  # these are always there
        if part in message.DESCRIPTOR.fields_by_name:
            getattr(message, part).SetInParent()
    if name == "execDetails":  # an execution that cannot be told from others is none
        message.execution.execId, message.execution.price = "0000e0d5.01", 187.25
    payload = protobuf(sample.msg_id, message) + newer(dice)
    ((_, args),) = ibapi_calls(version, payload)
    assert differences(decode(payload, version), sample.heard(*args)) == []


@pytest.mark.parametrize("version", [176, 178, 191, 195, 200, 202])
@settings(max_examples=60)
@given(seed=SEEDS)
def test_an_open_order_of_any_shape_is_read_as_ibapi_reads_it(version: int, seed: int) -> None:
    dice = Random(seed)
    prices = ("", "0.0", "-0.0", "187.5", "1.7976931348623157E308", "0.0001")
    variant = Variant(
        delta_neutral=dice.choice(("", "None", "MKT")),
        legs=dice.randrange(4),
        leg_prices=dice.randrange(4),
        smart=dice.randrange(4),
        scale=dice.choice(("", -1.0, 0.0, 0.05, 1.5)),
        hedge=dice.choice(("", "D", "B", "P")),
        delta_neutral_contract=dice.random() < 0.5,
        algo=dice.choice(("", "Vwap", "Twap")),
        algo_params=dice.randrange(4),
        limit=dice.choice(prices),
        aux=dice.choice(prices),
        trail_stop=dice.choice(prices),
        trail_percent=dice.choice(prices),
    )
    fields = [*order_fields(version, variant), *["newer"] * dice.randrange(4)]
    payload = text(version, 5, *fields)
    ((_, args),) = ibapi_calls(version, payload)
    assert differences(decode(payload, version), heard_order(*args)) == []
