"""What is cut short, of the wrong kind or nonsense is refused, and nothing is read beyond it."""

import struct
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from ibapi.protobuf.ExecutionDetails_pb2 import ExecutionDetails
from ibapi.protobuf.Position_pb2 import Position
from ibapi.protobuf.TickByTickData_pb2 import TickByTickData
from ibapi.protobuf.TickSize_pb2 import TickSize

from _fast.decode import MIN_SERVER_VERSION, DecodeError, decode
from tests.fast.market_samples import SECOND, VALID
from tests.fast.order_samples import CONTRACT, EXECUTION, SAMPLES, STATUS, contract_fields
from tests.fast.payloads import protobuf, text

BROKEN = {
    "no id": (178, b""),
    "no end of the id": (178, b"3"),
    "id that is no number": (178, b"x\x00"),
    "id 0": (178, b"0\x001\x00"),
    "negative id": (178, b"-3\x001\x00"),
    "id cut off": (213, b"\x00\x00\x00"),
    "text where an id should be": (213, b"3\x007\x00Filled\x00"),
    "field missing": (178, text(178, 3, *STATUS[1:-1])),
    "last field not ended": (178, text(178, 3, *STATUS[1:])[:-1]),
    "price that is no number": (178, text(178, 1, 6, 9001, 1, "18x", "1", 0)),
    "size that is no number": (178, text(178, 2, 6, 9001, 0, "many")),
    "request id empty": (178, text(178, 2, 6, "", 0, "5")),
    "tick type empty": (178, text(178, 2, 6, 9001, "", "5")),
    "request id beyond 32 bits": (178, text(178, 2, 6, 2**31, 0, "5")),
    "integer beyond 64 bits": (178, text(178, 49, 1, 2**63)),
    "trade without a price": (178, text(178, 99, 9001, 1, SECOND, "", "100", 0, "", "")),
    "trade before time began": (178, text(178, 99, 9001, 1, -1, "1", "100", 0, "", "")),
    "bar without a high": (178, text(178, 50, 3, 9001, SECOND, 1, "", 1, 1, 5, 1, 1)),
    "error without a code": (178, text(178, 4, 2, 7, "", "text", "")),
    "execution without an id": (178, text(178, 11, -1, 7, *contract_fields(), "", *EXECUTION[6:])),
    "execution without a price": (
        178,
        text(178, 11, -1, 7, *contract_fields(), *EXECUTION[5:11], "", *EXECUTION[12:], 0, 0, 0, 0),
    ),
    "account value without its account": (178, text(178, 6, 2, "NetLiquidation", "1", "USD")),
    "quantity that is no number": (178, text(178, 3, 7, "Filled", "all", *STATUS[4:])),
    "text that is not UTF-8": (178, b"15\x001\x00DU\xff\x00"),
    "protobuf not UTF-8": (213, struct.pack(">I", 215) + b"\x0a\x02\xff\xfe"),
    "varint cut off": (213, struct.pack(">I", 209) + b"\x08\x80"),
    "varint too long": (213, struct.pack(">I", 209) + b"\x08" + b"\xff" * 9 + b"\x02"),
    "string beyond the end": (213, struct.pack(">I", 215) + b"\x0a\x05DU1"),
    "string of 2**63 bytes": (213, struct.pack(">I", 215) + b"\x0a" + b"\x80" * 9 + b"\x01"),
    "double cut off": (213, struct.pack(">I", 201) + b"\x08\x01\x10\x01\x19\x00\x00"),
    "fixed32 cut off": (213, struct.pack(">I", 209) + b"\x08\x01\x7d\x00"),
    "known field of another type": (213, struct.pack(">I", 209) + b"\x0a\x01\x01"),
    "group": (213, struct.pack(">I", 209) + b"\x0b\x0c"),
    "field number 0": (213, struct.pack(">I", 209) + b"\x00\x01"),
    "order id beyond 32 bits": (213, struct.pack(">I", 209) + b"\x08\x80\x80\x80\x80\x10"),
    "no request id": (213, protobuf(2, TickSize(tickType=0, size="5"))),
    "size of letters": (213, protobuf(2, TickSize(reqId=9001, tickType=0, size="many"))),
    "no tick inside": (213, protobuf(99, TickByTickData(reqId=9001, tickType=1))),
    "no contract": (213, protobuf(61, Position(account="DU1", position="1"))),
    "no execution": (213, protobuf(11, ExecutionDetails(contract=CONTRACT))),
    "execution as empty as can be": (
        213,
        protobuf(11, ExecutionDetails(contract=CONTRACT, execution={"execId": "e"})),
    ),
}


@pytest.mark.parametrize("name", BROKEN)
def test_a_bad_message_is_refused(name: str) -> None:
    version, payload = BROKEN[name]
    with pytest.raises(DecodeError):
        decode(payload, version)


def test_further_fields_are_no_error() -> None:
    for name, sample in SAMPLES.items():
        more = [*sample.fields(200), "new", "newer", 1]
        if name != "openOrder":
            assert decode(text(200, sample.msg_id, *more), 200) == sample.expected
        unknown = b"\xfa\x3f\x03new\xf8\x3f\x07\xfd\x3f\x00\x00\x00\x00\xf9\x3f" + b"\x01" * 8
        assert decode(protobuf(sample.msg_id, sample.message) + unknown, 213) == sample.expected


def test_everything_else_is_handed_on_as_it_came() -> None:
    assert decode(text(178, 52, 1, 9), 178) == ("cold", 52, False, b"1\x009\x00")
    assert decode(text(213, 47, 1, 9), 213) == ("cold", 47, False, b"1\x009\x00")
    assert decode(struct.pack(">I", 252) + b"\x08\x09", 213) == ("cold", 52, True, b"\x08\x09")
    assert decode(struct.pack(">I", 200), 213) == ("cold", 200, False, b"")


def test_servers_of_unknown_layout_are_refused() -> None:
    with pytest.raises(ValueError, match="175 is older than 176"):
        decode(b"9\x001\x008\x00", MIN_SERVER_VERSION - 1)


def total(payload: bytes, version: int) -> None:
    try:
        assert isinstance(decode(payload, version), tuple)
    except DecodeError as error:
        assert str(error)


@given(st.binary(max_size=200), st.sampled_from([176, 200, 201, 226]))
def test_any_bytes_are_a_message_or_an_error(payload: bytes, version: int) -> None:
    total(payload, version)


@given(st.sampled_from([1, 2, 3, 4, 5, 6, 9, 11, 15, 45, 46, 50, 58, 59, 61, 99]), st.data())
def test_any_body_behind_a_hot_id(msg_id: int, data: st.DataObject) -> None:
    body = data.draw(st.binary(max_size=120))
    total(struct.pack(">I", 200 + msg_id) + body, 226)
    total(f"{msg_id}\0".encode() + body, 200)


@given(st.sampled_from(VALID), st.data())
def test_a_damaged_message_is_a_message_or_an_error(
    valid: tuple[int, bytes], data: st.DataObject
) -> None:
    version, payload = valid
    damaged = bytearray(payload)
    for _ in range(data.draw(st.integers(1, 4))):
        at = data.draw(st.integers(0, len(damaged)))
        damaged[at : at + data.draw(st.integers(0, 3))] = data.draw(st.binary(max_size=3))
    total(bytes(damaged), version)


def test_a_message_cut_short_anywhere_is_a_message_or_an_error() -> None:
    for version, payload in VALID:
        for end in range(len(payload)):
            total(payload[:end], version)


def test_decoding_needs_neither_numpy_nor_a_market() -> None:
    check = (
        "import sys, _fast.decode; sys.exit(not {'numpy', '_fast.market'}.isdisjoint(sys.modules))"
    )
    root = Path(__file__).resolve().parents[2]
    assert subprocess.run([sys.executable, "-c", check], cwd=root, check=False).returncode == 0
