"""Order frames by splicing: layouts made by hand here, ibapi's own in tests/broker."""

import math
import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from _fast.encode import SLOTS, CancelTemplate, OrderTemplate

NAMES = [name for name in SLOTS if name not in ("nested", "none")]
VALUES = (7, "BUY", "100", 190.25, None, "G", 1, "ref", 5, True, None, 181.5)
printable = st.text(st.characters(min_codepoint=0x20, max_codepoint=0x7E), max_size=255)
ids = st.integers(0, 2_147_483_646)
prices = st.none() | st.floats(allow_nan=False, allow_infinity=False).filter(
    lambda value: abs(value) < 1.7e308 and value != 2147483647.0
)


def text_template():
    steps = [(b"3\0" if name == "order_id" else b"\0", name, b"") for name in NAMES]
    return OrderTemplate([*steps, (b"\0end\0", "none", b"")])


def protobuf_template(slots=("action", "limit_price", "oca_group", "oca_type", "transmit")):
    tags = {"limit_price": b"\x41", "oca_type": b"\xa8\x01", "transmit": b"\xc8\x02"}
    inner = [(b"", slot, tags.get(slot, b"\xa2\x01")) for slot in slots]
    outer = [
        (struct.pack("!I", 203), "order_id", b"\x08"),
        (b"\x12\x00", "nested", b"\x1a"),
        (b"!", "none", b""),
    ]
    return OrderTemplate(outer, [*inner, (b"?", "none", b"")], protobuf=True)


def payload(frame):
    (size,) = struct.unpack_from("!I", frame)
    assert size == len(frame) - 4
    return frame[4:]


def varint(value):
    out = bytearray()
    while value >= 0x80:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes([*out, value])


any_values = st.tuples(
    ids,
    st.sampled_from(["BUY", "SELL"]),
    printable,
    prices,
    prices,
    printable,
    ids,
    printable,
    ids,
    st.booleans(),
    prices,
    prices,
)


@given(any_values)
def test_text_fields_are_what_python_prints(values):
    fields = payload(text_template().splice(*values)).split(b"\0")
    expected = ["" if v is None else int(v) if isinstance(v, bool) else v for v in values]
    assert fields == [b"3", *(str(value).encode() for value in expected), b"end", b""]


@given(ids, printable, prices, printable, ids, st.booleans())
def test_protobuf_lengths_are_those_of_what_is_there(
    order_id, action, limit, group, kind, transmit
):
    frame = protobuf_template().splice(
        order_id, action, "1", limit, None, group, kind, "ref", 5, transmit
    )
    tag = b"\xa2\x01"
    inner = tag + varint(len(action)) + action.encode() if action else b""
    inner += b"\x41" + struct.pack("<d", limit) if limit is not None else b""
    inner += tag + varint(len(group)) + group.encode() if group else b""
    inner += b"\xa8\x01" + varint(kind)
    inner += b"\xc8\x02\x01" if transmit else b""
    inner += b"?"
    expected = struct.pack("!I", 203) + b"\x08" + varint(order_id) + b"\x12\x00"
    assert payload(frame) == expected + b"\x1a" + varint(len(inner)) + inner + b"!"


def test_a_template_can_be_used_again_and_again():
    template = text_template()
    first = template.splice(*VALUES)
    template.splice(8, "SELL", "1", None, 3.5, "x" * 255, 3, "y" * 255, 9, False)
    assert template.splice(*VALUES) == first


@pytest.mark.parametrize("bad", ["a\0b", "caf\u00e9", "line\n", "\x7f", "x" * 256])
@pytest.mark.parametrize("slot", ["action", "quantity", "oca_group", "order_ref"])
def test_text_that_would_shift_or_garble_fields_is_refused(slot, bad):
    values = list(VALUES)
    values[NAMES.index(slot)] = bad
    with pytest.raises(ValueError, match=slot):
        text_template().splice(*values)


@pytest.mark.parametrize("bad", [-1, 2_147_483_647, 1 << 40])
@pytest.mark.parametrize("slot", ["order_id", "oca_type", "parent_id"])
def test_ids_that_tws_reads_as_something_else_are_refused(slot, bad):
    values = list(VALUES)
    values[NAMES.index(slot)] = bad
    with pytest.raises(ValueError, match=slot):
        text_template().splice(*values)


@pytest.mark.parametrize(
    "bad", [math.nan, math.inf, -math.inf, 2147483647.0, 1.7976931348623157e308]
)
@pytest.mark.parametrize("slot", ["limit_price", "aux_price", "trail_percent", "trail_stop_price"])
def test_prices_that_tws_reads_as_none_are_refused(slot, bad):
    values = list(VALUES)
    values[NAMES.index(slot)] = bad
    with pytest.raises(ValueError, match=slot):
        text_template().splice(*values)


@pytest.mark.parametrize(
    ("steps", "reason"),
    [
        ([(b"", "order_id", b""), (b"", "order_id", b"")], "twice"),
        ([(b"", "colour", b"")], "not in"),
        ([(b"", "order_id", b"12345")], "tag"),
        ([(b"", "none", b"")] * 15, "at most 14"),
    ],
)
def test_templates_that_make_no_sense(steps, reason):
    with pytest.raises(ValueError, match=reason):
        OrderTemplate(steps)


def test_a_cancel_has_one_slot():
    template = CancelTemplate([(b"4\0", "order_id", b""), (b"\0end\0", "none", b"")])
    assert payload(template.splice(12345)) == b"4\00012345\0end\0"
    with pytest.raises(ValueError, match="order_id"):
        template.splice(-1)
    with pytest.raises(ValueError, match="no place"):
        CancelTemplate([(b"", "action", b"")])
