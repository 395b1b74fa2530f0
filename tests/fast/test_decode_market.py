"""Ticks and bars of market data in both formats."""

from decimal import Decimal
from typing import Any

import pytest

from _fast.decode import decode
from tests.fast.market_samples import MARKET, SECOND
from tests.fast.order_samples import FORMATS
from tests.fast.payloads import PROTOBUF_VERSIONS, TEXT_VERSIONS, ibapi_calls, protobuf, text


def same(left: tuple[Any, ...], right: tuple[Any, ...]) -> bool:
    return len(left) == len(right) and all(
        a == b or (a != a and b != b) for a, b in zip(left, right, strict=True)
    )


@pytest.mark.parametrize("version", TEXT_VERSIONS)
def test_market_messages_in_text(version: int) -> None:
    for msg_id, fields, _, expected in MARKET:
        found = decode(text(version, msg_id, *fields), version)
        assert same(found, expected), (found, expected)


@pytest.mark.parametrize("version", PROTOBUF_VERSIONS)
def test_market_messages_in_protobuf(version: int) -> None:
    for msg_id, _, message, expected in MARKET:
        found = decode(protobuf(msg_id, message), version)
        assert same(found, expected), (found, expected)


def as_ibapi(payload: bytes, version: int) -> tuple[Any, ...]:
    """The numbers of ibapi's callback: (request id, then floats in the order of its arguments)."""
    args = ibapi_calls(version, payload)[0][1]
    numbers = [float(a) for a in args[1:] if isinstance(a, int | float | Decimal)]
    return (args[0], *numbers)


@pytest.mark.parametrize(("form", "version"), FORMATS)
def test_ibapi_reads_the_same_market(form: str, version: int) -> None:
    for msg_id, fields, message, ours in MARKET:
        payload = (
            protobuf(msg_id, message) if form == "protobuf" else text(version, msg_id, *fields)
        )
        if msg_id == 81 or (msg_id in (1, 2, 50) and {"", "9223372036854775807"} & set(fields)):
            continue  # absent numbers: ibapi has other words for them
        theirs = as_ibapi(payload, version)
        numbers = [x for x in ours[3:7] if x == x]
        if msg_id == 50:
            assert theirs == (ours[1], ours[2] / 1e9, *ours[3:])
        elif msg_id == 99 and fields[1] == 3:
            assert theirs == (9001, SECOND, 187.23, 187.25, 100.0, 200.5)
        elif msg_id == 99:
            assert theirs == (9001, *[fields[1]] * (fields[1] != 4), SECOND, *numbers)
        elif msg_id == 1:
            size = [float(args[2]) for name, args in ibapi_calls(version, payload)[1:]]
            assert (*theirs, *(size or [ours[4]])) == (9001, fields[2], *numbers)
        elif msg_id == 58:
            assert theirs == (9001, 3.0)
        else:
            assert theirs == (9001, fields[2], *numbers)
